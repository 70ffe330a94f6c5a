"""The store: one concrete Store on SQLite and PostgreSQL, a file a noun.

    Store (store.py) ── run, read ──▶ Transaction ──▶ tenants, keys, bots, sessions, claims,
                                                      leases, events, retired, attempts

`tables.py` holds the schema and the law in it; `migrate.py` brings a database to it.
"""
