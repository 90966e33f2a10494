"""What only a gateway with its settings can say of a rulebook: do its expectations hold, are its endpoints ours?"""

from collections.abc import Iterator, Sequence

from gateway.calls.expected import read_expected
from gateway.clock import to_datetime
from gateway.rulebook.current import Compiled
from gateway.settings import Settings
from routing_rules import CallFacts, ExpectedCall, Problem, Rulebook, check_expectations
from routing_rules.conditions import FactIs
from routing_rules.problem import ReadingError, warning

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


def strange_endpoints(rulebook: Rulebook, settings: Settings) -> Iterator[Problem]:
    """A warning for each condition on an endpoint that is not configured, so that no call comes from it."""
    for index, rule in enumerate(rulebook.rules):
        for field, conditions in (("when", rule.when), ("unless", rule.unless)):
            for condition in conditions:
                if isinstance(condition, FactIs) and condition.name == "endpoint":
                    for name in condition.values:
                        if name not in settings.endpoints:
                            detail = f"no endpoint {name!r} is configured; there are {', '.join(settings.endpoints)}"
                            yield warning("strange_endpoint", f"/rules/{index}/{field}/endpoint", detail)
