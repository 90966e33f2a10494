"""The package as others see it."""

import routing_rules

PUBLIC = """
FAILURES NO_USAGE Accept Calendar CallFacts CompiledTable Decision DocumentError Expectation ExpectedCall Explanation
Ignore Override Problem Reason Refer Reject Rule Rulebook Severity Tried Usage Verdict check_expectations compile_table
decide explain find_notes find_override_problems find_problems find_problems_of missing_from no_holidays read_document
read_override target_mistake try_rules write_document write_override
"""


def test_the_public_names_are_these() -> None:
    assert routing_rules.__all__ == PUBLIC.split()
    assert all(hasattr(routing_rules, name) for name in routing_rules.__all__)
