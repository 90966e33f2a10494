"""What the rest of the gateway hears of calls as they move: the metrics, live usage, and the watcher."""

from gateway.actions.action import Job
from gateway.calls.lifecycle import TERMINAL, State
from gateway.calls.usage import LiveUsage
from gateway.calls.watches import NewWatch
from gateway.clock import Clock
from gateway.metrics import Metrics
from gateway.monitor.watch import Watch as WatchedCall
from gateway.monitor.watcher import Watcher
from gateway.upstream.outcome import Outcome, Result
from gateway.upstream.pulse import Pulse
from gateway.upstream.wire import Command


class Observer:
    """Hands what the worker does, and what the watcher finds out, to the metrics, to live usage and to each other."""

    def __init__(self, metrics: Metrics, usage: LiveUsage, pulse: Pulse, clock: Clock) -> None:
        self._metrics = metrics
        self._pulse = pulse
        self._usage = usage
        self._clock = clock
        self.watcher: Watcher | None = None

    def attempted(self, job: Job, outcome: Outcome) -> None:
        self._metrics.upstream_attempted(job.endpoint, job.command, outcome.result, outcome.seconds)
        self._pulse.note(job.endpoint, outcome.result, outcome.seconds)
        if outcome.result is Result.DONE and job.command in (Command.ACCEPT, Command.REJECT):
            self._metrics.decision_sent(self._clock.monotonic() - job.received)

    def settled(self, job: Job, state: State, watch: NewWatch | None) -> None:
        self.advanced(job.call_id, job.rule, state)
        if self.watcher is None:
            return
        if watch is not None:
            self.watcher.begin(job, state, watch["step"])
        else:
            self.watcher.moved(job.call, state)

    def watched(self, watch: WatchedCall, state: State) -> None:
        self.advanced(watch.live.call_id, watch.live.rule, state)

    def advanced(self, call_id: str, rule: str | None, state: State) -> None:
        self._metrics.call_advanced(state)
        if state in TERMINAL and rule is not None:
            self._usage.closed(call_id, rule)
