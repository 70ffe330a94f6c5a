"""`sololine doctor`: looks at everything the service needs, and says what to do."""

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sololine.cli.checks import Finding, State, failed
from sololine.cli.configured import wrong_setting
from sololine.cli.output import show, words
from sololine.core.sentence import Sentence

if TYPE_CHECKING:
    from sololine.settings import Settings

_WIDTH: Final = 13


def doctor(
    online: Annotated[
        bool, typer.Option("--online", help="Also see whether WhatsApp can be reached.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")] = False,
) -> None:
    """Look at all that the service needs, change nothing, and say what to do.

    The exit code is 1 when something has failed. Warnings are no failures.
    """
    from pydantic import ValidationError  # noqa: PLC0415 — takes longer than most commands

    from sololine.settings import Settings  # noqa: PLC0415 — see above

    try:
        settings = Settings()
    except ValidationError as error:
        remedy = Sentence("docs/howto/settings.md has them.")
        findings = [failed("settings", wrong_setting(error), remedy)]
    else:
        findings = asyncio.run(_look(settings, online=online))
    if as_json:
        show(json.dumps(_told(findings), indent=2))
    else:
        for finding in findings:
            show(_line(finding))
    if any(finding.state is State.FAILED for finding in findings):
        raise typer.Exit(1)


async def _look(settings: "Settings", *, online: bool) -> list[Finding]:
    from sololine.cli.checks import data, machine  # noqa: PLC0415 — loads everything

    findings = [
        machine.python(),
        Finding(check="settings", says=Sentence("every variable has a value that it may have")),
        *data.folder(settings),
    ]
    sessions = 0
    async with data.database(settings) as (found, store):
        findings.append(found)
        if store is not None:
            try:
                findings.append(await data.clock(settings, store))
                findings.append(await data.credentials(settings, store))
                sessions = await data.sessions(store)
            except Exception as error:  # noqa: BLE001 — whatever fails, the rest is looked at
                findings.append(data.unreachable(error))
    findings.append(await data.redis(settings))
    if settings.only != "web":  # elsewhere nothing connects to WhatsApp
        findings.append(machine.engine())
        findings.append(machine.open_files(sessions))
    findings.append(machine.port(settings))
    if online:
        findings.append(await machine.whatsapp())
    return findings


def _told(findings: Sequence[Finding]) -> dict[str, object]:
    ok = all(finding.state is not State.FAILED for finding in findings)
    return {"ok": ok, "findings": [_json(finding) for finding in findings]}


def _json(finding: Finding) -> dict[str, str]:
    """The finding for programs, which go by `check` and `state`; the sentences are for people."""
    return {
        "check": finding.check,
        "says": words(finding.says),
        "state": finding.state,
        "remedy": words(finding.remedy) if finding.remedy else "",
    }


def _line(finding: Finding) -> str:
    line = f"{finding.state:<8} {finding.check:<{_WIDTH}} {words(finding.says)}"
    if finding.remedy is None:
        return line
    return f"{line}\n{'':<8} {'':<{_WIDTH}} {words(finding.remedy)}"
