"""What a process counts, and how it is read."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from sololine.core.census import Census
from sololine.core.events import EventType, LoggedEvent
from sololine.core.ids import DEFAULT_TENANT, BotId
from sololine.core.sentence import Sentence
from sololine.core.session import EndReason, State
from sololine.core.webhook import WebhookState
from sololine.health import OK, degraded
from sololine.metrics import Metrics, Reading
from tests.exposition import value, values
from tests.unit.scenes import NOON


def event(type_: EventType, **data: Any) -> LoggedEvent:
    return LoggedEvent(
        seq=1, tenant=DEFAULT_TENANT, bot=BotId("bot_1"), type=type_, data=data, at=NOON
    )


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("1.2.3")


def shown(metrics: Metrics) -> dict[str, float]:
    body, _ = metrics.exposition()
    return values(body.decode())


def test_messages_are_counted_by_the_way_that_they_go(metrics: Metrics) -> None:
    metrics.logged(
        [
            event(EventType.MESSAGE_RECEIVED, fromMe=False),
            event(EventType.MESSAGE_RECEIVED, fromMe=False),
            event(EventType.MESSAGE_RECEIVED, fromMe=True),
            event(EventType.MESSAGE_SENT, fromMe=True),
            event(EventType.MESSAGE_FAILED, fromMe=True, reason="refused"),
        ]
    )

    seen = shown(metrics)
    assert {name: number for name, number in seen.items() if "messages_total" in name} == {
        'sololine_messages_total{direction="in",status="received"}': 2,
        'sololine_messages_total{direction="out",status="from_phone"}': 1,
        'sololine_messages_total{direction="out",status="queued"}': 0,
        'sololine_messages_total{direction="out",status="sent"}': 1,
        'sololine_messages_total{direction="out",status="delivered"}': 0,
        'sololine_messages_total{direction="out",status="read"}': 0,
        'sololine_messages_total{direction="out",status="played"}': 0,
        'sololine_messages_total{direction="out",status="failed"}': 1,
        'sololine_messages_total{direction="out",status="uncertain"}': 0,
    }
    assert seen['sololine_message_failures_total{reason="refused"}'] == 1
    assert seen['sololine_events_total{type="message.received"}'] == 3


def test_sessions_that_end_are_counted_by_their_reason(metrics: Metrics) -> None:
    metrics.logged([event(EventType.SESSION_DISCONNECTED, reason="credentials_in_use")])

    seen = shown(metrics)
    assert seen['sololine_session_ends_total{reason="credentials_in_use"}'] == 1
    assert seen['sololine_session_ends_total{reason="banned"}'] == 0


def test_only_attempts_that_connect_tell_how_long_connecting_takes(metrics: Metrics) -> None:
    metrics.attempted(links=True, outcome="connected", lasted=timedelta(seconds=12))
    metrics.attempted(links=True, outcome="window_over", lasted=timedelta(seconds=300))

    seen = shown(metrics)
    assert seen['sololine_connection_attempts_total{links="yes",outcome="window_over"}'] == 1
    assert seen['sololine_connection_attempts_total{links="yes",outcome="connected"}'] == 1
    assert seen['sololine_connection_duration_seconds_count{links="yes"}'] == 1
    assert seen['sololine_connection_duration_seconds_sum{links="yes"}'] == 12


def test_what_a_part_knows_is_asked_for_at_each_reading(metrics: Metrics) -> None:
    numbers = iter([3.0, 4.0, 5.0, 6.0])
    metrics.ask(
        Reading(name="lines", help="Lines.", read=lambda: next(numbers)),
        Reading(name="lost_total", help="Lost.", read=lambda: next(numbers)),
    )

    first, second = shown(metrics), shown(metrics)

    assert (first["sololine_lines"], first["sololine_lost_total"]) == (3, 4)
    assert (second["sololine_lines"], second["sololine_lost_total"]) == (5, 6)


def test_a_part_that_is_not_well_is_not_up(metrics: Metrics) -> None:
    metrics.parts = {"store": OK, "bus": degraded(Sentence("away"))}

    seen = shown(metrics)
    assert seen['sololine_part_up{part="store"}'] == 1
    assert seen['sololine_part_up{part="bus"}'] == 0


def test_the_census_shows_every_state_and_reason_there_is(metrics: Metrics) -> None:
    metrics.census = Census(
        sessions={
            (State.CONNECTED, None): 7,
            (State.DISCONNECTED, EndReason.BANNED): 2,
        },
        wanted=8,
        queued=5,
        waiting={WebhookState.PAUSED: 40},
        overdue_s=61.5,
        events=1000,
    )

    seen = shown(metrics)
    sessions = {name for name in seen if name.startswith("sololine_sessions{")}
    assert len(sessions) == len(State) + len(EndReason)
    assert seen['sololine_sessions{reason="",state="connected"}'] == 7
    assert seen['sololine_sessions{reason="banned",state="disconnected"}'] == 2
    assert seen['sololine_sessions{reason="engine_outdated",state="disconnected"}'] == 0
    assert seen["sololine_sessions_wanted"] == 8
    assert seen["sololine_messages_queued"] == 5
    assert seen['sololine_deliveries_waiting{webhook="paused"}'] == 40
    assert seen['sololine_deliveries_waiting{webhook="active"}'] == 0
    assert seen["sololine_deliveries_overdue_seconds"] == 61.5
    assert seen["sololine_log_events_total"] == 1000


def test_without_a_census_nothing_is_said_of_the_deployment(metrics: Metrics) -> None:
    """Old counts would pass for new."""
    metrics.census = Census(queued=5)
    assert "sololine_messages_queued" in shown(metrics)

    metrics.census = None

    assert "sololine_messages_queued" not in shown(metrics)


def test_two_processes_in_one_share_nothing() -> None:
    one, other = Metrics(), Metrics()

    one.windows.inc()

    assert value(one.registry, "linking_windows_total") == 1
    assert value(other.registry, "linking_windows_total") == 0


def test_it_is_written_as_the_reader_wants_it(metrics: Metrics) -> None:
    plain, plain_type = metrics.exposition("text/plain")
    modern, modern_type = metrics.exposition("application/openmetrics-text; version=1.0.0")

    assert plain_type.startswith("text/plain")
    assert modern_type.startswith("application/openmetrics-text")
    assert modern.endswith(b"# EOF\n")
    assert not plain.endswith(b"# EOF\n")


def families(metrics: Metrics) -> Iterator[Any]:
    metrics.census = Census()
    metrics.parts = {"store": OK}
    return (each for each in metrics.registry.collect() if each.name.startswith("sololine_"))


def test_every_metric_is_explained_in_a_sentence(metrics: Metrics) -> None:
    for family in families(metrics):
        assert family.documentation.endswith("."), family.name


def test_no_label_could_hold_an_id_or_a_name(metrics: Metrics) -> None:
    """Who adds a label thinks about its values, and then adds it here."""
    labels = {label for family in families(metrics) for each in family.samples for label in each[1]}

    assert labels <= {
        *("version", "le", "kind", "type", "direction", "status", "reason", "links", "outcome"),
        *("state", "part", "webhook", "route", "method"),
    }
