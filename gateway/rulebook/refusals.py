"""How the API tells why a change of the rulebook is refused."""

from collections.abc import Sequence
from typing import Final

from gateway.errors import RequestError
from gateway.problem_details import Kind
from gateway.rulebook.expectations import FORCEABLE
from gateway.rulebook.publish import ManagedError
from routing_rules import Problem

# Mistakes told at once: more than anybody mends in one go, and an answer of a megabyte at most.
TOLD: Final = 1_000


def wrong(pointer: str, detail: str) -> RequestError:
    """The refusal of one field."""
    return Kind.INVALID.error(f"{pointer[1:]}: {detail}", errors=[{"pointer": pointer, "detail": detail}])


def managed(error: ManagedError) -> RequestError:
    """The refusal of a change that is not made where the rulebook is managed."""
    return Kind.MANAGED.error(f"{error}: force=true and a reason", managed_by=error.managed_by)


def mistakes(problems: Sequence[Problem], root: str = "") -> RequestError:
    """The refusal of a document with errors."""
    errors = [{"pointer": root + p.pointer, "detail": p.detail, "code": p.code} for p in problems]
    broken = all(problem.code in FORCEABLE for problem in problems)
    what = "broken expectation" if broken else "mistake"
    one = f"one {what}" if len(errors) == 1 else f"{len(errors):,} {what}s"
    more = f", the first {TOLD:,} of them below" if len(errors) > TOLD else ""
    kind = Kind.BROKEN if broken else Kind.MISTAKES
    return kind.error(f"{one}{more}", errors=errors[:TOLD])
