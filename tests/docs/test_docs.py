"""The documents say everything there is, and nothing that is not."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import typer

from sololine.actions.gateway import Gateway
from sololine.bus.memory import MemoryBus
from sololine.cli import app as command_line
from sololine.core.bot import BotStatus, Setup
from sololine.core.errors import SololineError
from sololine.core.events import EventType
from sololine.core.session import EndReason, State
from sololine.emulator.faults import KINDS
from sololine.settings import Settings
from sololine.web.app import create_app
from sololine.web.auth import Keyring
from sololine.web.problems import status_of
from tests.docs.pages import DOCS, PAGES, ROOT

FROM_THE_HTTP_LAYER = {
    "invalid_json": "400",
    "method_not_allowed": "405",
    "body_too_large": "413",
    "internal_error": "500",
    "http_error": "as sent",
}
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|TBD)\b")


def text_of(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def table(page: str, heading: str) -> dict[str, list[str]]:
    """The rows of the table that begins with `heading`, by the word in their first cell."""
    rows: dict[str, list[str]] = {}
    inside = False
    for line in text_of(page).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[0] == heading:
            inside = True
        elif inside and (word := re.fullmatch(r"`([^`]+)`", cells[0])):
            rows[word[1]] = cells[1:]
    return rows


def errors(kind: type[SololineError] = SololineError) -> Iterator[type[SololineError]]:
    for each in kind.__subclasses__():
        yield each
        yield from errors(each)


def test_every_setting_is_explained_and_no_other() -> None:
    shown = table("howto/settings.md", "variable")
    assert set(shown) == {f"SOLOLINE_{name.upper()}" for name in Settings.model_fields}


def test_the_settings_have_the_defaults_that_are_told() -> None:
    shown = table("howto/settings.md", "variable")
    for name, field in Settings.model_fields.items():
        default, told = field.default, shown[f"SOLOLINE_{name.upper()}"][0]
        if default is not None:
            assert f"`{default}`" in told, name


def test_every_event_type_is_explained_and_no_other() -> None:
    assert set(table("concepts.md", "type")) == {each.value for each in EventType}


def test_every_end_reason_is_explained_with_its_remedy_and_no_other() -> None:
    shown = table("concepts.md", "reason")
    assert set(shown) == {each.value for each in EndReason}
    for reason in EndReason:
        assert shown[reason.value][1] == reason.remedy


def test_every_state_and_setup_step_is_explained_and_no_other() -> None:
    assert set(table("concepts.md", "state")) == {each.value for each in State}
    steps = table("concepts.md", "`setupStep`")
    assert set(steps) == {each.value for each in Setup}
    statuses = " ".join(cells[0] for cells in steps.values())
    for status in BotStatus:
        assert f"`{status.value}`" in statuses


def test_every_error_code_is_explained_with_its_status_and_no_other() -> None:
    shown = table("api.md", "code")
    expected = {kind.code: status_of(kind.__new__(kind)) for kind in errors()}
    assert {code: cells[0] for code, cells in shown.items()} == {
        **{code: str(status) for code, status in expected.items()},
        **FROM_THE_HTTP_LAYER,
    }


def test_every_route_is_explained_and_no_other() -> None:
    gateway = Gateway(store=cast("Any", None), bus=MemoryBus())
    service = create_app(gateway, Keyring(secret=b"", bootstrap=""), "0")
    routes = {
        f"{method.upper()} {path}"
        for path, methods in service.openapi()["paths"].items()
        for method in methods
    }
    headings = re.findall(r"^### `([A-Z]+ /[^`]*)`$", text_of("api.md"), re.MULTILINE)
    assert set(headings) == routes


def test_every_fault_of_the_sandbox_is_explained_and_no_other() -> None:
    assert set(table("howto/sandbox.md", "`kind`")) == set(KINDS)


def commands(group: Any, *before: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *before, name)
        else:
            yield " ".join((*before, name))


def test_every_command_is_explained_and_no_other() -> None:
    there = set(commands(typer.main.get_command(command_line)))
    assert set(table("howto/operate.md", "command")) == there


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading).strip().lower() for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_nothing_is_left_to_be_written(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not UNFINISHED.search(text)
    assert text.strip()


def test_every_decision_is_listed_and_numbered_once() -> None:
    records = sorted(path.name for path in (DOCS / "design").glob("[0-9]*.md"))
    assert [int(name[:4]) for name in records] == list(range(1, len(records) + 1))
    listed = re.findall(r"\]\((\d{4}-[^)]+\.md)\)", text_of("design/README.md"))
    assert listed == records
    for name in records:
        text = text_of(f"design/{name}")
        assert text.startswith(f"# {name[:4]} ")
        for heading in ("Context", "Decision", "Consequences", "Rejected"):
            assert f"\n## {heading}\n" in text, (name, heading)
