"""Statements as a driver takes them: SQL, and its values in order; each is written once.

    statement, names of its values ──first time──▶ SQLAlchemy writes the SQL ──▶ kept
                                   ──afterwards──▶ look-up, and a tuple of values

SQLAlchemy describes tables and writes SQL; it does not run it. Going through its connections costs
several times what SQLite or PostgreSQL take for a statement of ours.

A list (`IN`) is as many values in the SQL. It is filled up with its last value to a power of two,
so that a database sees a few texts and not one for each length.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, Dialect, Executable, Select
from sqlalchemy.sql.compiler import SQLCompiler

Values = Mapping[str, Any]

_FEW: Final = (0, 1)
"""Lengths of lists that stay as they are."""


class Statements:
    """The statements of one database."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._forms: dict[tuple[Executable, tuple[str, ...]], _Form] = {}

    def one(self, statement: Executable, values: Values) -> tuple[str, tuple[Any, ...]]:
        """The SQL of a statement, and the values in their order.

        Statements are told apart by identity: hand in one that is made once.
        """
        return self._form(statement, values).filled(values)

    def each(
        self, statement: Executable, rows: Sequence[Values]
    ) -> tuple[str, list[tuple[Any, ...]]]:
        """The same for several rows of values, all with the same names, none with a list."""
        form = self._form(statement, rows[0])
        filled = [form.filled(row) for row in rows]
        return filled[0][0], [values for _, values in filled]

    def _form(self, statement: Executable, values: Values) -> "_Form":
        key = (statement, tuple(values))
        form = self._forms.get(key)
        if form is None:
            compiled = statement.compile(dialect=self._dialect, column_keys=list(values))  # type: ignore[attr-defined]  # all of ours are clauses
            form = self._forms[key] = _Form(compiled, self._dialect)
        return form


class _Form:
    """One statement with one set of names."""

    def __init__(self, compiled: SQLCompiler, dialect: Dialect) -> None:
        for bind in compiled.bind_names:
            _check_plain(bind, dialect)
        self._compiled = compiled
        self._fixed = dict(compiled.params)
        self._lists = [name for bind, name in compiled.bind_names.items() if bind.expanding]
        self._texts: dict[tuple[int, ...], tuple[str, tuple[str, ...]]] = {}
        if not self._lists:
            self._texts[()] = (compiled.string, tuple(compiled.positiontup or ()))

    def filled(self, values: Values) -> tuple[str, tuple[Any, ...]]:
        """The SQL for these values, and their order."""
        merged = {**self._fixed, **values}
        lengths = tuple(self._spread(merged, name) for name in self._lists)
        if (text := self._texts.get(lengths)) is None:
            text = self._texts[lengths] = self._written(merged)
        sql, order = text
        return sql, tuple([merged[name] for name in order])

    def _spread(self, merged: dict[str, Any], name: str) -> int:
        """Fill a list up, and add its members under the names that the SQL has for them."""
        members = list(merged[name])
        if len(members) not in _FEW:
            members += members[-1:] * ((1 << (len(members) - 1).bit_length()) - len(members))
        merged[name] = members
        for no, member in enumerate(members, 1):
            merged[f"{name}_{no}"] = member
        return len(members)

    def _written(self, merged: Values) -> tuple[str, tuple[str, ...]]:
        expanded = self._compiled.construct_expanded_state(
            {name: merged[name] for name in self._compiled.params}
        )
        return expanded.statement, tuple(expanded.positiontup or ())


@cache
def narrowed(statement: Select[Any], *conditions: ColumnElement[bool]) -> Select[Any]:
    """A statement with more conditions; the same object for the same ones, to be written once."""
    return statement.where(*conditions)


def _check_plain(bind: BindParameter[Any], dialect: Dialect) -> None:
    """Values go to drivers as they are, so no type may want to change them on the way."""
    if bind.type.dialect_impl(dialect).bind_processor(dialect) is not None:
        raise TypeError(f"the value '{bind.key}' is no text and no whole number: see columns.py")
