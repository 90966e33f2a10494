"""How mistakes are told: a severity, a stable code, the place as a JSON pointer, and a sentence with the remedy."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Whether a problem stops the rulebook from being used."""

    ERROR = "error"  # the rulebook must not be published
    WARNING = "warning"  # it may be, but probably does not do what its author meant
    INFO = "info"  # nothing to mend, but worth knowing


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing that is wrong or doubtful in a rulebook."""

    severity: Severity  # error or warning
    code: str  # stable, for programs: "unknown_field", "shadowed_rule", …
    pointer: str  # JSON pointer (RFC 6901) into the document
    detail: str  # for people: what is wrong and how to mend it


class DocumentError(ValueError):
    """A document or rulebook that cannot be used; `problems` holds every error found, in document order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{problem.pointer or '/'}: {problem.detail}" for problem in self.problems))


class ReadingError(ValueError):
    """A single value that cannot be read. Its text says what is wrong and how to write it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def error(code: str, pointer: str, detail: str) -> Problem:
    """An error; see `Problem` for the fields."""
    return Problem(severity=Severity.ERROR, code=code, pointer=pointer, detail=detail)


def warning(code: str, pointer: str, detail: str) -> Problem:
    """A warning, likewise."""
    return Problem(severity=Severity.WARNING, code=code, pointer=pointer, detail=detail)


def info(code: str, pointer: str, detail: str) -> Problem:
    """A note, likewise."""
    return Problem(severity=Severity.INFO, code=code, pointer=pointer, detail=detail)


def pointer_to(*steps: str | int) -> str:
    """The JSON pointer (RFC 6901) made of these steps."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)
