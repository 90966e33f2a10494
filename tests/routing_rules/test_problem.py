"""How mistakes are told."""

from routing_rules import DocumentError, Problem, Severity
from routing_rules.problem import pointer_to


def test_a_pointer_escapes_what_rfc_6901_escapes() -> None:
    assert pointer_to("rules", 3, "a/b~c") == "/rules/3/a~1b~0c"
    assert pointer_to() == ""


def test_an_error_keeps_its_problems_and_prints_a_line_for_each() -> None:
    whole = Problem(severity=Severity.ERROR, code="wrong_type", pointer="", detail="must be a table")
    part = Problem(severity=Severity.ERROR, code="out_of_range", pointer="/default/reject", detail="too low")
    error = DocumentError(iter([whole, part]))
    assert error.problems == (whole, part)
    assert str(error) == "/: must be a table\n/default/reject: too low"
