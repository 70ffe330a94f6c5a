from collections.abc import Callable

import pytest

from sololine import new_ids
from sololine.core.ids import is_bot_id, is_media_id

KINDS = [
    (new_ids.bot, "bot_", 20),
    (new_ids.message, "msg_", 24),
    (new_ids.media, "med_", 24),
    (new_ids.chat_ref, "cht_", 20),
    (new_ids.chore, "cho_", 24),
    (new_ids.webhook, "whk_", 20),
    (new_ids.delivery, "dlv_", 24),
]


@pytest.mark.parametrize(("make", "prefix", "digits"), KINDS)
def test_an_id_tells_what_it_names_and_is_never_made_twice(
    make: Callable[[], str], prefix: str, digits: int
) -> None:
    made = {make() for _ in range(100)}

    assert len(made) == 100
    for each in made:
        assert each.startswith(prefix)
        assert len(bytes.fromhex(each.removeprefix(prefix))) * 2 == digits


def test_the_core_knows_the_ids_that_it_judges_by_their_form() -> None:
    assert is_bot_id(new_ids.bot())
    assert is_media_id(new_ids.media())
