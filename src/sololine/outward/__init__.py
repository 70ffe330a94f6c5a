"""How we reach addresses that users name: webhooks, and URLs of media.

A user's URL is a way to make this server talk to whatever it can reach: a database beside it, a
router, a cloud's metadata. So all such requests go through `Outward`:

    URL ── check the form ──▶ httpcore2 pool ── connect ──▶ Doorkeeper ──▶ socket
                                                              │
                                          resolve once, judge every address,
                                          connect to one that was judged

The name is resolved in the moment of connecting and never again, and the connection goes to the
very address that was judged: a name that answers differently the second time gains nothing. TLS
still proves the name. Connections that are kept alive lead to where they were judged to lead.

`addresses` judges; `doorkeeper` resolves and connects; `requests` speaks HTTP, and neither follows
redirects nor asks the environment for proxies.
"""

from sololine.outward.errors import (
    ForbiddenAddress,
    InvalidUrl,
    OutwardError,
    TooLarge,
    UnexpectedAnswer,
    Unreachable,
)
from sololine.outward.requests import Answer, Fetched, Outward

__all__ = [
    "Answer",
    "Fetched",
    "ForbiddenAddress",
    "InvalidUrl",
    "Outward",
    "OutwardError",
    "TooLarge",
    "UnexpectedAnswer",
    "Unreachable",
]
