"""The rulebook of the benchmark: as many rules as are wanted, of several sorts, and a long list."""

from typing import Any, Final

ENTRIES: Final = 100_000  # of the list

# The number that rings; the last rule is its own.
CALLED: Final = "+15559999999"


def large_rulebook(rules: int) -> dict[str, Any]:
    """A document with so many rules, the last of them for the calls that ring."""
    return {
        "profiles": {"sales": {"model": "gpt-realtime-2.1"}},
        "calendars": {"office": {"zone": "Europe/Berlin", "open": ["Mon-Fri 09:00-17:30"]}},
        "lists": {"blocked": [f"+1666{number:07}" for number in range(ENTRIES)]},
        "rules": [*map(_rule, range(rules)), {"id": "rest", "then": {"reject": 486}}],
        "default": {"reject": 603},
    }


def _rule(number: int) -> dict[str, Any]:
    when: dict[str, Any] = {"called": f"+1555{number:07}" if number % 1_000 else f"re:\\+1555{number:07}.*"}
    when |= {"caller": f"+49{number % 9_000 + 1_000}*"} if number % 3 == 0 else {}
    when |= {"header": {"x-tenant": f"t{number % 100}"}} if number % 11 == 0 else {}
    when |= {"during": "office"} if number % 7 == 0 else {}
    then = [{"accept": "sales"}, {"reject": 486}, {"refer": "tel:+14155550100"}][number % 3]
    return {"id": f"r{number}", "when": when, "then": then}
