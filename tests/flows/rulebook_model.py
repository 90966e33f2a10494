"""What the rulebook and its overrides must be after every step, in the plainest terms: documents in a list.

The reference that `tests.flows.rulebook_machine` holds the gateway against. It knows the rules of publishing, editing
and overriding, and nothing of rows, places, transactions, tables or indexes. Documents are canonical and never changed
in place; each step gives a new model, so that a step that may not have happened can be compared with both.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from gateway.rulebook.edit import Edit

Document = dict[str, Any]
Item = tuple[str, str]  # kind and name
Why = Literal["stale", "match", "managed", "mistake", "pending", "not pending", "override"]

SECTIONS = {"profile": "profiles", "calendar": "calendars", "list": "lists"}
YEAR = 366 * 86_400 * 1_000_000


class Refused(Exception):
    """A step that changes nothing."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, kw_only=True)
class Override:
    """An override. Times in µs."""

    document: Document
    created_at: int
    until: int
    added_in: int
    ended_in: int | None = None


@dataclass(frozen=True, kw_only=True)
class Note:
    """What is told of a revision."""

    author: str
    comment: str
    forced_for: str | None
    created_at: int  # µs


@dataclass(frozen=True, kw_only=True)
class Model:
    """Everything that was published and overridden."""

    documents: tuple[Document, ...]  # by the number of their revision
    notes: tuple[Note, ...] = ()  # of revisions 1, 2, …
    pending: int | None = None  # µs, when the newest revision reverts unless it is confirmed
    confirmations: tuple[int, ...] = ()  # of which revisions
    tags: Mapping[Item, int] = field(default_factory=dict)  # the revision that last changed an item
    overrides: Mapping[str, Override] = field(default_factory=dict)
    changes: int = 0  # of the overrides

    @property
    def newest(self) -> int:
        return len(self.documents) - 1

    @property
    def document(self) -> Document:
        return self.documents[-1]

    @property
    def deeds(self) -> Counter[str]:
        """How often the audit log tells of each sort of change."""
        added = len(self.overrides)
        counts = {"rulebook.publish": self.newest, "rulebook.confirm": len(self.confirmations)}
        return Counter({**counts, "override.add": added, "override.end": self.changes - added})

    # --- publishing -----------------------------------------------------------------------------------------------

    def published(self, document: Document, *, base: int, note: Note, within: int | None = None) -> "Model":
        """A whole document follows revision `base`; it is to be confirmed within so many seconds, if any."""
        if is_wrong(document):
            raise Refused("mistake")
        if base != self.newest:
            raise Refused("stale")
        managed = self.document.get("managed_by")
        if managed not in (None, document.get("managed_by")) and note.forced_for is None:
            raise Refused("managed")
        return self._followed(document, note, within)

    def edited(self, edits: Sequence[Edit], *, base: int | None, note: Note, within: int | None = None) -> "Model":
        """Edits of the newest revision; nothing happens if all is as they want it."""
        if base not in (None, self.newest):
            raise Refused("stale")
        if base is None and not self._match(edits):
            raise Refused("match")
        if "managed_by" in self.document and note.forced_for is None:
            raise Refused("managed")
        document = with_edits(self.document, edits)
        if is_wrong(document):
            raise Refused("mistake")
        return self if document == self.document else self._followed(document, note, within)

    def _match(self, edits: Sequence[Edit]) -> bool:
        first: dict[Item, Edit] = {}
        for edit in edits:
            first.setdefault(edit.item, edit)
        return all(self._matches(edit) for edit in first.values())

    def _matches(self, edit: Edit) -> bool:
        tag = self.tags.get(edit.item)
        if tag is None or edit.op == "create":
            return edit.match is None
        return edit.match in (["*"], [f'"{tag}"'])

    def _followed(self, document: Document, note: Note, within: int | None) -> "Model":
        if self.pending is not None:
            raise Refused("pending")
        if self._needs_more_than(document, note.created_at):
            raise Refused("mistake")
        pending = None if within is None else note.created_at + within * 1_000_000
        return replace(self._next(document, note), pending=pending)

    def _needs_more_than(self, document: Document, now: int) -> bool:
        """Whether the document lacks what an override in force names."""
        return any(lacks(document, override.document) for override in self.live(now).values())

    def _next(self, document: Document, note: Note) -> "Model":
        managed = "managed_by" in document or "managed_by" in self.document
        if not managed and not self._needs_more_than(document, note.created_at):
            note = replace(note, forced_for=None)
        was, now = items(self.document), items(document)
        number = len(self.documents)
        tags = {item: self.tags[item] if was.get(item) == value else number for item, value in now.items()}
        return replace(self, documents=(*self.documents, document), notes=(*self.notes, note), tags=tags)

    def confirmed(self, number: int, *, now: int) -> "Model":
        """The pending revision stays; to say so again changes nothing."""
        if number != self.newest or (self.pending is None and number not in self.confirmations):
            raise Refused("not pending")
        if self.pending is None:
            return self
        if now >= self.pending:
            raise Refused("not pending")
        return replace(self, pending=None, confirmations=(*self.confirmations, number))

    def reverted(self, number: int, *, note: Note) -> "Model":
        """What was before the pending revision comes back, even if overrides now need more than it has."""
        if self.pending is None or number != self.newest:
            raise Refused("not pending")
        return replace(self._next(self.documents[-2], note), pending=None)

    def with_moves(self, tags: Mapping[Item, int]) -> "Model":
        """The same with the entity tags that were found, if they are right.

        Of rules that only stand otherwise than before, it is open which have moved and which stayed, but those that
        stayed must have kept their order, and as few as possible have moved.
        """
        moved = [item for item, tag in tags.items() if tag != self.tags.get(item)]
        assert tags.keys() == self.tags.keys()
        assert all(kind == "rule" and tags[kind, name] == self.newest for kind, name in moved), (moved, tags, self.tags)
        if moved:
            was, now = (order(document) for document in self.documents[-2:])
            both = [name for name in now if name in was]
            stayed = [was.index(name) for name in both if tags["rule", name] != self.newest]
            assert stayed == sorted(stayed), "rules that stayed have another order"
            fewest = len(both) - longest([was.index(name) for name in both])
            assert len(moved) <= fewest, f"{len(moved)} rules moved, {fewest} would have been enough"
        return replace(self, tags=tags)

    # --- overriding -----------------------------------------------------------------------------------------------

    def live(self, now: int) -> dict[str, Override]:
        """The overrides in force, the newest first."""
        standing = [(name, one) for name, one in self.overrides.items() if one.ended_in is None and now < one.until]
        return dict(sorted(standing, key=lambda named: -named[1].added_in))

    def overridden(self, name: str, document: Document, *, until: int, now: int) -> "Model":
        """An override is added."""
        if not now < until <= now + YEAR:
            raise Refused("override")
        if lacks(self.document, document):
            raise Refused("mistake")
        if name in self.overrides:
            raise Refused("override")
        added = Override(document=document, created_at=now, until=until, added_in=self.changes + 1)
        return replace(self, overrides={**self.overrides, name: added}, changes=self.changes + 1)

    def ended(self, name: str, *, now: int) -> "Model":
        """An override is ended; nothing happens to one that is over, or never was."""
        if name not in self.live(now):
            return self
        ended = replace(self.overrides[name], ended_in=self.changes + 1)
        return replace(self, overrides={**self.overrides, name: ended}, changes=self.changes + 1)

    # --- deciding -------------------------------------------------------------------------------------------------

    def decide(self, called: str, caller: str, now: int) -> tuple[str | None, Document]:
        """The id of the rule or override that decides a call, and its decision: each is asked in turn."""
        for name, override in self.live(now).items():
            if now < override.created_at or lacks(self.document, override.document):
                continue  # the clock was set back, or an unconfirmed revision was reverted
            if matches(self.document, override.document, called, caller, now):
                return f"override:{name}", override.document["then"]
        for rule in self.document["rules"]:
            if rule.get("enabled", True) and matches(self.document, rule, called, caller, now):
                return rule["id"], rule["then"]
        return None, self.document["default"]


