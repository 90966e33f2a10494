"""Rules as people read them: conditions and decisions in words."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from routing_rules import Rule
from routing_rules.writing import write_rule


class Phrase(NamedTuple):
    """One condition of a rule."""

    name: str  # "called", "header", …
    label: str  # "called", "not caller", "X-Tenant"
    values: tuple[str, ...]  # any of them
    negated: bool  # of `unless`


class Line(NamedTuple):
    """One rule as a row of the table."""

    id: str
    position: int  # from 1
    enabled: bool
    note: str
    phrases: tuple[Phrase, ...]
    kind: str  # of the decision
    outcome: str  # what it comes to: a profile, a status, a target
    extras: tuple[str, ...]  # what else the decision says


_LABELS: Final = {
    "during": "during",
    "share": "share",
    "active_below": "live calls",
    "rate_below": "rate",
}


def line_of(rule: Rule, position: int) -> Line:
    """A rule as a row of the table."""
    written = write_rule(rule)
    kind, outcome, extras = decision_words(written["then"])
    return Line(
        id=rule.id,
        position=position,
        enabled=rule.enabled,
        note=rule.note,
        phrases=(
            *_phrases(written.get("when", {}), negated=False),
            *_phrases(written.get("unless", {}), negated=True),
        ),
        kind=kind,
        outcome=outcome,
        extras=extras,
    )


def _phrases(conditions: Mapping[str, Any], *, negated: bool) -> Iterator[Phrase]:
    for name, value in conditions.items():
        if name == "header":
            for header, values in value.items():
                yield Phrase(name, header, _several(values), negated)
        else:
            yield Phrase(name, _LABELS.get(name, name), _values(name, value), negated)


def _values(name: str, value: Any) -> tuple[str, ...]:
    if name == "share":
        return (f"{value} % of callers",)
    if name == "active_below":
        return (f"fewer than {value}",)
    if name == "rate_below":
        return (f"fewer than {value['calls']} in {value['seconds']} s per {value['per']}",)
    return _several(value)


def _several(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


def decision_words(then: Mapping[str, Any]) -> tuple[str, str, tuple[str, ...]]:
    """Kind, outcome and what else a written decision says."""
    extras = []
    if (fallback := then.get("fallback")) is not None:
        kind, outcome, _ = decision_words(fallback)
        extras.append(f"if refused: {kind} {outcome}".strip())
    if "accept" in then:
        accept = then["accept"] if isinstance(then["accept"], dict) else {"profile": then["accept"]}
        extras = [f"own {name.replace('_', ' ')}" for name in accept if name != "profile"] + extras
        return "accept", str(accept["profile"]), tuple(extras)
    if "refer" in then:
        refer = then["refer"] if isinstance(then["refer"], dict) else {"to": then["refer"]}
        if refer.get("profile"):
            extras.insert(0, f"answered by {refer['profile']}")
        return "refer", ", then ".join(_several(refer["to"])), tuple(extras)
    if "reject" in then:
        return "reject", str(then["reject"]), tuple(extras)
    return "ignore", "", ()


def haystack(rule: Rule) -> str:
    """Everything of a rule that a search looks at, in lower case."""
    line = line_of(rule, 0)
    words: list[str] = [line.id, line.note, line.kind, line.outcome]
    for phrase in line.phrases:
        words += [phrase.label, *phrase.values]
    return "\n".join(words).lower()
