"""The store: one concrete Store on SQLite and PostgreSQL, a file a noun.

    Store (store.py) ── run, read ──▶ Transaction ──▶ tenants, keys, bots, sessions, claims,
                                                      leases, events, retired, attempts,
                                                      messages, chats, media, chores, trainings,
                                                      webhooks, deliveries, census

`MeteredStore` (metered.py) is the same store, and counts what it commits. `tables/` holds the
schema, the law in it, and the order of locks; `migrate.py` brings a database to it.
"""
