"""Metrics: what one process counts, and how Prometheus reads it.

    Metrics ◀── counts ── the store, when it has committed · the doors, when they have answered
       │    ◀── asks ──── the parts of this process, and the census, when it is read
       └──▶ exposition

Each process has one `Metrics` with a registry of its own: nothing is global. No label holds an id,
a number, a name or a tenant; the values of every label are a closed list of ours.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from sololine.core.census import Census
from sololine.core.events import EventType, LoggedEvent
from sololine.core.message import Failure
from sololine.core.session import EndReason, State
from sololine.core.webhook import Delivery, WebhookState
from sololine.health import Condition, Verdict

CONNECTED: Final = "connected"
_OUTCOMES: Final = (CONNECTED, *(reason.value for reason in EndReason))
_CONNECTING_S: Final = (1, 2, 5, 10, 20, 30, 60, 120, 180, 240, 300, 600)
_ANSWERING_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_STORING_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15)

# What of a message's way is counted; edits, reactions and the like are events without a status.
_STATUSES: Final[Mapping[EventType, tuple[str, str]]] = {
    EventType.MESSAGE_RECEIVED: ("in", "received"),
    EventType.MESSAGE_QUEUED: ("out", "queued"),
    EventType.MESSAGE_SENT: ("out", "sent"),
    EventType.MESSAGE_DELIVERED: ("out", "delivered"),
    EventType.MESSAGE_READ: ("out", "read"),
    EventType.MESSAGE_PLAYED: ("out", "played"),
    EventType.MESSAGE_FAILED: ("out", "failed"),
    EventType.MESSAGE_UNCERTAIN: ("out", "uncertain"),
}
_FROM_PHONE: Final = ("out", "from_phone")
"""What people write on the bot's own phone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A number that a part of this process tells when it is asked.

    Attributes:
        name: of the metric, without the `sololine_` that all have; a counter's ends in `_total`.
        read: is called at each scrape; must be quick, and must not raise.
    """

    name: str
    help: str
    read: Callable[[], float]


class Metrics:
    """The metrics of one process.

    Attributes:
        census: counts of the deployment, as they were last taken; None leaves them out, since
            old ones would pass for new.
        parts: how the parts of the service were doing then.
    """

    def __init__(self, version: str = "") -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self.census: Census | None = None
        self.parts: Mapping[str, Condition] = {}
        self._readings: list[Reading] = []
        for make in (ProcessCollector, PlatformCollector, GCCollector):
            make(registry=self.registry)
        self.registry.register(_Asked(self))
        self._gauge("build_info", "The version that runs.", "version").labels(version).set(1)

        self.requests = self._counter(
            "http_requests_total", "Requests that were answered.", "route", "method", "status"
        )
        self.answering = self._histogram(
            "http_request_duration_seconds",
            "How long answers took; those that were told to wait, too.",
            _ANSWERING_S,
            "route",
            "method",
        )
        self.sockets = self._gauge("event_sockets", "WebSockets that follow the event log.")
        self.storing = self._histogram(
            "store_transaction_duration_seconds",
            "How long transactions took, with the tries of those that met another one.",
            _STORING_S,
            "kind",
        )
        self.retries = self._counter(
            "store_retries_total", "Transactions that were begun again since they met another one."
        )
        self.events = self._counter("events_total", "Events that this process logged.", "type")
        self.messages = self._counter(
            "messages_total", "Messages that came to this status.", "direction", "status"
        )
        self.failures = self._counter(
            "message_failures_total", "Messages that were not sent, by the reason.", "reason"
        )
        self.windows = self._counter("linking_windows_total", "Linking windows that were opened.")
        self.attempts = self._counter(
            "connection_attempts_total",
            "Attempts to connect that ended; how linking windows ended are those that link.",
            "links",
            "outcome",
        )
        self.connecting = self._histogram(
            "connection_duration_seconds",
            "From the attempt's begin until messages flow.",
            _CONNECTING_S,
            "links",
        )
        self.ends = self._counter("session_ends_total", "Sessions that ended.", "reason")
        self.tries = self._counter(
            "delivery_tries_total",
            "Tries to deliver an event to a webhook; `outcome` is `ok` or what went wrong.",
            "outcome",
            "state",
        )
        self._expect()

    def _expect(self) -> None:
        """Begin what has a short list of labels at 0: a rate needs a value before the first."""
        for type_ in EventType:
            self.events.labels(type_.value)
        for words in (*_STATUSES.values(), _FROM_PHONE):
            self.messages.labels(*words)
        for failure in Failure:
            self.failures.labels(failure.value)
        for reason in EndReason:
            self.ends.labels(reason.value)
        for links in ("yes", "no"):
            self.connecting.labels(links)
            for outcome in _OUTCOMES:
                self.attempts.labels(links, outcome)
        for kind in ("read", "write"):
            self.storing.labels(kind)

    # ------------------------------------------------------------------ counting

    def logged(self, events: Iterable[LoggedEvent]) -> None:
        """Count events that are in the log for good."""
        for event in events:
            self.events.labels(event.type.value).inc()
            if event.type in _STATUSES:
                mine = event.type is EventType.MESSAGE_RECEIVED and event.data.get("fromMe")
                self.messages.labels(*(_FROM_PHONE if mine else _STATUSES[event.type])).inc()
            if event.type is EventType.MESSAGE_FAILED:
                self.failures.labels(event.data["reason"]).inc()
            elif event.type is EventType.SESSION_DISCONNECTED:
                self.ends.labels(event.data["reason"]).inc()

    def attempted(self, *, links: bool, outcome: str, lasted: timedelta) -> None:
        """Count an attempt to connect that has ended."""
        word = "yes" if links else "no"
        self.attempts.labels(word, outcome).inc()
        if outcome == CONNECTED:
            self.connecting.labels(word).observe(lasted.total_seconds())

    def tried(self, deliveries: Iterable[Delivery]) -> None:
        """Count tries to deliver, by what came of them."""
        for delivery in deliveries:
            self.tries.labels(delivery.error or "ok", delivery.state.value).inc()

    # ------------------------------------------------------------------ being read

    def ask(self, *readings: Reading) -> None:
        """Have parts of this process be asked at each scrape."""
        self._readings += readings

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """All metrics as text, and the content type that goes with it.

        Args:
            accept: what the reader takes, as in the header `Accept`.
        """
        encode, content_type = choose_encoder(accept)
        return encode(_Lasting(self.registry)), content_type

    def told(self) -> Iterator[Metric]:
        """What is not counted, but asked for now."""
        for reading in self._readings:
            kind = CounterMetricFamily if reading.name.endswith("_total") else GaugeMetricFamily
            yield kind(f"sololine_{reading.name}", reading.help, reading.read())
        up = GaugeMetricFamily(
            "sololine_part_up", "1 where a part of the service is well.", labels=["part"]
        )
        for name, condition in self.parts.items():
            up.add_metric([name], float(condition.verdict is Verdict.OK))
        yield up
        if self.census is not None:
            yield from _counts(self.census)

    # ------------------------------------------------------------------ making

    def _counter(self, name: str, help_: str, *labels: str) -> Counter:
        return Counter(f"sololine_{name}", help_, labels, registry=self.registry)

    def _gauge(self, name: str, help_: str, *labels: str) -> Gauge:
        return Gauge(f"sololine_{name}", help_, labels, registry=self.registry)

    def _histogram(
        self, name: str, help_: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(f"sololine_{name}", help_, labels, buckets=buckets, registry=self.registry)


class _Asked(Collector):
    """Lets a registry ask when it is read."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def describe(self) -> Iterable[Metric]:
        """Nothing: what there is depends on the parts that run."""
        return ()

    def collect(self) -> Iterable[Metric]:
        return self._metrics.told()


