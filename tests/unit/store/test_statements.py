"""A statement is written once for each driver, and its values stand where the SQL wants them."""

import sqlite3
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import (
    JSON,
    Column,
    Dialect,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite

from sololine.store.statements import Statements, narrowed
from sololine.store.tables import metadata

LITE = SQLiteDialect_aiosqlite()
POST: Dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call]  # it says no types

things = Table("things", MetaData(), Column("id", Integer), Column("name", Text))
AMONG = select(things.c.id).where(things.c.id.in_(bindparam("ids", expanding=True)))
NOT_AMONG = select(things.c.id).where(things.c.id.not_in(bindparam("ids", expanding=True)))
NAMED = select(things).where(things.c.name == bindparam("called"))


def found(statement: Any, ids: list[int], there: list[int]) -> list[int]:
    sql, values = Statements(LITE).one(statement, {"ids": ids})
    database = sqlite3.connect(":memory:")
    try:
        database.execute("CREATE TABLE things (id INTEGER, name TEXT)")
        database.executemany("INSERT INTO things VALUES (?, '')", [(each,) for each in there])
        return [row[0] for row in database.execute(sql, values)]
    finally:
        database.close()


NUMBERS = st.lists(st.integers(0, 40), max_size=40)


@given(ids=NUMBERS, there=NUMBERS)
def test_a_list_of_any_length_means_its_members(ids: list[int], there: list[int]) -> None:
    assert found(AMONG, ids, there) == [each for each in there if each in ids]
    assert found(NOT_AMONG, ids, there) == [each for each in there if each not in ids]


@pytest.mark.parametrize("dialect", [LITE, POST])
def test_lists_of_all_lengths_make_a_few_texts(dialect: Dialect) -> None:
    statements = Statements(dialect)
    texts = {statements.one(AMONG, {"ids": list(range(length))})[0] for length in range(1001)}
    assert len(texts) == 12


@pytest.mark.parametrize("dialect", [LITE, POST])
def test_values_stand_in_the_order_of_the_sql(dialect: Dialect) -> None:
    change = update(things).where(things.c.id == bindparam("thing"), things.c.name == "fixed")
    _, values = Statements(dialect).one(change, {"thing": 7, "name": "new"})
    assert values == ("new", 7, "fixed")


def test_postgresql_gets_one_value_for_a_name_that_stands_twice() -> None:
    twice = NAMED.where(things.c.name != bindparam("called"))
    assert Statements(POST).one(twice, {"called": "a"})[1] == ("a",)
    assert Statements(LITE).one(twice, {"called": "a"})[1] == ("a", "a")


def test_only_the_columns_that_have_a_value_are_written() -> None:
    statements = Statements(LITE)
    assert statements.one(insert(things), {"id": 1})[0] == "INSERT INTO things (id) VALUES (?)"
    both = "INSERT INTO things (id, name) VALUES (?, ?)"
    assert statements.one(insert(things), {"id": 1, "name": "a"}) == (both, (1, "a"))
    rows = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    assert statements.each(insert(things), rows) == (both, [(1, "a"), (2, "b")])


def test_a_list_may_stand_in_the_statement_itself() -> None:
    fixed = update(things).where(things.c.id.in_((4, 5, 6)))
    sql, values = Statements(LITE).one(fixed, {"name": "new"})
    assert sql == "UPDATE things SET name=? WHERE things.id IN (?, ?, ?, ?)"
    assert values == ("new", 4, 5, 6, 6)


def test_a_narrowed_statement_is_one_object() -> None:
    condition = things.c.id == bindparam("thing")
    assert narrowed(NAMED, condition) is narrowed(NAMED, condition)
    assert narrowed(NAMED, condition) is not NAMED
    assert Statements(LITE).one(narrowed(NAMED, condition), {"called": "a", "thing": 1})[1] == (
        *("a", 1),
    )


def test_a_value_that_a_type_would_change_is_refused() -> None:
    documents = Table("documents", MetaData(), Column("body", JSON))
    with pytest.raises(TypeError, match=r"^the value 'body' is no text and no whole number"):
        Statements(LITE).one(insert(documents), {"body": {}})


@pytest.mark.parametrize("dialect", [LITE, POST])
def test_what_columns_hold_is_read_as_it_is(dialect: Dialect) -> None:
    for table in metadata.tables.values():
        for column in table.c:
            type_ = column.type.dialect_impl(dialect)
            assert type_.result_processor(dialect, None) is None, column
