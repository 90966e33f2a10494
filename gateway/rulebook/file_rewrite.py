"""Another rulebook written into a file that people keep: comments, order and form of what did not change stay.

    rewrite(text, same, same) == text

Of the blocks of the file (see `toml_blocks`) the one whose item means what it meant is kept letter by letter, however
it is written; one that changed is edited in place, field by field; a new one is written as `file_form` writes it. So
the time it takes depends on what changed, not on the file's size.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from gateway.rulebook.difference import longest_ascending
from gateway.rulebook.file_form import write_element, write_table
from gateway.rulebook.toml_blocks import Block, cut, joined
from gateway.rulebook.toml_edit import edit

_Item = Mapping[str, Any]

Tables = Mapping[int, tuple[str, int]]
"""The elements of the file's rules (by index) that stand for the rows of a table: its name, and how many rows."""

_NAMED: Final = ("profiles", "calendars", "lists")
_ARRAYS: Final = {"rules": "id", "expect": "name"}  # with what tells their elements apart


class UnwritableError(ValueError):
    """A change that cannot be written into the file, and what to do instead."""


def rewrite(text: str, before: _Item, after: _Item, tables: Tables | None = None) -> str:
    """The file `text`, which stands for the canonical document `before`, made to stand for `after`.

    A file can be written in ways that this does not foresee: the caller reads the outcome and compares.
    Raises UnwritableError for a change of rules that stand in a table, and ValueError.
    """
    blocks = cut(text, _ARRAYS)
    for name in ("managed_by", "default"):
        _edit_plain(blocks, name, before, after)
    for section in _NAMED:
        _edit_named(blocks, section, before[section], after[section])
    blocks = _edit_array(blocks, "rules", before["rules"], after["rules"], tables or {})
    blocks = _edit_array(blocks, "expect", before.get("expect", []), after.get("expect", []), {})
    for block, following in pairwise(blocks):
        if following.text and block.body and not block.body.endswith("\n"):
            block.body += "\n"
    return joined(blocks)


# ---- values and tables with a name


def _edit_plain(blocks: list[Block], name: str, before: _Item, after: _Item) -> None:
    if before.get(name) != after.get(name):
        home = next((block for block in blocks if block.path == (name,)), blocks[0])
        home.body = edit(home.body, _only(before, name), _only(after, name))


def _only(members: _Item, name: str) -> dict[str, Any]:
    return {name: members[name]} if name in members else {}


def _edit_named(blocks: list[Block], section: str, before: _Item, after: _Item) -> None:
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) == after.get(name):
            continue
        own = [block for block in blocks if block.path == (section, name)]
        if own and (name not in after or len(own) > 1):
            for block in own:
                _remove(blocks, block)
        if name not in after and own:
            continue
        if len(own) == 1 or (not own and name in before):
            _edit_member(own or _homes(blocks, section), section, _only(before, name), _only(after, name))
        else:
            _add_member(blocks, section, name, after[name])


def _homes(blocks: Sequence[Block], section: str) -> list[Block]:
    """The blocks in which members of a section may stand that have no header of their own."""
    return [block for block in blocks if block.path in ((), (section,))]


def _edit_member(homes: Sequence[Block], section: str, before: _Item, after: _Item) -> None:
    (name,) = before
    for home in homes:
        if name in tomllib.loads(home.body).get(section, {}):
            home.body = edit(home.body, {section: before}, {section: after})
            return
    raise UnwritableError(f"{section}.{name} is written in a way that cannot be edited; write it under a header")


def _add_member(blocks: list[Block], section: str, name: str, value: Any) -> None:
    """Put a member where its like are: lists under one header, the others under one each."""
    home = next((block for block in blocks if block.path == (section,) and section == "lists"), None)
    if home is not None:
        home.body = edit(home.body, {section: {}}, {section: {name: value}})
        return
    path = (section,) if section == "lists" else (section, name)
    body = write_table({name: value} if section == "lists" else value, *path)
    sections = ("", *_NAMED[: _NAMED.index(section) + 1])
    places = [index for index, block in enumerate(blocks[:-1]) if (*block.path, "")[0] in sections]
    blocks.insert(places[-1] + 1, Block(path, "\n", "", body))