# --- documents --------------------------------------------------------------------------------------------------------


def order(document: Document) -> list[str]:
    """The ids of the rules."""
    return [rule["id"] for rule in document["rules"]]


def items(document: Document) -> dict[Item, Any]:
    """Every item that has an entity tag, with its value."""
    found: dict[Item, Any] = {("rule", rule["id"]): rule for rule in document["rules"]}
    for kind, section in SECTIONS.items():
        found |= {(kind, name): value for name, value in document[section].items()}
    return found | {("default", ""): document["default"]}


def with_edits(document: Document, edits: Sequence[Edit]) -> Document:
    """The document after these edits, one after the other."""
    document = deepcopy(document)
    for edit in edits:
        if edit.kind == "default":
            document["default"] = edit.value
        elif edit.kind == "rule":
            _edit_rule(document["rules"], edit)
        elif edit.op != "delete":
            document[SECTIONS[edit.kind]][edit.name] = edit.value
        elif document[SECTIONS[edit.kind]].pop(edit.name, None) is None:
            raise Refused("mistake")
    return document


def _edit_rule(rules: list[Document], edit: Edit) -> None:
    names = [rule["id"] for rule in rules]
    at = names.index(edit.name) if edit.name in names else None
    neighbour = (edit.spot.before or edit.spot.after) if edit.spot else None
    if (edit.op == "create" and at is not None) or (edit.op in ("move", "delete") and at is None):
        raise Refused("mistake")
    if neighbour is not None and (neighbour == edit.name or neighbour not in names):
        raise Refused("mistake")
    old = None if at is None else rules.pop(at)
    if edit.op == "delete":
        return
    names = [rule["id"] for rule in rules]
    if edit.spot is None:
        at = len(rules) if at is None else at
    elif neighbour is not None:
        at = names.index(neighbour) + (edit.spot.before is None)
    else:
        at = (edit.spot.position or 1) - 1
    rules.insert(at, old if edit.op == "move" and old is not None else edit.value)


