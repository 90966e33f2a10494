import pytest

from gateway.problem_details import Kind
from gateway.rulebook.refusals import TOLD, mistakes, wrong
from routing_rules import Problem, Severity


def problem(code: str = "wrong_type", pointer: str = "/rules/0") -> Problem:
    return Problem(severity=Severity.ERROR, code=code, pointer=pointer, detail="is wrong")


def test_a_field_is_refused_by_its_name_and_place() -> None:
    refusal = wrong("/entries", "is missing")
    assert (refusal.status, refusal.detail) == (422, "entries: is missing")
    assert refusal.errors == ({"pointer": "/entries", "detail": "is missing"},)


@pytest.mark.parametrize(
    ("codes", "kind", "told"),
    [
        (["wrong_type"], Kind.MISTAKES, "one mistake"),
        (["wrong_type"] * 2, Kind.MISTAKES, "2 mistakes"),
        (["broken_expectation"], Kind.BROKEN, "one broken expectation"),
        (["broken_expectation", "unknown_endpoint"], Kind.BROKEN, "2 broken expectations"),
        (["broken_expectation", "wrong_type"], Kind.MISTAKES, "2 mistakes"),
        (["wrong_type"] * (TOLD + 1), Kind.MISTAKES, "1,001 mistakes, the first 1,000 of them below"),
    ],
)
def test_mistakes_are_counted_and_those_that_can_be_forced_told_apart(codes: list[str], kind: Kind, told: str) -> None:
    refusal = mistakes([problem(code) for code in codes], "/rulebook")
    assert (refusal.title, refusal.detail) == (kind.error("").title, told)
    assert refusal.errors[0] == {"pointer": "/rulebook/rules/0", "detail": "is wrong", "code": codes[0]}
    assert len(refusal.errors) == min(len(codes), TOLD)
