import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.core.ids import BotId, device_id, is_bot_id, is_media_id

BOT_IDS = st.from_regex(r"bot_[0-9a-z]{20}", fullmatch=True).map(BotId)
PLACES = st.tuples(BOT_IDS, st.integers(min_value=0), st.integers(min_value=0))


@given(BOT_IDS)
def test_a_bots_id_is_a_prefix_and_twenty_characters(bot: BotId) -> None:
    assert is_bot_id(bot)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bot_",
        "0123456789abcdefghij",
        "bot_0123456789abcdefghi",
        "bot_0123456789abcdefghijk",
        "bot_0123456789ABCDEFGHIJ",
        "bot_0123456789abcdefgh/.",
        "bot_0123456789abcdefghij\n",
        "dev_0123456789abcdefghij",
        "bot_\N{ARABIC-INDIC DIGIT ZERO}123456789abcdefghij",
    ],
)
def test_anything_else_is_no_bots_id(text: str) -> None:
    assert not is_bot_id(text)


@given(PLACES)
def test_a_device_id_is_safe_as_the_name_of_a_file(place: tuple[BotId, int, int]) -> None:
    assert re.fullmatch(r"dev_[0-9a-z_]+", device_id(*place))


@given(PLACES, PLACES)
def test_a_device_id_tells_bot_intent_and_round_apart(
    one: tuple[BotId, int, int], other: tuple[BotId, int, int]
) -> None:
    assert (device_id(*one) == device_id(*other)) == (one == other)


@given(st.from_regex(r"med_[0-9a-z]{24}", fullmatch=True))
def test_a_mediums_id_is_a_prefix_and_twenty_four_characters(media: str) -> None:
    assert is_media_id(media)


@pytest.mark.parametrize("text", ["", "med_", "med_" + "a" * 23, "med_" + "a" * 24 + "\n", "../x"])
def test_anything_else_is_no_mediums_id(text: str) -> None:
    assert not is_media_id(text)
