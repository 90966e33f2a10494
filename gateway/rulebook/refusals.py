"""How the API tells why a change of the rulebook is refused."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from gateway.errors import RequestError
from gateway.preconditions import stale
from gateway.problem_details import Kind
from gateway.rulebook.expectations import FORCEABLE
from gateway.rulebook.publish import (
    IrrevertibleError,
    ManagedError,
    NotPendingError,
    PendingError,
    StaleBaseError,
)
from routing_rules import DocumentError, Problem

# Mistakes told at once: more than anybody mends in one go, and an answer of a megabyte at most.
TOLD: Final = 1_000


def wrong(pointer: str, detail: str) -> RequestError:
    """The refusal of one field."""
    return Kind.INVALID.error(f"{pointer[1:]}: {detail}", errors=[{"pointer": pointer, "detail": detail}])


def refused(error: ManagedError | PendingError) -> RequestError:
    """The refusal of a change that is to be made elsewhere, or once a revision is confirmed or reverted."""
    if isinstance(error, ManagedError):
        return Kind.MANAGED.error(f"{error}: force=true and a reason", managed_by=error.managed_by)
    how = "POST or DELETE /api/v1/rulebook/confirm, or `gateway rulebook confirm` or `revert`"
    return Kind.PENDING.error(f"{error}: {how}", revision=error.pending.revision)


@contextmanager
def telling_refusals() -> Iterator[None]:
    """Tell why a publish is refused: 409, 412 or 422."""
    try:
        yield
    except DocumentError as error:
        raise mistakes(error.problems) from None
    except StaleBaseError as error:
        raise stale(error.newest) from None
    except (ManagedError, PendingError) as error:
        raise refused(error) from None
    except NotPendingError as error:
        raise Kind.NOT_PENDING.error(str(error)) from None
    except IrrevertibleError as error:
        field = {"pointer": "/confirm_within", "detail": str(error), "in": "query"}
        raise Kind.INVALID.error(str(error), errors=[field]) from None


def mistakes(problems: Sequence[Problem], root: str = "") -> RequestError:
    """The refusal of a document with errors."""
    errors = [{"pointer": root + p.pointer, "detail": p.detail, "code": p.code} for p in problems]
    broken = all(problem.code in FORCEABLE for problem in problems)
    what = "broken expectation" if broken else "mistake"
    one = f"one {what}" if len(errors) == 1 else f"{len(errors):,} {what}s"
    more = f", the first {TOLD:,} of them below" if len(errors) > TOLD else ""
    kind = Kind.BROKEN if broken else Kind.MISTAKES
    return kind.error(f"{one}{more}", errors=errors[:TOLD])
