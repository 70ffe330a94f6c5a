"""The revisions of the schema; `sololine.store.revisions` runs them."""
