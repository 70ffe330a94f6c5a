"""Who calls: an API key in `x-api-key`, or in `Authorization: Bearer`."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from starlette.websockets import WebSocket

from sololine.actions.gateway import Gateway
from sololine.core.access import Caller
from sololine.core.errors import NotAuthenticated
from sololine.core.ids import DEFAULT_TENANT
from sololine.core.sentence import Sentence

api_key: Final = APIKeyHeader(name="x-api-key", auto_error=False, description="Your API key.")
bearer_key: Final = HTTPBearer(auto_error=False, description="Your API key.")
_KEY_MAX: Final = 200

KEY_PROTOCOL: Final = "sololine.key."
"""Before the key in a WebSocket's subprotocols, where a browser's page can put it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """Tells whose an API key is.

    Attributes:
        secret: keys the digests, so that a stolen database does not tell a guessed key from a
            wrong one.
        bootstrap: the key of the default tenant that comes from the settings.
        metrics: the key that opens the metrics and nothing else; None for none.
    """

    secret: bytes
    bootstrap: str
    metrics: str | None = None

    def digest(self, key: str) -> str:
        """What the store keeps in place of a key."""
        return hmac.new(self.secret, key.encode(), hashlib.sha256).hexdigest()

    async def caller(self, gateway: Gateway, key: str | None) -> Caller:
        """The caller that a key stands for.

        Raises:
            NotAuthenticated: there is no key, or nobody's.
        """
        if not key or len(key) > _KEY_MAX:
            raise NotAuthenticated
        if _same(key, self.bootstrap):
            return Caller(tenant=DEFAULT_TENANT)
        async with gateway.store.read() as tx:
            tenant = await tx.keys.tenant_of(self.digest(key))
        if tenant is None:
            raise NotAuthenticated(
                Sentence("This API key is unknown or was revoked. Check x-api-key.")
            )
        return Caller(tenant=tenant)

    def is_operators(self, key: str | None) -> bool:
        """Whether a key is one of those that the settings name."""
        return bool(key) and any(
            _same(str(key), known) for known in (self.bootstrap, self.metrics) if known
        )


def _same(given: str, known: str) -> bool:
    """Whether two keys are the same; the answer takes as long, whatever they have in common."""
    return hmac.compare_digest(given.encode(), known.encode())


def new_key() -> str:
    """A fresh API key with 192 random bits."""
    return f"sl_{secrets.token_urlsafe(24)}"


async def authenticated(
    request: Request,
    key: Annotated[str | None, Security(api_key)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(bearer_key)],
) -> Caller:
    """The caller of a request."""
    known: Caller | None = getattr(request.state, "caller", None)
    if known is not None:
        return known
    keyring: Keyring = request.app.state.keyring
    given = key or (bearer.credentials if bearer else None)
    return await keyring.caller(gateway_of(request), given)


async def authenticate_first(request: Request) -> None:
    """Find out who calls before the body is read; `authenticated` then knows it.

    Raises:
        NotAuthenticated: there is no key, or nobody's.
    """
    key, bearer = await api_key(request), await bearer_key(request)
    request.state.caller = await authenticated(request, key, bearer)


async def authenticated_socket(socket: WebSocket) -> Caller:
    """The caller behind a WebSocket: its key comes in a header, or as a subprotocol.

    Raises:
        NotAuthenticated: there is no key, or nobody's.
    """
    given = socket.headers.get("x-api-key")
    scheme, _, bearer = socket.headers.get("authorization", "").partition(" ")
    if given is None and scheme.lower() == "bearer":
        given = bearer.strip()
    for offered in socket.scope.get("subprotocols", []):
        if given is None and offered.startswith(KEY_PROTOCOL):
            given = offered.removeprefix(KEY_PROTOCOL)
    keyring: Keyring = socket.app.state.keyring
    return await keyring.caller(socket.app.state.gateway, given)


def gateway_of(request: Request) -> Gateway:
    """The gateway that the app was built around."""
    gateway: Gateway = request.app.state.gateway
    return gateway


CallerOf = Annotated[Caller, Depends(authenticated)]
GatewayOf = Annotated[Gateway, Depends(gateway_of)]
