"""What Prometheus may know, every name of it, on a registry of its own.

Labels are closed sets: endpoints from the configuration, verdicts, states and results from enums, and the first
`MOST_RULES` rules that decide a call. Nothing a caller sends becomes a label, least of all a number: a label lives as
long as the process.

Methods are named for what happened; they cost one to three microseconds each. Those of deliveries and calls belong to
the event loop, that of the journal to its thread; the others may be called from any.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import accumulate
from typing import Any, Final, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from routing_rules.overrides import PREFIX as OVERRIDE_PREFIX

# Rules with a series of their own; a rulebook may hold 100,000, and Prometheus keeps a series per label value.
MOST_RULES: Final = 200
OTHER_RULES: Final = "(other)"
OVERRIDES: Final = "(override)"
NO_RULE: Final = "(default)"
NO_ENDPOINT: Final = "(unknown)"

# Acknowledging takes 1 to 2 ms and is promised within 50; the body may take 10 s to arrive.
WEBHOOK_SECONDS: Final = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 3, 10)

# From a round trip on the same continent up to the shipped time-out of an attempt, 3 s.
ATTEMPT_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3)

# The caller hears ringing: a second goes unnoticed; 8 s is the shipped deadline, 20 s the age at which a call is late.
RING_SECONDS: Final = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 8, 20)

# One fsync: 0.2 ms on a local SSD, some milliseconds in a cloud, 2 s is PostgreSQL's statement time-out.
COMMIT_SECONDS: Final = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2)

# 1 is an idle gateway, 500 the journal's largest batch.
BATCH_ENTRIES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 500)


_Labelled = TypeVar("_Labelled", Counter, Histogram)


class _Distribution(Collector):
    """A histogram for one thread that observes, at less cost than the library's, which is for many.

    The writer's thread and the event loop wait for each other: what one does after a commit delays a ringing call.
    """

    def __init__(self, name: str, meaning: str, *, registry: CollectorRegistry, buckets: Sequence[float]) -> None:
        self._name = name
        self._meaning = meaning
        self._buckets = buckets
        self._counts = [0] * (len(buckets) + 1)  # the last is of what is above all buckets
        self._sum = 0.0
        registry.register(self)

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._buckets, value)] += 1
        self._sum += value

    def collect(self) -> Iterable[Metric]:
        """What Prometheus reads: cumulative counts."""
        bounds = [*map(floatToGoString, self._buckets), "+Inf"]
        found = list(zip(bounds, map(float, accumulate(self._counts)), strict=True))
        yield HistogramMetricFamily(self._name, self._meaning, buckets=found, sum_value=self._sum)


class Metrics:
    """All metrics of one gateway."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # time stamps that would double the page
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)  # process_*: memory, CPU, descriptors, start time
        PlatformCollector(registry=registry)  # python_info
        Info("gateway_build", "The version of the gateway.", registry=registry).info({"version": _version()})
        self._rules: set[str] = set()
        self._children: dict[tuple[object, ...], Any] = {}
        self._shutdown_days: Callable[[], Mapping[tuple[str, str], int]] = dict
        self._define_webhooks(registry)
        self._define_calls(registry)
        self._define_upstream(registry)
        self._define_rulebook(registry)
        self._define_journal(registry)

    def _define_webhooks(self, registry: CollectorRegistry) -> None:
        self._deliveries = Counter(
            "gateway_deliveries",
            "Deliveries answered, by endpoint, verdict (new, duplicate, late, …, or why refused) and HTTP status.",
            ("endpoint", "verdict", "status"),
            registry=registry,
        )
        self._webhook_seconds = _Distribution(
            "gateway_webhook_seconds",
            "From the head of a delivery to its answer, the commit included.",
            registry=registry,
            buckets=WEBHOOK_SECONDS,
        )
        self._cuts = Counter(
            "gateway_connections_cut",
            "Connections cut or refused by the server before the application could answer, by reason.",
            ("reason",),
            registry=registry,
        )

    def _define_calls(self, registry: CollectorRegistry) -> None:
        self._decisions = Counter(
            "gateway_decisions",
            f"Calls decided, by kind and rule; beyond {MOST_RULES} rules under {OTHER_RULES}.",
            ("kind", "rule"),
            registry=registry,
        )
        self._ring_seconds = _Distribution(
            "gateway_ring_to_decision_seconds",
            "From the arrival of a call to the upstream's answer to the command that carries its decision.",
            registry=registry,
            buckets=RING_SECONDS,
        )
        self._call_states = Counter(
            "gateway_call_states",
            "States that calls were left in by a commit. `failed` and `lost` deserve an alert.",
            ("state",),
            registry=registry,
        )
        self._calls_watched = Gauge(
            "gateway_calls_watched",
            "Live calls whose sideband this node keeps.",
            registry=registry,
        )

    def _define_upstream(self, registry: CollectorRegistry) -> None:
        self._attempts = Counter(
            "gateway_upstream_attempts",
            "Requests sent to the upstream, by endpoint, command (accept, reject, refer, hangup) and result.",
            ("endpoint", "command", "result"),
            registry=registry,
        )
        self._attempt_seconds = Histogram(
            "gateway_upstream_attempt_seconds",
            "How long one request to the upstream took, whatever became of it.",
            ("command",),
            registry=registry,
            buckets=ATTEMPT_SECONDS,
        )
        self._actions_open = Gauge(
            "gateway_actions_open",
            "Upstream commands not yet settled; a number that grows means that the upstream cannot keep up.",
            registry=registry,
        )

    def _define_rulebook(self, registry: CollectorRegistry) -> None:
        self._overrides = Gauge(
            "gateway_overrides_live",
            "Overrides in force, which decide before every rule; one that stays for days was forgotten.",
            registry=registry,
        )
        self._shutdowns = Gauge(
            "gateway_profile_shutdown_days",
            "Days until a model or feature that a profile uses is shut down; alert below 30. Zero or less: it is gone.",
            ("subject", "name"),
            registry=registry,
        )

    def _define_journal(self, registry: CollectorRegistry) -> None:
        self._batch_entries = _Distribution(
            "gateway_journal_batch_entries",
            "Entries written by one commit of the journal.",
            registry=registry,
            buckets=BATCH_ENTRIES,
        )
        self._commit_seconds = _Distribution(
            "gateway_journal_commit_seconds",
            "How long one transaction of the journal took, its commit to disk included.",
            registry=registry,
            buckets=COMMIT_SECONDS,
        )
        self._waiting = 0
        Gauge(
            "gateway_journal_waiting",
            "Entries that waited for the journal at its last commit; deliveries are answered 503 at 10,000.",
            registry=registry,
        ).set_function(lambda: self._waiting)

    def delivery_answered(self, endpoint: str, verdict: str, status: int, seconds: float) -> None:
        """A delivery got its answer, `seconds` after its head arrived.

        The endpoint of a 404 is what some client made up, so it becomes no label.
        """
        self._child(self._deliveries, NO_ENDPOINT if status == 404 else endpoint, verdict, status).inc()
        self._webhook_seconds.observe(seconds)

    def call_decided(self, kind: str, rule: str | None) -> None:
        """A call was decided by a rule, or by the default where `rule` is None."""
        self._child(self._decisions, kind, self._rule(rule)).inc()

    def decision_sent(self, seconds: float) -> None:
        """The upstream has answered the command that carries a call's decision, `seconds` after the call arrived."""
        self._ring_seconds.observe(seconds)

    def call_advanced(self, state: str) -> None:
        """A call entered a state."""
        self._child(self._call_states, state).inc()

    def upstream_attempted(self, endpoint: str, command: str, result: str, seconds: float) -> None:
        """One request to the upstream ended."""
        self._child(self._attempts, endpoint, command, result).inc()
        self._child(self._attempt_seconds, command).observe(seconds)

    def watch_calls(self, count: Callable[[], int]) -> None:
        """Ask `count` for the number of watched calls whenever metrics are read."""
        self._calls_watched.set_function(count)

    def watch_actions(self, count: Callable[[], int]) -> None:
        """Ask `count` for the number of open actions whenever metrics are read."""
        self._actions_open.set_function(count)

    def watch_overrides(self, count: Callable[[], int]) -> None:
        """Ask `count` for the number of overrides in force whenever metrics are read."""
        self._overrides.set_function(count)

    def watch_shutdowns(self, days: Callable[[], Mapping[tuple[str, str], int]]) -> None:
        """Ask for the days left, by subject and name, of what profiles use, whenever metrics are read."""
        self._shutdown_days = days

    def journal_committed(self, *, entries: int, seconds: float, waiting: int) -> None:
        """The journal has committed a batch (see `gateway.journal.Gauge`)."""
        self._batch_entries.observe(entries)
        self._commit_seconds.observe(seconds)
        self._waiting = waiting

    def connection_cut(self, reason: str) -> None:
        """The server cut a connection (see `gateway.http_connection.Watch`)."""
        self._child(self._cuts, reason).inc()

    def _child(self, metric: _Labelled, *labels: object) -> _Labelled:
        """The metric for these labels, which the library takes long to look up; they are few (see `_rule`)."""
        key = (metric, *labels)
        child: _Labelled | None = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(*labels)
        return child

    def render(self) -> tuple[bytes, str]:
        """All metrics in Prometheus' text format, and its content type."""
        self._shutdowns.clear()
        for (subject, name), days in self._shutdown_days().items():
            self._shutdowns.labels(subject, name).set(days)
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def _rule(self, rule: str | None) -> str:
        if rule is None:
            return NO_RULE
        if rule.startswith(OVERRIDE_PREFIX):
            return OVERRIDES  # their ids never come again
        if rule not in self._rules:
            if len(self._rules) >= MOST_RULES:
                return OTHER_RULES
            self._rules.add(rule)
        return rule


def _version() -> str:
    try:
        return version("sip-call-gateway")
    except PackageNotFoundError:  # run from a source tree that was not installed
        return "unknown"
