"""The package as others see it."""

import ast
import sys
from pathlib import Path

import routing_rules

PACKAGE = Path(routing_rules.__file__).parent
PUBLIC = """
FAILURES NO_USAGE Accept Calendar CallFacts CompiledTable Decision DocumentError Expectation ExpectedCall Explanation
Ignore Problem Reason Refer Reject Rule Rulebook Severity Tried Usage Verdict compile_table decide explain
find_problems no_holidays read_document target_mistake write_document
"""


def test_the_public_names_are_these() -> None:
    assert routing_rules.__all__ == PUBLIC.split()
    assert all(hasattr(routing_rules, name) for name in routing_rules.__all__)


def test_the_package_is_pure() -> None:
    allowed = {*sys.stdlib_module_names, "re2", "routing_rules"} - {"asyncio", "logging", "socket", "time", "random"}
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert {name.split(".")[0] for name in names} <= allowed, path.name
            assert not isinstance(node, (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)), path.name
