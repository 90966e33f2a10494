"""The expectations of a rulebook, held against its compiled table as this gateway reads calls."""

from collections.abc import Sequence

from gateway.calls.expected import read_expected
from gateway.clock import to_datetime
from gateway.rulebook.current import Compiled
from gateway.settings import Settings
from routing_rules import CallFacts, ExpectedCall, Problem, check_expectations
from routing_rules.problem import ReadingError

# What `broken_expectations` finds: the problems of a document that may be published all the same, for a reason.
FORCEABLE = frozenset({"broken_expectation", "unknown_endpoint"})


def broken_expectations(compiled: Compiled, settings: Settings, now: int) -> Sequence[Problem]:
    """An error for each expectation that does not hold; calls that say no time come `now` (µs)."""

    def read_call(call: ExpectedCall) -> CallFacts:
        if call.endpoint is not None and call.endpoint not in settings.endpoints:
            known = ", ".join(settings.endpoints)
            raise ReadingError("unknown_endpoint", f"there is no endpoint {call.endpoint!r}; configured: {known}")
        return read_expected(call, settings).facts

    return check_expectations(compiled.table, read_call, to_datetime(now))