def is_wrong(document: Document) -> bool:
    """Whether the document lacks what its rules or its default name."""
    return any(lacks(document, rule) for rule in (*document["rules"], {"then": document["default"]}))


def lacks(document: Document, rule: Document) -> bool:
    """Whether the document lacks what a rule, or an override, names."""
    return any(name not in document[SECTIONS[kind]] for kind, name in named_by(rule))


def named_by(rule: Document) -> Iterator[Item]:
    """What a rule or an override names."""
    if "accept" in rule["then"]:
        yield "profile", rule["then"]["accept"]
    for conditions in (rule.get("when", {}), rule.get("unless", {})):
        for condition, wanted in conditions.items():
            if condition == "during":
                yield "calendar", wanted
            elif wanted.startswith("list:"):
                yield "list", wanted.removeprefix("list:")


def matches(document: Document, rule: Document, called: str, caller: str, now: int) -> bool:
    """Whether everything under `when` holds, and nothing under `unless`."""

    def holds(condition: str, wanted: str) -> bool:
        if condition == "during":
            moment = datetime.fromtimestamp(now / 1_000_000, UTC).strftime("%H:%M")
            opens, closes = document["calendars"][wanted]["open"][0].removeprefix("Mon-Sun ").split("-")
            return bool(opens <= moment < closes)
        number = called if condition == "called" else caller
        patterns = document["lists"][wanted.removeprefix("list:")] if wanted.startswith("list:") else [wanted]
        return any(number.startswith(one[:-1]) if one.endswith("*") else number == one for one in patterns)

    return all(holds(*one) for one in rule.get("when", {}).items()) and not any(
        holds(*one) for one in rule.get("unless", {}).items()
    )


def longest(numbers: Sequence[int]) -> int:
    """The length of the longest ascending choice of these numbers."""
    tops: list[int] = []
    for number in numbers:
        length = bisect_left(tops, number)
        tops[length : length + 1] = [number]
    return len(tops)
