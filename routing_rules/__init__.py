"""Deciding what happens to a call: facts in, verdict out. Pure: no I/O, no clock, no logging.

rulebook = read_document(tomllib.load(file))
table = compile_table(rulebook)
verdict = decide(table, facts, now)
"""

from routing_rules.calendars import Calendar, no_holidays
from routing_rules.decide import FAILURES, decide, explain, try_rules
from routing_rules.document import read_document
from routing_rules.expectations import check_expectations
from routing_rules.facts import NO_USAGE, CallFacts, Usage
from routing_rules.overrides import Override, find_override_problems, missing_from, read_override, write_override
from routing_rules.problem import DocumentError, Problem, Severity
from routing_rules.problems import find_notes, find_problems, find_problems_of
from routing_rules.rule import Accept, Decision, Ignore, Refer, Reject, Rule
from routing_rules.rulebook import Expectation, ExpectedCall, Rulebook
from routing_rules.table import CompiledTable, compile_table
from routing_rules.targets import target_mistake
from routing_rules.verdict import Explanation, Reason, Tried, Verdict
from routing_rules.writing import write_document

__all__ = [
    "FAILURES",
    "NO_USAGE",
    "Accept",
    "Calendar",
    "CallFacts",
    "CompiledTable",
    "Decision",
    "DocumentError",
    "Expectation",
    "ExpectedCall",
    "Explanation",
    "Ignore",
    "Override",
    "Problem",
    "Reason",
    "Refer",
    "Reject",
    "Rule",
    "Rulebook",
    "Severity",
    "Tried",
    "Usage",
    "Verdict",
    "check_expectations",
    "compile_table",
    "decide",
    "explain",
    "find_notes",
    "find_override_problems",
    "find_problems",
    "find_problems_of",
    "missing_from",
    "no_holidays",
    "read_document",
    "read_override",
    "target_mistake",
    "try_rules",
    "write_document",
    "write_override",
]
