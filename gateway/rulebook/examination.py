"""Examining what somebody wants to publish: a whole document, or edits of a rulebook.

Both are held against the same rules. Of edits only what they can have made is looked at, and told at the place where
the edit said it. Expectations come last, since only a compiled table can try them.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from gateway.collector import uncollected
from gateway.profiles.problems import EVERYTHING, Reach, find_profile_problems, used_by_profiles
from gateway.profiles.profile import ancestry
from gateway.rulebook.edit import Edit, apply_edits, place_problem, touched_rules
from gateway.rulebook.holidays import code_mistake
from gateway.rulebook.items import ItemKind
from routing_rules import DocumentError, Problem, Rulebook, Severity, find_problems, find_problems_of, read_document

ReferGuard = Callable[[str], str | None]  # why a target is refused; None when it may be called

# Edited rules up to which their shadows are looked for one by one; from then on the whole table is faster, also in a
# large one, of which one rule takes about a five hundredth of the time.
FEW: Final = 5
ONE_OF: Final = 500


class BrokenExpectations(DocumentError):
    """Calls would not go where the document expects them to; nothing else is wrong with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Examined:
    """A document without errors."""

    rulebook: Rulebook
    warnings: tuple[Problem, ...]  # what its author probably did not mean


def examine(document: Mapping[str, Any], refer_guard: ReferGuard, today: date | None = None) -> Examined:
    """Read and check a document; its expectations are not tried. Raises DocumentError with every error found."""
    with uncollected():
        rulebook = read_document(document)
        return _without_errors(rulebook, problems_of(rulebook, refer_guard, today))


def examine_edits(rulebook: Rulebook, edits: Sequence[Edit], refer_guard: ReferGuard, today: date) -> Examined:
    """Make the edits, and check them as far as they can have changed the rulebook. Raises DocumentError likewise."""
    with uncollected():
        edited = apply_edits(rulebook, edits)
        touched = touched_rules(edits, edited)
        if len(touched) > max(FEW, len(edited.rules) // ONE_OF):
            problems = _of_rules(edited, refer_guard, today)
        else:
            # No rule names another rule.
            takes = any(edit.op == "delete" and edit.kind is not ItemKind.RULE for edit in edits)
            problems = find_problems_of(
                edited, touched, others=takes, refer_guard=refer_guard, holiday_guard=code_mistake, today=today
            )
        doubts = (*problems, *find_profile_problems(edited, today, _reach(edited, edits, touched), refer_guard))
        placed = [place_problem(problem, edited, edits) for problem in doubts]
        return _without_errors(edited, [problem for problem in placed if problem is not None])


def problems_of(rulebook: Rulebook, refer_guard: ReferGuard, today: date | None) -> tuple[Problem, ...]:
    """Every error and warning of a rulebook, but for its expectations."""
    with uncollected():
        return (
            *_of_rules(rulebook, refer_guard, today),
            *find_profile_problems(rulebook, today, refer_guard=refer_guard),
        )


def _of_rules(rulebook: Rulebook, refer_guard: ReferGuard, today: date | None) -> tuple[Problem, ...]:
    """What the rules make of it; they know no more of profiles than their names."""
    found = find_problems(rulebook, refer_guard=refer_guard, holiday_guard=code_mistake, today=today)
    used = set(used_by_profiles(rulebook))
    return tuple(p for p in found if not (p.code in {"unused_profile", "unused_list"} and p.pointer in used))


def _reach(rulebook: Rulebook, edits: Sequence[Edit], touched: Collection[int]) -> Reach:
    """What edits can have made wrong in profiles, and in what rules say over them."""
    edited = {edit.name for edit in edits if edit.kind is ItemKind.PROFILE}
    heirs = {name for name in rulebook.profiles if not edited.isdisjoint(ancestry(rulebook.profiles, name))}
    if any(edit.kind is ItemKind.LIST and edit.op == "delete" for edit in edits):
        return EVERYTHING  # a text may look something up in it
    return Reach(profiles=heirs, rules=range(len(rulebook.rules)) if edited else touched)


def admitted(problem: Problem) -> Problem:
    """An error that is in force already, or about to be, as a warning."""
    return replace(problem, severity=Severity.WARNING)


def _without_errors(rulebook: Rulebook, problems: Sequence[Problem]) -> Examined:
    if errors := [problem for problem in problems if problem.severity is Severity.ERROR]:
        raise DocumentError(errors)
    return Examined(rulebook=rulebook, warnings=tuple(problems))
