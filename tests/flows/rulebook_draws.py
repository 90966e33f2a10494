"""Documents, edits and overrides drawn at random, from few names and numbers so that they meet often.

All of them are canonical, so that what is stored can be compared as it is.
"""

from typing import Any, Final, Literal

from hypothesis import strategies as st

from gateway.rulebook.edit import Edit, Spot
from gateway.rulebook.item_store import AT_ONCE
from gateway.rulebook.items import ItemKind

RULES: Final = [f"r{index}" for index in range(8)]
OVERRIDES: Final = ["storm", "lunch", "flood"]
NUMBERS: Final = ["+15550001111", "+15550001112", "+15550002222", "+4930222333"]
CALLS: Final = [(called, caller) for called in NUMBERS[:3] for caller in NUMBERS[1:]]
NAMES: Final = {ItemKind.PROFILE: ["p0", "p1"], ItemKind.CALENDAR: ["c0", "c1"], ItemKind.LIST: ["l0", "l1"]}

_PATTERNS = st.sampled_from([*NUMBERS, "+1555*", "+15550001*", "list:l0", "list:l0", "list:l1"])
_CONDITIONS = st.fixed_dictionaries(
    {}, optional={"called": _PATTERNS, "caller": _PATTERNS, "during": st.sampled_from(["c0", "c0", "c1"])}
)
DECISIONS = st.sampled_from(
    [{"accept": "p0"}, {"accept": "p0"}, {"accept": "p1"}, {"reject": 486}, {"reject": 603}, {"ignore": True}]
)
_HOURS = [f"{hour:02}:00" for hour in range(0, 24, 3)]


@st.composite
def _calendars(draw: st.DrawFn) -> dict[str, Any]:
    opens, closes = sorted(draw(st.lists(st.sampled_from(_HOURS), min_size=2, max_size=2, unique=True)))
    return {"zone": "UTC", "open": [f"Mon-Sun {opens}-{closes}"]}


_VALUES: Final[dict[ItemKind, st.SearchStrategy[Any]]] = {
    ItemKind.PROFILE: st.fixed_dictionaries(
        {"model": st.just("gpt-realtime-2.1"), "instructions": st.sampled_from("ab")}
    ),
    ItemKind.CALENDAR: _calendars(),
    ItemKind.LIST: st.lists(st.sampled_from([*NUMBERS, "+1555000*"]), unique=True, max_size=4),
}


@st.composite
def _rules(draw: st.DrawFn, name: str) -> dict[str, Any]:
    conditions = {part: draw(_CONDITIONS) for part in ("when", "unless")}
    enabled = {} if draw(st.integers(0, 7)) else {"enabled": False}
    return {"id": name, **enabled, **{part: some for part, some in conditions.items() if some}, "then": draw(DECISIONS)}


OVERRIDDEN = st.builds(
    lambda rule: {part: value for part, value in rule.items() if part not in ("id", "enabled")}, _rules("o")
)


@st.composite
def _documents(draw: st.DrawFn, missing: st.SearchStrategy[str]) -> dict[str, Any]:
    """A document without the items of the names in `missing`, which its rules may name all the same."""
    left_out = draw(missing).split()
    sections = {
        f"{kind}s": {name: draw(_VALUES[kind]) for name in names if name not in left_out}
        for kind, names in NAMES.items()
    }
    order = draw(st.lists(st.sampled_from(RULES), unique=True, max_size=6))
    managed = draw(st.sampled_from([{}, {}, {}, {}, {"managed_by": "files"}, {"managed_by": "terraform"}]))
    rules = [draw(_rules(name)) for name in order]
    return {**sections, "rules": rules, "default": draw(DECISIONS), **managed}


WHOLE = _documents(st.just(""))
DOCUMENTS = _documents(st.sampled_from(["", "", "", "p1", "l1 c1", "p1 c1", "p0", "l0", "c0"]))


@st.composite
def _large(draw: st.DrawFn) -> dict[str, Any]:
    """A document that is written in many transactions."""
    document = draw(WHOLE)
    many = range(AT_ONCE + 1 + draw(st.integers(0, 1)))
    status = draw(st.sampled_from([480, 486]))
    filling = [{"id": f"f{n:03}", "when": {"called": f"+1444555{n:04}"}, "then": {"reject": status}} for n in many]
    if draw(st.booleans()):
        filling.reverse()
    return {**document, "rules": [*document["rules"], *filling]}


LARGE = _large()


def move(name: str, *, after: str) -> Edit:
    """A rule put behind another."""
    return Edit(op="move", kind=ItemKind.RULE, name=name, spot=Spot(after=after))


_OPERATIONS: Final[st.SearchStrategy[Literal["create", "put", "move", "delete"]]] = st.sampled_from(
    ["create", "put", "put", "move", "delete"]
)


@st.composite
def _edits(draw: st.DrawFn) -> Edit:
    kind = draw(st.sampled_from([ItemKind.RULE, ItemKind.RULE, ItemKind.DEFAULT, *NAMES]))
    if kind is ItemKind.DEFAULT:
        return Edit(op="put", kind=kind, name="", value=draw(DECISIONS))
    if kind is not ItemKind.RULE:
        name = draw(st.sampled_from(NAMES[kind]))
        if draw(st.sampled_from(["put", "put", "delete"])) == "delete":
            return Edit(op="delete", kind=kind, name=name)
        return Edit(op="put", kind=kind, name=name, value=draw(_VALUES[kind]))
    name, op = draw(st.sampled_from(RULES)), draw(_OPERATIONS)
    spots = st.one_of(
        st.builds(Spot, before=st.sampled_from(RULES)),
        st.builds(Spot, after=st.sampled_from(RULES)),
        st.builds(Spot, position=st.integers(1, 9)),
    )
    spot = draw(spots if op == "move" else st.none() | spots) if op != "delete" else None
    return Edit(op=op, kind=kind, name=name, spot=spot, value=draw(_rules(name)) if op in ("create", "put") else None)


EDITS = st.lists(_edits(), min_size=1, max_size=4)
