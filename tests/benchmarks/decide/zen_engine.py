"""The same rules as a decision table of GoRules' zen-engine (Rust), as its user would write them.

What a decision table cannot do is given to it ready-made with each call and not counted: which calendars are open, and
on which lists the caller stands.
"""

import json
from collections.abc import Callable
from typing import Any

import zen

from routing_rules import CallFacts
from routing_rules.question import Question
from tests.benchmarks.decide.workload import Document

# Column by column: what is read of the call. Cells are expressions over it, in which `$` is its value.
COLUMNS = {
    "called": "called",
    "caller": "caller",
    "caller_list": "caller_lists",
    "country": "country",
    "X-Tenant": "tenant",
    "X-Campaign": "campaign",
    "during": "open_calendars",
    "unless": "open_calendars",
}


def build(document: Document) -> Callable[[dict[str, Any]], str | None]:
    """A function from a context to the id of the rule that decides it."""
    content = {
        "hitPolicy": "first",
        "inputs": [_column(name, field) for name, field in COLUMNS.items()],
        "outputs": [_column("rule", "rule")],
        "rules": [_row(rule) for rule in document["rules"]],
    }
    nodes = [
        {"id": "request", "name": "request", "type": "inputNode"},
        {"id": "table", "name": "table", "type": "decisionTableNode", "content": content},
        {"id": "response", "name": "response", "type": "outputNode"},
    ]
    edges = [
        {"id": "1", "sourceId": "request", "targetId": "table"},
        {"id": "2", "sourceId": "table", "targetId": "response"},
    ]
    graph = {"contentType": "application/vnd.gorules.decision", "nodes": nodes, "edges": edges}
    decision = zen.ZenEngine().create_decision(json.dumps(graph))
    return lambda context: (decision.evaluate(context)["result"] or {}).get("rule")


def _column(name: str, field: str) -> dict[str, str]:
    return {"id": name, "name": name, "field": field, "type": "expression"}


def _row(rule: dict[str, Any]) -> dict[str, str]:
    when = rule["when"]
    caller = when.get("caller", "")
    listed = caller.startswith("list:")
    return {
        "_id": rule["id"],
        "called": _text(when.get("called")),
        "caller": "" if listed else _text(caller),
        "caller_list": _member(caller.removeprefix("list:")) if listed else "",
        "country": _text(when.get("country")),
        "X-Tenant": _text(when.get("header", {}).get("X-Tenant")),
        "X-Campaign": _text(when.get("header", {}).get("X-Campaign")),
        "during": _member(when.get("during")),
        "unless": f"not({_member(rule['unless']['during'])})" if "unless" in rule else "",
        "rule": json.dumps(rule["id"]),
    }


def _text(pattern: str | None) -> str:
    if not pattern:
        return ""
    if pattern.startswith("re:"):
        return f'matches($, "^(?:{pattern[3:]})$")'  # its texts take a backslash as it is
    if pattern.endswith("*"):
        return f"startsWith($, {json.dumps(pattern[:-1])})"
    return json.dumps(pattern)


def _member(name: str | None) -> str:
    return f"contains($, {json.dumps(name)})" if name else ""


def context(question: Question) -> dict[str, Any]:
    """What the table reads of a call."""
    facts: CallFacts = question.facts
    headers = dict(facts.headers)
    return {
        "called": facts.called,
        "caller": facts.caller,
        "caller_lists": list(question.lists("caller")),
        "country": facts.country,
        "tenant": headers["X-Tenant"],
        "campaign": headers["X-Campaign"],
        "open_calendars": [name for name in question.resources.calendars if question.is_open(name)],
    }
