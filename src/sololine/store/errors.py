"""What a transaction can run into; internal, never an answer to a caller.

    Raced                somebody else was faster; `Store.run` runs the work again
    Fenced               the line lost its lease; its word no longer counts
    DatabaseError        the database did not do what it was asked
    ├── Busy             it met another transaction; `Store.run` runs the work again
    ├── Unstorable       for its data; the same data will be refused again
    │   └── Clash        a unique key is taken, or a foreign key points nowhere
    └── NoSuchTable      the schema is not there

None is caught inside the work: the transaction is void, so catching them saves nothing.
"""

from sololine.core.sentence import Sentence


class Raced(Exception):
    """Somebody took in the meantime what this transaction decided to take; decide again."""


class Fenced(Exception):
    """A line wrote with a lease that is no longer its own; nothing was written, and it must end."""


class DatabaseError(Exception):
    """The database did not do what it was asked: it is away, say.

    What the driver said is the cause. Neither holds a value of a row: errors reach logs.
    """


class Busy(DatabaseError):
    """It met another transaction; the same work may succeed when it is done again."""


class Unstorable(DatabaseError):
    """The data cannot be stored; the same data will be refused again."""


class Clash(Unstorable):
    """A unique key is taken, or a foreign key points nowhere."""


class NoSuchTable(DatabaseError):
    """The schema is not there, or is another one."""


class SchemaBehind(Exception):
    """The database has not been brought to this version's schema."""

    def __init__(self, found: str | None, needed: str) -> None:
        super().__init__(
            Sentence(
                "the database is at revision {found}, and this version needs {needed}; "
                "run `sololine migrate`",
                found=found or Sentence("none"),
                needed=needed,
            )
        )
        self.found = found
        self.needed = needed
