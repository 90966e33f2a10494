"""The package as others see it."""

import routing_rules

PUBLIC = """
FAILURES NO_USAGE Accept Calendar CallFacts CompiledTable Decision DocumentError Expectation ExpectedCall Explanation
Ignore Problem Reason Refer Reject Rule Rulebook Severity Tried Usage Verdict check_expectations compile_table decide
explain find_notes find_problems find_problems_of no_holidays read_document target_mistake write_document
"""


def test_the_public_names_are_these() -> None:
    assert routing_rules.__all__ == PUBLIC.split()
    assert all(hasattr(routing_rules, name) for name in routing_rules.__all__)
