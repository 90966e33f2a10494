"""The index: from what is read of a call to the few rules that can match it.

Theory of operation
-------------------
A rule matches only if all of its conditions hold, so it is enough to file it under *one* of them and to check the
others when a call leads there. Filing under the rarest keeps that check rare: of a rule's indexable conditions we
take the one whose keys lead to the fewest rules so far, weighted by how often a call carries such a key at all
(every call has an endpoint, hardly one has a given caller). A condition with several values files the rule under
each. A rule without any indexable condition (only hours, a share, exceptions) goes to the `rest`, which every call
asks.

A key is a subject (what is read of the call), a way to compare, and a text. Per subject there is a dict of whole
texts, one dict of prefixes for each length (see `prefixes`), and one `re2.Set` for all regexes. A regex whose matches
all begin with the same rare literal is filed under that prefix instead, and only matched if a call gets there. Lists
are not unrolled into their entries: `ListIndex` tells which lists hold a number, and a list's name is a key.

Every posting (the rules filed under one key) is a list of positions in rule order. There is no merging: each posting
is walked only as far as the best match so far, so the walk ends at the first match in it and the least of these wins.
The telling subjects are looked up first, so that the long postings of the others are rarely walked far.

An edit leaves nearly all rules as they are. These stay filed under the keys that were chosen for them (`like`), which
spares the choosing, the larger part of the work; a choice may be a little worse than another by now, never wrong.

The index is only an accelerator. Conditions know their keys and `holds` says what they mean; a test draws random
tables and calls and compares with asking every rule in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import NamedTuple

from routing_rules.conditions import Condition, Key
from routing_rules.patterns import Kind, RegexSet, literal_prefix
from routing_rules.prefixes import levels
from routing_rules.question import Question
from routing_rules.rule import Rule

Posting = list[int]  # positions of rules, ascending
Residue = tuple[tuple[Condition, bool], ...]  # conditions and whether they must hold

# How many calls, of ten thousand, may carry a given key of this subject: a guess at an ordinary trunk, used only to
# choose between conditions and for the order of lookup.
_WEIGHTS = {
    "caller": 1,
    "caller_address": 1,
    "called": 10,
    "called_address": 10,
    "caller_user": 1,
    "called_user": 10,
    "header": 100,
    "caller_list": 100,
    "called_list": 500,
    "caller_host": 500,
    "caller_anonymous": 500,
    "called_host": 2_000,
    "country": 2_000,
    "attestation": 4_000,
    "media": 5_000,
    "endpoint": 10_000,
}
# A regex that must be asked of every call costs about as much as a prefix of three characters leads astray.
_REGEX_WEIGHT = 50


def _user(question: Question, party: str) -> Sequence[str]:
    address = question.party(party)[1]
    return (address.rpartition("@")[0],) if address else ()


def _host(question: Question, party: str) -> Sequence[str]:
    address = question.party(party)[1]
    return (address.rpartition("@")[2],) if address else ()


# Subjects of one text, by the attribute of the facts (in C, since every call reads them) …
_FACTS: dict[str, Callable[[object], str | None]] = {
    "called": attrgetter("called"),
    "caller": attrgetter("caller"),
    "called_address": attrgetter("called_uri"),
    "caller_address": attrgetter("caller_uri"),
    "country": attrgetter("country"),
    "attestation": attrgetter("attestation"),
    "media": attrgetter("media"),
    "endpoint": attrgetter("endpoint"),
}
# … and those that are worked out or are several.
_TEXTS: dict[str, Callable[[Question], Sequence[str]]] = {
    "called_user": lambda question: _user(question, "called"),
    "caller_user": lambda question: _user(question, "caller"),
    "called_host": lambda question: _host(question, "called"),
    "caller_host": lambda question: _host(question, "caller"),
    "called_list": lambda question: question.lists("called"),
    "caller_list": lambda question: question.lists("caller"),
    "caller_anonymous": lambda question: ("anonymous",) if question.facts.anonymous else (),
}


class _Subject:
    """All rules filed under keys of one subject."""

    __slots__ = ("_levels", "_regexes", "exact", "name", "prefixes", "regexes")

    def __init__(self, name: str) -> None:
        self.name = name
        self.exact: dict[str, Posting] = {}
        self.prefixes: dict[str, Posting] = {}
        self.regexes: dict[str, Posting] = {}

    def place(self, kind: Kind) -> dict[str, Posting]:
        """Where postings of keys that compare so are kept."""
        if kind is Kind.EXACT:
            return self.exact
        return self.prefixes if kind is Kind.PREFIX else self.regexes

    def seal(self) -> None:
        """Make ready for `find`; nothing is filed any more."""
        self._levels = levels(self.prefixes, [])
        self._regexes = RegexSet(self.regexes) if self.regexes else None

    def find(self, text: str, found: list[Posting]) -> None:
        """Add the postings of every key that the text satisfies."""
        posting = self.exact.get(text)
        if posting:
            found.append(posting)
        for length, level in self._levels:
            posting = level.get(text[:length])
            if posting is None:
                break
            if posting:
                found.append(posting)
        if self._regexes is not None:
            found.extend([self.regexes[source] for source in self._regexes.matching(text)])


class Filing(NamedTuple):
    """How a rule is filed."""

    rule: Rule
    keys: Sequence[Key]  # under which it is found; none: it is asked for every call
    residue: Residue  # what is left to check once a call was led there


class Index:
    """The rules of a table, filed."""

    __slots__ = ("_facts", "_filings", "_headers", "_rest", "_texts", "residues")

    def __init__(self, rules: Sequence[Rule], like: Index | None = None) -> None:
        """File the enabled rules; those that are in the index `like`, the very same ones, as they are there."""
        known = like._filings if like is not None else {}
        self._rest: Posting = []
        self._filings: dict[str, Filing] = {}  # by the rule's id
        self.residues: list[Residue] = []  # by position
        subjects: dict[str, _Subject] = {}
        for position, rule in enumerate(rules):
            filing = known.get(rule.id)
            if filing is None or filing.rule is not rule:
                filing = _filing(subjects, rule)
            self._filings[rule.id] = filing
            self.residues.append(filing.residue)
            if rule.enabled:
                self._file(subjects, position, filing.keys)
        for subject in subjects.values():
            subject.seal()
        used = [subjects[name] for name in sorted(subjects, key=_rank)]
        self._facts = [(_FACTS[subject.name], subject) for subject in used if subject.name in _FACTS]
        self._texts = [(_TEXTS[subject.name], subject) for subject in used if subject.name in _TEXTS]
        self._headers = {name[7:]: subject for name, subject in subjects.items() if name.startswith("header:")}

    def unlike(self, rules: Sequence[Rule]) -> list[int]:
        """The indices of those of the rules that are not in this index as they are."""
        filings = self._filings
        return [
            index
            for index, rule in enumerate(rules)
            if (filing := filings.get(rule.id)) is None or filing.rule is not rule
        ]

    def _file(self, subjects: dict[str, _Subject], position: int, keys: Sequence[Key]) -> None:
        """File the rule at a position."""
        if not keys:
            self._rest.append(position)
        for name, kind, text in keys:
            subject = subjects.get(name) or subjects.setdefault(name, _Subject(name))
            subject.place(kind).setdefault(text, []).append(position)

    def postings(self, question: Question) -> list[Posting]:
        """The postings which together hold every rule that can match."""
        found: list[Posting] = []
        facts = question.facts
        for read, subject in self._facts:
            text = read(facts)
            if text is not None:
                subject.find(text, found)
        if self._headers:
            # Not by `question.headers()`, which few calls need: what the index found is seldom asked again.
            for name, value in facts.headers:
                header = self._headers.get(name.lower())
                if header is not None:
                    header.find(value.strip(), found)
        for texts, subject in self._texts:
            for text in texts(question):
                subject.find(text, found)
        if self._rest:
            found.append(self._rest)
        return found


def _filing(subjects: dict[str, _Subject], rule: Rule) -> Filing:
    """Choose the rule's rarest condition, to be filed under its keys."""
    least: float = float("inf")
    chosen: Condition | None = None
    filed: Sequence[Key] = ()
    for condition in rule.when:
        keys = condition.keys()
        cost = sum(_cost(subjects, key) for key in keys)
        if keys and cost < least:
            least, chosen, filed = cost, condition, keys
    found_by = [_findable(subjects, key) for key in filed]
    # Being led there proves the condition, unless by the mere beginning of a regex.
    settled = chosen if all(found is key for found, key in zip(found_by, filed, strict=True)) else None
    when = [(condition, True) for condition in rule.when if condition is not settled]
    return Filing(rule, found_by, (*when, *[(condition, False) for condition in rule.unless]))


def _findable(subjects: dict[str, _Subject], key: Key) -> Key:
    """The key, or for a regex the literal with which all of its matches begin, if that leads to it more rarely."""
    if key.kind is not Kind.REGEX:
        return key
    beginning = Key(key.subject, Kind.PREFIX, literal_prefix(key.text))
    return min(beginning, key, key=lambda choice: _cost(subjects, choice))


def _cost(subjects: dict[str, _Subject], key: Key) -> int:
    """How much work it makes to file one more rule under the key."""
    subject = subjects.get(key.subject)
    filed = len(subject.place(key.kind).get(key.text, ())) if subject else 0
    return _weight(key) * (filed + 1)


def _weight(key: Key) -> int:
    weight = _WEIGHTS.get(key.subject, _WEIGHTS["header"])
    if key.kind is Kind.EXACT:
        return weight
    if key.kind is Kind.REGEX:
        return weight * _REGEX_WEIGHT
    # "+1" is no news of a call and "+1555" is some: each character leaves a quarter or less of the calls.
    return weight * max(2, 4_000 >> 2 * len(key.text))


def _rank(subject: str) -> int:
    return list(_WEIGHTS).index(subject if subject in _WEIGHTS else "header")
