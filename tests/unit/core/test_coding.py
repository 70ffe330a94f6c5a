import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NewType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.core.coding import BadCoding, ClosedUnion, name_of

Name = NewType("Name", str)


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    no: int
    label: str = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    x: float
    y: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    text: str
    name: Name | None
    no: int
    yes: bool
    share: float
    raw: bytes
    wait: timedelta
    colour: Colour
    part: Part
    parts: tuple[Part, ...]
    shape: Part | Point
    maybe: Part | Point | None
    at: datetime
    colours: frozenset[Colour]
    names: frozenset[Name]
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    pass


THINGS = ClosedUnion("thing", Everything | Nothing)
KEPT = ClosedUnion("thing", Everything | Nothing, lenient=True)
ONE = ClosedUnion("thing", Part)

PARTS = st.builds(Part, no=st.integers(), label=st.text(max_size=5))
FLOATS = st.floats(allow_nan=False)
INSTANTS = st.datetimes(timezones=st.just(UTC)).map(
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)
SHAPES = PARTS | st.builds(Point, x=FLOATS, y=st.none() | FLOATS)
EVERYTHING = st.builds(
    Everything,
    text=st.text(max_size=5),
    name=st.none() | st.text(max_size=5).map(Name),
    no=st.integers(),
    yes=st.booleans(),
    share=FLOATS,
    raw=st.binary(max_size=5),
    wait=st.timedeltas(),
    colour=st.sampled_from(Colour),
    part=PARTS,
    parts=st.lists(PARTS, max_size=2).map(tuple),
    shape=SHAPES,
    maybe=st.none() | SHAPES,
    at=INSTANTS,
    colours=st.frozensets(st.sampled_from(Colour)),
    names=st.frozensets(st.text(max_size=5).map(Name), max_size=3),
    words=st.lists(st.text(max_size=5), max_size=2).map(tuple),
)
GOOD: dict[str, Any] = THINGS.to_json(
    Everything(
        text="a",
        name=None,
        no=1,
        yes=True,
        share=0.5,
        raw=b"\x00",
        wait=timedelta(seconds=1),
        colour=Colour.RED,
        part=Part(no=1),
        parts=(Part(no=2),),
        shape=Point(x=1),
        maybe=None,
        at=datetime(1970, 1, 2, tzinfo=UTC),
        colours=frozenset({Colour.RED}),
        names=frozenset({Name("b"), Name("a")}),
    )
)


@pytest.mark.parametrize("union", [THINGS, KEPT], ids=["strict", "lenient"])
@given(thing=EVERYTHING | st.just(Nothing()))
def test_a_value_is_read_as_it_was_written(union: ClosedUnion, thing: Any) -> None:
    assert union.from_json(json.loads(json.dumps(union.to_json(thing)))) == thing


def test_a_value_is_written_as_its_name_and_its_fields() -> None:
    assert THINGS.to_json(Nothing()) == {"thing": "nothing"}
    assert ONE.to_json(Part(no=1)) == {"thing": "part", "no": 1, "label": "none"}
    assert GOOD["shape"] == {"shape": "point", "x": 1, "y": None}
    assert GOOD["part"] == {"no": 1, "label": "none"}
    assert (GOOD["at"], GOOD["names"]) == (86_400_000, ["a", "b"])
    assert (GOOD["wait"], GOOD["raw"], GOOD["colour"]) == (1_000_000, "AA==", "red")


def test_a_name_is_the_class_in_snake_case() -> None:
    class QrIssued:
        pass

    assert name_of(QrIssued) == "qr_issued"


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"thing": "other"},
        {"thing": None},
        {"thing": ["nothing"]},
        {"thing": "nothing", "spare": 1},
        {"thing": "everything"},
        *(
            {**GOOD, field: value}
            for field, value in [
                ("text", 1),
                ("name", 1),
                ("no", True),
                ("no", 1.0),
                ("yes", 1),
                ("share", "1"),
                ("share", 10**400),
                ("raw", "A"),
                ("raw", "ü"),
                ("raw", None),
                ("wait", 10**30),
                ("at", 10**30),
                ("at", "1"),
                ("at", True),
                ("names", "ab"),
                ("names", [1]),
                ("colours", ["blue"]),
                ("wait", "1"),
                ("colour", "blue"),
                ("colour", 1),
                ("part", None),
                ("part", []),
                ("part", {"no": 1}),
                ("part", {"no": 1, "label": "", "spare": 1}),
                ("parts", {}),
                ("parts", [None]),
                ("shape", None),
                ("shape", {"shape": "square"}),
                ("maybe", {"maybe": "point"}),
                ("words", "a"),
            ]
        ),
    ],
    ids=str,
)
def test_what_is_none_of_ours_is_not_read(document: dict[str, Any]) -> None:
    with pytest.raises(BadCoding):
        THINGS.from_json(document)


def test_an_error_shows_no_value() -> None:
    with pytest.raises(BadCoding, match=r"^a field is not a int$"):
        THINGS.from_json({**GOOD, "no": "secret"})


def test_a_whole_number_may_stand_where_any_number_may() -> None:
    share = THINGS.from_json({**GOOD, "share": 1}).share
    assert (share, type(share)) == (1.0, float)


def test_what_is_kept_is_read_though_other_versions_wrote_other_fields() -> None:
    old = {**GOOD, "part": {"no": 1}, "later": 1}
    del old["words"]
    read = KEPT.from_json(old)
    assert (read.part, read.words) == (Part(no=1), ())
    assert KEPT.from_json({**GOOD, "shape": {"shape": "point", "x": 1, "z": 2}}).shape == Point(x=1)


@pytest.mark.parametrize("document", [{**GOOD, "part": {}}, {**GOOD, "part": {"no": "1"}}])
def test_what_is_kept_has_what_it_must_have(document: dict[str, Any]) -> None:
    with pytest.raises(BadCoding):
        KEPT.from_json(document)


def test_a_class_that_cannot_be_coded_is_refused_when_its_union_is_made() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Odd:
        what: complex

    with pytest.raises(TypeError, match=r"^there is no coding for"):
        ClosedUnion("odd", Odd)
