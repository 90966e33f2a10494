"""Which rules concern a call: those of which a condition on `called` or `caller` holds, whatever else they ask.

Explaining lists these, and counts the others. The index that decides cannot find them, since it files a rule under one
condition only, its rarest. This one files it under every pattern for a number or an address; it is made when a table
is explained for the first time, which takes about as long as holding every rule against one call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from routing_rules.collector import paused
from routing_rules.conditions import NumberIs
from routing_rules.patterns import Kind
from routing_rules.question import Question
from routing_rules.rule import Rule

_PARTIES = ("called", "caller")


class Concerned:
    """The rules of a table by the numbers and addresses that they name."""

    __slots__ = ("_parties", "_rules")

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._parties: Mapping[str, _Party] | None = None

    def by(self, question: Question) -> list[int]:
        """The positions of the rules that concern the question's call, ascending."""
        if self._parties is None:  # two threads may both make it, and then it is the same
            self._parties = self._filed()
        return sorted({position for name in _PARTIES for position in self._parties[name].naming(question)})

    def _filed(self) -> Mapping[str, _Party]:
        parties = {name: _Party(name) for name in _PARTIES}
        with paused():
            for position, rule in enumerate(self._rules):
                for condition in rule.when:
                    if isinstance(condition, NumberIs):
                        parties[condition.name].file(position, condition)
            for party in parties.values():
                party.seal()
        return parties


class _Party:
    """The rules by what they say of one side of a call."""

    __slots__ = ("_by_kind", "_lengths", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._by_kind: dict[Kind, dict[str, list[int]]] = {kind: {} for kind in Kind}

    def file(self, position: int, condition: NumberIs) -> None:
        """Put a rule under each of the condition's patterns."""
        for kind, text in condition.patterns:
            self._by_kind[kind].setdefault(text, []).append(position)

    def seal(self) -> None:
        """Make ready for `naming`; nothing is filed any more."""
        self._lengths = {len(prefix) for prefix in self._by_kind[Kind.PREFIX]}

    def naming(self, question: Question) -> Iterable[int]:
        """The positions of the rules that name this side of the call, some of them twice."""
        number, address = question.party(self._name)
        user, _, host = address.rpartition("@")
        for kind, texts in (
            (Kind.PREFIX, {number[:length] for length in self._lengths}),
            (Kind.EXACT, (number,)),
            (Kind.REGEX, self._matching(question, self._name, Kind.REGEX, number)),
            (Kind.LIST, question.lists(self._name)),
            (Kind.ANONYMOUS, self._by_kind[Kind.ANONYMOUS] if question.facts.anonymous else ()),
            (Kind.ADDRESS_REGEX, self._matching(question, f"{self._name}_address", Kind.ADDRESS_REGEX, address)),
            *(((Kind.ADDRESS, (address,)), (Kind.USER, (user,)), (Kind.HOST, (host,))) if address else ()),
        ):
            for text in texts:
                yield from self._by_kind[kind].get(text, ())

    def _matching(self, question: Question, subject: str, kind: Kind, text: str) -> Iterable[str]:
        """Those of the regexes filed here that match; none are looked for where there are none."""
        return question.matching(subject, text) if self._by_kind[kind] else ()