class _Lasting(Collector):
    """A registry without what nobody asks for: when each counter was made."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        for family in self._registry.collect():
            family.samples = [each for each in family.samples if not each[0].endswith("_created")]
            yield family


def _counts(census: Census) -> Iterator[Metric]:
    """The census as metrics; where there is nothing stands a 0, for alerts to look at."""
    sessions = GaugeMetricFamily(
        "sololine_sessions",
        "Sessions by state; the disconnected ones also by the reason.",
        labels=["state", "reason"],
    )
    known: dict[tuple[State, EndReason | None], int] = {
        **{(state, None): 0 for state in State},
        **{(State.DISCONNECTED, reason): 0 for reason in EndReason},
        **census.sessions,
    }
    for (state, reason), number in known.items():
        sessions.add_metric([state.value, reason.value if reason else ""], number)
    yield sessions
    for name, help_, value in (
        ("sessions_wanted", "Sessions that should be online.", census.wanted),
        ("messages_queued", "Messages that wait to be sent.", census.queued),
        ("devices_retiring", "Devices that are still to be logged out.", census.retiring),
        (
            "deliveries_overdue_seconds",
            "How late the delivery is that is latest, of webhooks that are served.",
            census.overdue_s,
        ),
    ):
        yield GaugeMetricFamily(f"sololine_{name}", help_, value)
    for name, help_, numbers in (
        ("webhooks", "Webhooks.", census.webhooks),
        ("deliveries_waiting", "Deliveries that wait, by their webhook.", census.waiting),
    ):
        family = GaugeMetricFamily(f"sololine_{name}", help_, labels=["webhook"])
        for each in WebhookState:
            family.add_metric([each.value], numbers.get(each, 0))
        yield family
    yield CounterMetricFamily(
        "sololine_log_events_total", "Events in the log, of all processes.", census.events
    )
