"""What a transaction can run into; internal, never an answer to a caller.

    Raced     somebody else was faster; `Store.run` runs the work again
    Fenced    the line lost its lease; its word no longer counts

Neither is caught inside the work: the transaction is void, so catching them saves nothing.
"""


class Raced(Exception):
    """Somebody took in the meantime what this transaction decided to take; decide again."""


class Fenced(Exception):
    """A line wrote with a lease that is no longer its own; nothing was written, and it must end."""


class SchemaBehind(Exception):
    """The database has not been brought to this version's schema."""

    def __init__(self, found: str | None, needed: str) -> None:
        super().__init__(
            f"the database is at revision {found or 'none'}, and this version needs {needed}; "
            "run `sololine migrate`"
        )
        self.found = found
        self.needed = needed
