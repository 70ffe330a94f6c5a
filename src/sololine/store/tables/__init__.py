"""The tables, and the law in them.

    tenants ─┬─ api_keys                                              law.py
             ├─ bots ─┬─ bot_sessions ◀══════▶ number_claims
             │        │                the law
             │        ├─ restorations
             │        ├─ messages ─── message_forms                   talk.py
             │        │      └──────▶ media
             │        ├─ chats, chores, trainings
             │        └─ listings                                      listings.py
             ├─ events                                                telling.py
             ├─ webhooks ─── deliveries
             ├─ retired_devices                                       law.py
             └─ connection_attempts

**The law**: a number is claimed by a bot exactly while that bot is linked with it. A held claim and
the linked session point at each other by number and bot, by foreign keys that are checked at the
commit. So no transaction, right or wrong, can leave a link without its claim or a claim without its
link, and the primary key of `number_claims` leaves room for one bot a number.

**Lock order**, for every transaction that writes:

    session → claims, listings → the tenant's counter → messages, chats, chores, media,
                                                        webhooks, deliveries

A transaction that appends events appends them before it changes any of the last group, since it
holds the counter from there to its commit: those who append are then alone among those rows, and
wait only for transactions that hold none of the locks before. Within the group, many rows of one
table are changed in the order of their keys. Rows that are new are waited for by nobody, unless by
a unique key: messages are added after the counter (they need their event's place), so two that want
one key cannot wait for each other. `store/connection.py` refuses to do it otherwise. Who writes:

    the bot's line     messages, chats, chores, media      has locked the session before
    the API            new messages, media and chores, chats, webhooks
    the courier        deliveries, webhooks
    deleting a bot     all that is the bot's               session, claims and counter before

Columns are TEXT, BIGINT (milliseconds since 1970, or counts) and INTEGER (small counts, 0 and 1).
Changing a table needs a revision in `store/migrations/versions`; a test compares the two.
"""

from sololine.store.tables.law import (
    api_keys,
    bot_sessions,
    bots,
    connection_attempts,
    deployment,
    number_claims,
    restorations,
    retired_devices,
    tenants,
)
from sololine.store.tables.listings import listings
from sololine.store.tables.schema import metadata
from sololine.store.tables.talk import chats, chores, media, message_forms, messages, trainings
from sololine.store.tables.telling import deliveries, events, webhooks

__all__ = [
    "api_keys",
    "bot_sessions",
    "bots",
    "chats",
    "chores",
    "connection_attempts",
    "deliveries",
    "deployment",
    "events",
    "listings",
    "media",
    "message_forms",
    "messages",
    "metadata",
    "number_claims",
    "restorations",
    "retired_devices",
    "tenants",
    "trainings",
    "webhooks",
]
