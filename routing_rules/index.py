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
spares the choosing, the larger part of the work; a choice may be a little worse than another by now, never wrong. If
they also stay at their positions, only the postings of the others are replaced (`with_rules`), and all else is shared.

The index is only an accelerator. Conditions know their keys and `holds` says what they mean; a test draws random
tables and calls and compares with asking every rule in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from operator import attrgetter
from typing import NamedTuple

from routing_rules.conditions import Condition, Key
from routing_rules.patterns import Kind, RegexSet, literal_prefix
from routing_rules.prefixes import levels
from routing_rules.question import Question
from routing_rules.rule import Rule
from routing_rules.verdict import Reason, Verdict

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

    def copy(self) -> _Subject:
        """The same, to be changed; the postings themselves are shared, and must be replaced instead."""
        other = _Subject(self.name)
        other.exact, other.prefixes, other.regexes = {**self.exact}, {**self.prefixes}, {**self.regexes}
        return other

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
    """What is made of a rule, wherever it stands: a table like this one takes it over."""

    rule: Rule
    keys: Sequence[Key]  # under which it is found; none: it is asked for every call
    residue: Residue  # what is left to check once a call was led there
    verdict: Verdict  # what it answers, always the same


class Index:
    """The rules of a table, filed."""

    __slots__ = ("_facts", "_filings", "_headers", "_rest", "_subjects", "_texts", "residues", "verdicts")

    def __init__(self, rules: Sequence[Rule], like: Index | None = None) -> None:
        """File the enabled rules; those that are in the index `like`, the very same ones, as they are there."""
        known = like._filings if like is not None else {}
        self._rest: Posting = []
        self._filings: dict[str, Filing] = {}  # by the rule's id
        self.residues: list[Residue] = []  # by position
        self.verdicts: list[Verdict] = []  # by position
        subjects: dict[str, _Subject] = {}
        for position, rule in enumerate(rules):
            filing = known.get(rule.id)
            if filing is None or filing.rule is not rule:
                filing = _filing(subjects, rule)
            self._filings[rule.id] = filing
            self.residues.append(filing.residue)
            self.verdicts.append(filing.verdict)
            if rule.enabled:
                self._file(subjects, position, filing.keys)
        for subject in subjects.values():
            subject.seal()
        self._arrange(subjects)

    def _arrange(self, subjects: dict[str, _Subject]) -> None:
        """Put the subjects, sealed, into the order in which they are asked."""
        self._subjects = subjects
        used = [subjects[name] for name in sorted(subjects, key=_rank)]
        self._facts = [(_FACTS[subject.name], subject) for subject in used if subject.name in _FACTS]
        self._texts = [(_TEXTS[subject.name], subject) for subject in used if subject.name in _TEXTS]
        self._headers = {name[7:]: subject for name, subject in subjects.items() if name.startswith("header:")}

    def with_rules(self, replaced: Mapping[int, Rule]) -> Index:
        """The index with other rules at these positions, which are few; whatever they do not touch is shared."""
        other = copy(self)  # shallow
        other.residues, other.verdicts = [*self.residues], [*self.verdicts]
        other._filings, other._rest = {**self._filings}, [*self._rest]
        subjects = {**self._subjects}
        gone = [other._filings.pop(str(self.verdicts[position].rule)) for position in replaced]
        for position, filing in zip(replaced, gone, strict=True):
            if filing.rule.enabled:
                other._refile(subjects, position, filing.keys, stays=False)
        for position, rule in replaced.items():
            filing = _filing(subjects, rule)
            other._filings[rule.id] = filing
            other.residues[position], other.verdicts[position] = filing.residue, filing.verdict
            if rule.enabled:
                other._refile(subjects, position, filing.keys, stays=True)
        for name, subject in subjects.items():
            if subject is not self._subjects.get(name):
                subject.seal()
        other._arrange(subjects)
        return other

    def _refile(self, subjects: dict[str, _Subject], position: int, keys: Sequence[Key], *, stays: bool) -> None:
        """Take a position out of the postings under the keys, or put it into them."""
        if not keys:
            self._rest = _changed(self._rest, position, stays=stays)
        for name, kind, text in keys:
            known = self._subjects.get(name)
            subject = subjects.get(name) or _Subject(name)
            subjects[name] = subject = subject.copy() if subject is known else subject
            postings = subject.place(kind)
            posting = _changed(postings.pop(text, []), position, stays=stays)
            if posting:
                postings[text] = posting

    def unlike(self, rules: Sequence[Rule], indices: Iterable[int]) -> list[int]:
        """Those of these indices whose rules are not in this index as they are."""
        filings = self._filings
        return [
            index
            for index in indices
            if (filing := filings.get((rule := rules[index]).id)) is None or filing.rule is not rule
        ]

    def _file(self, subjects: dict[str, _Subject], position: int, keys: Sequence[Key]) -> None:
        """File the rule at a position."""
        if not keys:
            self._rest.append(position)
        for name, kind, text in keys:
            subject = subjects.get(name)
            if subject is None:
                subject = subjects[name] = _Subject(name)
            postings = subject.exact if kind is Kind.EXACT else subject.place(kind)
            posting = postings.get(text)
            if posting is None:
                postings[text] = [position]
            else:
                posting.append(position)

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


def _changed(posting: Posting, position: int, *, stays: bool) -> Posting:
    """The posting with a position, or without it."""
    return sorted({*posting, position}) if stays else [other for other in posting if other != position]


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
    residue = (*when, *[(condition, False) for condition in rule.unless])
    return Filing(rule, found_by, residue, Verdict(decision=rule.then, rule=rule.id, reason=Reason.RULE_MATCHED))


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
