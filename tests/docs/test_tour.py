"""The pages that show commands with their answers tell the truth: every one is run."""

from pathlib import Path

import pytest

from tests.docs import tour
from tests.docs.pages import PAGES, ROOT

TOURS = {
    str(page.relative_to(ROOT)): found for page in PAGES if (found := tour.read(page)) is not None
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", TOURS)
def test_every_command_prints_what_its_page_shows(page: str, tmp_path: Path) -> None:
    wrong = tour.walk(TOURS[page], tmp_path)
    assert not wrong, f"{page}, " + "\n".join(wrong)


def test_the_readme_is_a_tour() -> None:
    assert "README.md" in TOURS
    assert len(TOURS["README.md"].blocks) > 5


def test_every_block_of_a_tour_belongs_to_one() -> None:
    """A page with commands to be run and no sandbox to run them on would never be run."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert "```sh tour" not in text or tour.read(page) is not None, page


def test_an_answer_differs_when_a_word_of_it_does() -> None:
    shown = '{"botId": "bot_aaaaaaaaaaaaaaaaaaaa", "status": "connected", "qr": "https://..."}'
    assert not tour.differs(shown, shown.replace("a" * 20, "b" * 20).replace("...", "x\ny"))
    assert tour.differs(shown, shown.replace("connected", "disconnected"))
    assert tour.differs("", "something\n")
    assert not tour.differs("", "\n")
