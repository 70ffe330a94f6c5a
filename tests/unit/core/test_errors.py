import inspect
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from sololine.core import errors
from sololine.core.errors import (
    AccountUnnamed,
    AlreadyConnected,
    BotNotFound,
    DeliveryNotFound,
    GroupNotFound,
    HeldBack,
    IdempotencyMismatch,
    InvalidInput,
    InvalidNumber,
    LinkingPending,
    MediaGone,
    MediaNotFound,
    MediaTooLarge,
    MediaUnsuitable,
    MessageNotFound,
    NoAnswer,
    NoCode,
    NotAllowed,
    NotAuthenticated,
    NotConnected,
    NotLinked,
    NotOnWhatsApp,
    NotOwnMessage,
    NotSentYet,
    NumberTaken,
    OtherNumberLinked,
    RefusedByWhatsApp,
    SololineError,
    StillLinked,
    TooMany,
    UrlNotAllowed,
    UrlUnreachable,
    UserMismatch,
    WebhookNotFound,
)
from sololine.core.ids import BotId
from sololine.core.sentence import Sentence

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EXAMPLES: list[SololineError] = [
    InvalidInput(Sentence("The name is too long. Send at most 64 characters.")),
    InvalidNumber(
        Sentence("The number is too short. Send the country code too."), field="phoneNumber"
    ),
    BotNotFound("bot_x"),
    NotAllowed(Sentence("This key may only read. Use another key.")),
    UserMismatch(),
    NotAuthenticated(),
    AlreadyConnected(connected_at=NOW),
    LinkingPending(ends_at=NOW, seconds_left=42),
    NumberTaken(),
    NumberTaken(bot=BotId("bot_x"), bot_name="Support", connected_at=NOW),
    OtherNumberLinked(),
    StillLinked(),
    HeldBack(),
    NoCode(preparing=True),
    NoCode(preparing=False),
    UrlNotAllowed(Sentence("No."), field="url"),
    UrlUnreachable(Sentence("No."), field="url"),
    MediaTooLarge(max_bytes=10),
    MediaUnsuitable(Sentence("No."), mime_type="image/png"),
    MessageNotFound(),
    MessageNotFound(field="replyTo"),
    MediaNotFound(),
    NotOnWhatsApp(),
    GroupNotFound(),
    MediaGone(),
    NoAnswer(),
    NotOwnMessage(),
    NotLinked(),
    NotConnected(),
    NotSentYet(),
    RefusedByWhatsApp(),
    AccountUnnamed(),
    IdempotencyMismatch(),
    WebhookNotFound(),
    DeliveryNotFound(),
    TooMany(Sentence("There are 20 webhooks already."), limit=20),
]
ANY = pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)


def family(parent: type[SololineError]) -> Iterator[type[SololineError]]:
    yield parent
    for child in parent.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from family(child)


CLASSES = list(family(SololineError))


def test_every_error_that_is_raised_has_an_example_here() -> None:
    leaves = {cls for cls in CLASSES if not cls.__subclasses__()}

    assert leaves <= {type(error) for error in EXAMPLES}


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [cls.__dict__.get("code", "none of its own") for cls in CLASSES]

    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


def test_the_tree_that_the_module_draws_is_the_tree_that_it_is() -> None:
    drawn = re.findall(r"^([│ ]*)[├└]── (\w+)", inspect.getdoc(errors) or "", re.MULTILINE)
    tree = {cls.__name__: len(cls.__mro__) - len(SololineError.__mro__) for cls in CLASSES}
    del tree["SololineError"]

    assert {name: len(bars) // 4 for bars, name in drawn} == tree


@ANY
def test_an_error_says_a_whole_sentence(error: SololineError) -> None:
    assert error.message[0].isupper()
    assert str(error) == error.message


@ANY
def test_the_fields_of_an_error_are_named_as_in_python(error: SololineError) -> None:
    assert all(re.fullmatch(r"[a-z_]+", name) for name in error.fields())


def test_invalid_input_names_the_field_when_it_is_known() -> None:
    assert InvalidInput(Sentence("No."), field="name").fields() == {"field": "name"}
    assert InvalidInput(Sentence("No.")).fields() == {}


def test_a_bot_that_is_not_found_is_quoted_but_not_at_any_length() -> None:
    assert len(BotNotFound(Sentence("x") * 10_000).message) < 200


def test_a_missing_key_says_where_to_send_it_unless_there_is_more_to_say() -> None:
    assert "x-api-key" in NotAuthenticated().message
    assert NotAuthenticated(Sentence("The key was revoked.")).message == "The key was revoked."


def test_the_three_refusals_before_a_qr_say_so_for_programs() -> None:
    conflicts = [each for each in EXAMPLES if type(each) in {AlreadyConnected, LinkingPending}]

    for error in [*conflicts, NumberTaken(), OtherNumberLinked()]:
        assert error.fields()["can_connect"] is False


def test_an_open_connection_says_since_when() -> None:
    assert AlreadyConnected(connected_at=NOW).fields()["connected_at"] == NOW


def test_a_pending_code_says_how_long_to_wait() -> None:
    error = LinkingPending(ends_at=NOW, seconds_left=42)

    assert "42 seconds" in error.message
    assert error.fields() == {"can_connect": False, "window_ends_at": NOW, "seconds_left": 42}


def test_a_taken_number_names_its_holder_within_the_tenant() -> None:
    error = NumberTaken(bot=BotId("bot_x"), bot_name="Support", connected_at=NOW)

    assert "'Support'" in error.message
    assert error.fields()["conflicting_bot"] == {
        "bot_id": "bot_x",
        "bot_name": "Support",
        "connected_at": NOW,
    }


def test_a_number_taken_by_another_tenant_tells_nothing_of_its_holder() -> None:
    assert NumberTaken().fields() == {"can_connect": False}


@pytest.mark.parametrize("preparing", [True, False])
def test_a_missing_code_tells_whether_to_ask_again(*, preparing: bool) -> None:
    error = NoCode(preparing=preparing)

    assert error.fields() == {"preparing": preparing}
    assert ("Ask again" in error.message) is preparing