def _remove(blocks: list[Block], block: Block) -> None:
    """Take a block out; comments that are not right above it stay."""
    index = blocks.index(block)
    _leave_gap(blocks, index)
    del blocks[index]


def _leave_gap(blocks: Sequence[Block], index: int) -> None:
    """Let the next block have the comments in the gap above this one."""
    if "#" in blocks[index].gap:
        blocks[index + 1].gap = blocks[index].gap + blocks[index + 1].gap.lstrip("\n")
        blocks[index].gap = "\n"


# ---- rules and expectations, which have an order


@dataclass(frozen=True, slots=True, eq=False)
class _Element:
    """An element of an array in the file."""

    place: int  # in the file's order
    block: Block
    items: Sequence[_Item]  # what it stands for: one item, or those of a table
    table: str | None


_Wanted = list[tuple[_Element | None, _Item]]  # in their order: an element that is there, or a new item


def _edit_array(
    blocks: list[Block], section: str, before: Sequence[_Item], after: Sequence[_Item], tables: Tables
) -> list[Block]:
    if before == after:
        return blocks
    elements = _elements([block for block in blocks if block.path == (section,)], before, tables)
    if elements is None:  # written as `rules = […]`
        blocks[0].body = edit(blocks[0].body, {section: before}, {section: after})
        return blocks
    wanted = _wanted(elements, after, _ARRAYS[section])
    stayed = longest_ascending([element.place for element, _ in wanted if element])
    stayed |= {element.place for element in elements if not element.items}
    for element in elements:
        if element.place not in stayed:
            _remove(blocks, element.block)
    return list(_put(blocks, section, wanted, stayed))


def _elements(own: Sequence[Block], items: Sequence[_Item], tables: Tables) -> list[_Element] | None:
    """The elements with what they stand for; None if the file does not have them as blocks."""
    elements, begin = [], 0
    for place, block in enumerate(own):
        table, rows = tables.get(place, (None, 1))
        elements.append(_Element(place, block, items[begin : begin + rows], table))
        begin += rows
    return elements if begin == len(items) else None


def _wanted(elements: Sequence[_Element], after: Sequence[_Item], key: str) -> _Wanted:
    known: dict[str, list[_Element]] = {}
    for element in elements:
        for item in element.items:
            known.setdefault(item[key], []).append(element)
    wanted: _Wanted = []
    index = 0
    while index < len(after):
        same = known.get(after[index][key])
        met = same.pop(0) if same else None
        rows = 1 if met is None or met.table is None else len(met.items)
        if met is not None and met.table is not None and after[index : index + rows] != met.items:
            raise UnwritableError(f"{after[index][key]!r} and others are not as {met.table} says; change them there")
        wanted.append((met, after[index]))
        index += rows
    kept = {met.place for met, _ in wanted if met}
    for element in elements:
        if element.table is not None and element.items and element.place not in kept:
            raise UnwritableError(f"rules that stand in {element.table} are there no more; remove them from it")
    return wanted


def _put(blocks: Sequence[Block], section: str, wanted: _Wanted, stayed: set[int]) -> Iterator[Block]:
    """The blocks, with those edited that changed, and with the moved and the new ones behind those that they follow."""
    standing: list[Block] = []
    following: dict[int, list[Block]] = {}
    for element, item in wanted:
        block = _written(section, element, item)
        if element is not None and element.place in stayed:
            standing.append(block)
        else:
            following.setdefault(len(standing), []).append(block)
    passed = 0
    for block in blocks[:-1]:
        if passed < len(standing) and block is standing[passed]:
            if passed == 0:
                yield from following.get(0, ())
            passed += 1
            yield block
            yield from following.get(passed, ())
        else:
            yield block
    if not standing:
        yield from following.get(0, ())
    yield blocks[-1]


def _written(section: str, element: _Element | None, item: _Item) -> Block:
    if element is None:
        return Block((section,), "\n", "", write_element(item, section))
    if element.table is None and element.items[0] != item:
        element.block.body = edit(element.block.body, element.items[0], item, inside=section)
    return element.block
