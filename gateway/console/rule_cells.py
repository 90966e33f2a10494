"""A row of the table of rules, edited in its cells: name, note, switch, numbers and decision.

The row has fields for what one changes every day. Whatever else the rule says stays as it is: other conditions, a
decision's own words, its fallback.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from gateway.console.rule_form import field_of
from routing_rules import Problem

_Object = dict[str, Any]
Sent = Mapping[str, Sequence[str]]

# The conditions that have a cell, of `when` only.
NUMBERS: Final = ("called", "caller")

# Decisions by what is said of each.
OUTCOMES: Final[Mapping[str, str]] = {"accept": "profile", "reject": "status", "refer": "to"}

_PREFIX: Final = "cell."


def cells_of(rule: Mapping[str, Any]) -> dict[str, str]:
    """What the cells hold for a rule as in a document."""
    then = rule.get("then") or {}
    kind = next((kind for kind in (*OUTCOMES, "ignore") if kind in then), "accept")
    cells = {
        "id": str(rule.get("id", "")),
        "note": str(rule.get("note", "")),
        "enabled": "" if rule.get("enabled") is False else "yes",
        "kind": kind,
    }
    for name in NUMBERS:
        cells[name] = "\n".join(_texts((rule.get("when") or {}).get(name)))
    for other, field in OUTCOMES.items():
        cells[field] = "\n".join(_texts(_outcome(then[other], field))) if other in then else ""
    return {f"{_PREFIX}{name}": value for name, value in cells.items()}


def with_cells(rule: Mapping[str, Any], sent: Sent) -> _Object:
    """The rule with what its cells say."""
    changed: _Object = {**rule, "id": _one(sent, "id")}
    for name, value in (("note", _one(sent, "note")), ("when", _conditions(rule.get("when") or {}, sent))):
        changed.pop(name, None)
        if value:
            changed[name] = value
    changed.pop("enabled", None)
    if not _one(sent, "enabled"):
        changed["enabled"] = False
    return {**changed, "then": _decision(rule.get("then") or {}, sent)}


def mistakes_of(problems: Iterable[Problem]) -> dict[str, str]:
    """The first mistake of each cell; what is about no cell is told under the empty name."""
    told: dict[str, str] = {}
    cells = {*(f"when.{name}" for name in NUMBERS), *OUTCOMES.values(), "id", "note", "kind"}
    for problem in problems:
        field = field_of(problem)
        told.setdefault(f"{_PREFIX}{field.removeprefix('when.')}" if field in cells else "", problem.detail)
    return told


def _conditions(kept: Mapping[str, Any], sent: Sent) -> _Object:
    conditions = dict(kept)
    for name in NUMBERS:
        lines = [line.strip() for line in _one(sent, name).splitlines() if line.strip()]
        if lines != _texts(kept.get(name)):
            conditions.pop(name, None)
            if lines:
                conditions[name] = lines[0] if len(lines) == 1 else lines
    return conditions


def _decision(kept: Mapping[str, Any], sent: Sent) -> _Object:
    kind = _one(sent, "kind")
    if kind not in OUTCOMES:
        return {"ignore": True}
    field = OUTCOMES[kind]
    text = _one(sent, field)
    told: Any = _number(text) if kind == "reject" else text
    if kind == "refer":
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        told = lines[0] if len(lines) == 1 else lines
    own = kept.get(kind)
    then: _Object = {kind: {**own, field: told} if isinstance(own, dict) else told}
    # What happens if the upstream refuses is said for accept and refer; a reject is refused for no reason of its own.
    if "fallback" in kept and (kind != "reject" or "reject" in kept):
        then["fallback"] = kept["fallback"]
    return then


def _outcome(told: Any, field: str) -> Any:
    return told.get(field) if isinstance(told, dict) else told


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _number(text: str) -> Any:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else text or 603


def _one(sent: Sent, name: str) -> str:
    return next(iter(sent.get(f"{_PREFIX}{name}", ())), "").strip()
