"""What all tables are made of: one `metadata`, and CHECKs in the forms that recur."""

from enum import StrEnum
from typing import Final

from sqlalchemy import CheckConstraint, Index, MetaData, text

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    """A column that holds a word of an enum, or nothing where it may be null."""
    listed = ", ".join(f"'{word.value}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def together(name: str, *columns: str) -> CheckConstraint:
    """Columns that are all null or all set."""
    first, *others = columns
    same = " AND ".join(f"({first} IS NULL) = ({other} IS NULL)" for other in others)
    return CheckConstraint(same, name=name)


def check(name: str, sql: str) -> CheckConstraint:
    """What holds for each row."""
    return CheckConstraint(sql, name=name)


def some(name: str, where: str, *columns: str, unique: bool = False) -> Index:
    """An index of those rows only for which `where` holds.

    A query uses it when it says the same with the same literals: parameters are not looked at.
    """
    return Index(
        name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where)
    )
