"""The revisions of the schema; `sololine.store.migrate` runs them."""
