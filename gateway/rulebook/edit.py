"""Edits: one item put, taken away or moved, applied to a rulebook as values; every mistake is told at its own place.

An edit reads and checks only what it brings. Where a mistake is told depends on how the edit came in: a single one is
the whole body, one of a batch stands at `/changes/3`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from gateway.rulebook.difference import with_section
from gateway.rulebook.items import SECTIONS, ItemKind
from routing_rules import DocumentError, Problem, Rule, Rulebook, Severity, read_document
from routing_rules.problem import pointer_to

_SECTION_OF = {kind: section for section, kind in SECTIONS.items()}


class Spot(NamedTuple):
    """Where a rule is wanted; one of them is set."""

    before: str | None = None  # the rule that follows
    after: str | None = None  # the rule before
    position: int | None = None  # counted from 1; beyond the end is the end


@dataclass(frozen=True, kw_only=True, slots=True)
class Edit:
    """One change that someone wants."""

    op: Literal["create", "put", "move", "delete"]  # `put` replaces or creates
    kind: ItemKind
    name: str  # empty for the default
    value: Any = None  # of `create` and `put`, as in a document
    spot: Spot | None = None  # of a rule; None leaves it where it is, a new one goes to the end
    match: Sequence[str] | None = None  # the entity tags of which the item's own must be one; `*` is any
    root: str = ""  # JSON pointer to this edit in what was sent
    place: str = ""  # … to its value

    @property
    def item(self) -> tuple[ItemKind, str]:
        """What it changes."""
        return self.kind, self.name

    @property
    def label(self) -> str:
        """The item, for people."""
        return f"{self.kind} {self.name!r}" if self.name else f"the {self.kind}"

    def mistake(self, code: str, detail: str, *, at: str = "") -> Problem:
        """A mistake of the edit itself."""
        return Problem(severity=Severity.ERROR, code=code, pointer=self.root + at, detail=detail)


def apply_edits(rulebook: Rulebook, edits: Sequence[Edit]) -> Rulebook:
    """The rulebook after these edits, one after the other. Raises DocumentError with the mistakes of all of them."""
    desk = _Desk(rulebook)
    problems: list[Problem] = []
    for edit in edits:
        try:
            desk.make(edit)
        except DocumentError as error:
            problems += error.problems
    if problems:
        raise DocumentError(problems)
    return desk.result()


class _Desk:
    """A rulebook that is being edited."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook = rulebook
        self._rules = {rule.id: rule for rule in rulebook.rules}
        self._order: list[str] | None = None  # made when a rule is moved

    def make(self, edit: Edit) -> None:
        """Make one edit. Raises DocumentError."""
        if edit.kind is ItemKind.DEFAULT:
            self._rulebook = replace(self._rulebook, default=_read(edit).default)
        elif edit.kind is ItemKind.RULE:
            self._edit_rule(edit)
        else:
            self._edit_named(edit, _SECTION_OF[edit.kind])

    def result(self) -> Rulebook:
        """The rulebook as it is now."""
        rules = self._rules.values() if self._order is None else (self._rules[name] for name in self._order)
        return replace(self._rulebook, rules=tuple(rules))

    def _edit_named(self, edit: Edit, section: str) -> None:
        items: dict[str, Any] = dict(getattr(self._rulebook, section))
        if edit.op != "delete":
            items[edit.name] = getattr(_read(edit), section)[edit.name]
        elif items.pop(edit.name, None) is None:
            raise DocumentError([edit.mistake(f"missing_{edit.kind}", f"there is no {edit.label}")])
        self._rulebook = with_section(self._rulebook, section, items)

    def _edit_rule(self, edit: Edit) -> None:
        known = edit.name in self._rules
        if edit.op == "create" and known:
            raise DocumentError([edit.mistake("duplicate_rule", f"there is a {edit.label} already", at="/id")])
        if edit.op in ("move", "delete") and not known:
            raise DocumentError([edit.mistake("missing_rule", f"there is no {edit.label}")])
        if edit.op == "delete":
            self._ordered().remove(edit.name)
            del self._rules[edit.name]
            return
        if edit.op != "move":
            rule: Rule = _read(edit).rules[0]
        if edit.spot is not None:
            self._move(edit, edit.spot)
        elif not known and self._order is not None:
            self._order.append(edit.name)
        if edit.op != "move":
            self._rules[edit.name] = rule

    def _move(self, edit: Edit, spot: Spot) -> None:
        neighbour = spot.before or spot.after
        if neighbour is not None and (neighbour not in self._rules or neighbour == edit.name):
            side = "/before" if spot.before else "/after"
            what = "itself" if neighbour == edit.name else f"{neighbour!r}, which is no rule"
            raise DocumentError([edit.mistake("missing_rule", f"cannot be put beside {what}", at=side)])
        order = self._ordered()
        if edit.name in self._rules:
            order.remove(edit.name)
        if neighbour is not None:
            order.insert(order.index(neighbour) + (spot.before is None), edit.name)
        else:
            order.insert((spot.position or 1) - 1, edit.name)

    def _ordered(self) -> list[str]:
        if self._order is None:
            self._order = list(self._rules)
        return self._order


def _read(edit: Edit) -> Rulebook:
    """A rulebook of nothing but what the edit brings. Raises DocumentError, its pointers those of the edit."""
    if edit.kind is ItemKind.DEFAULT:
        inside, document = "/default", {"default": edit.value}
    elif edit.kind is ItemKind.RULE:
        inside, document = "/rules/0", {"rules": [edit.value]}
    else:
        section = _SECTION_OF[edit.kind]
        inside, document = f"/{section}{pointer_to(edit.name)}", {section: {edit.name: edit.value}}
    try:
        return read_document(document)
    except DocumentError as error:
        placed = [replace(found, pointer=edit.place + found.pointer.removeprefix(inside)) for found in error.problems]
        raise DocumentError(placed) from None


def place_problem(problem: Problem, rulebook: Rulebook, edits: Sequence[Edit]) -> Problem | None:
    """A problem of the edited rulebook, told at the edit that made it; None for a doubt about what was not edited."""
    kind, name, rest = _locate(problem.pointer, rulebook)
    for edit in reversed(edits):
        if edit.item == (kind, name) and edit.op != "delete":
            return replace(problem, pointer=(edit.root if edit.op == "move" else edit.place) + rest)
    if problem.severity is not Severity.ERROR:
        return None
    # An item that was not edited lacks something that was taken away.
    culprit = next((edit for edit in edits if edit.op == "delete" and repr(edit.name) in problem.detail), edits[0])
    where = f"{kind} {name!r}" if name else f"{problem.pointer}"
    return replace(problem, pointer=culprit.root, detail=f"{where} needs it: {problem.detail}")


def _locate(pointer: str, rulebook: Rulebook) -> tuple[str, str, str]:
    """ItemKind and name of the item that a pointer into the document is about, and the rest of the pointer."""
    _, section, *steps = pointer.split("/")
    kind = SECTIONS.get(section)
    if kind is None:
        return section, "", "".join(f"/{step}" for step in steps)
    name = rulebook.rules[int(steps[0])].id if kind is ItemKind.RULE else steps[0]
    return kind, name, "".join(f"/{step}" for step in steps[1:])


def touched_rules(edits: Sequence[Edit], rulebook: Rulebook) -> list[int]:
    """The indices of the rules that were put or moved."""
    names = {edit.name for edit in edits if edit.kind is ItemKind.RULE and edit.op != "delete"}
    return [index for index, rule in enumerate(rulebook.rules) if rule.id in names] if names else []
