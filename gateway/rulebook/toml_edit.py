"""Values of a TOML text put in the place of others; whatever is not changed stays as it was written, with its comments.

tomlkit does the writing. It is slow, some 0.2 ms for each line, so only blocks that change come here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AbstractTable, Array

from gateway.rulebook.file_form import write_value

# Entries up to which a list is edited in place, beside the comments of its entries: tomlkit moves all at each step.
_EDITED_LIST: Final = 1_000

_Members = Mapping[str, Any]


def edit(text: str, before: _Members, after: _Members, *, inside: str | None = None) -> str:
    """The text, whose values mean `before`, made to mean `after`; values in neither stay.

    What is written may be spelled otherwise than in `before`, which is how it was read. With `inside`, the text is one
    table of the array of that name. Raises ValueError for a text in which this cannot be done.
    """
    try:
        document = tomlkit.parse(text)
        table: Any = document
        _merge(table if inside is None else table[inside][0], before, after)
        return tomlkit.dumps(document)
    except TOMLKitError as mistake:
        raise ValueError(str(mistake)) from mistake


def _merge(table: Any, before: _Members, after: _Members) -> None:
    for name in before:
        if name not in after and name in table:
            table.remove(name)
    for name, value in after.items():
        was = before.get(name)
        if name in before and was == value:
            continue
        there = table.get(name)
        if isinstance(there, AbstractTable) and isinstance(value, Mapping) and isinstance(was, Mapping):
            _merge(there, was, value)
        elif not (isinstance(there, Array) and _merge_list(there, was, value)):
            table[name] = _item(value)


def _merge_list(array: Array, before: Any, after: Any) -> bool:
    """Edit a list in place; whether that was possible."""
    if not isinstance(before, Sequence) or not isinstance(after, Sequence):
        return False
    if not len(array) == len(before) <= _EDITED_LIST >= len(after):
        return False
    kept = list(before)
    for index in reversed(range(len(kept))):
        if kept[index] not in after:
            del array[index], kept[index]
    for index, value in enumerate(after):
        if kept[index : index + 1] != [value]:
            array.insert(index, _item(value))
            kept.insert(index, value)
    return kept == list(after)


def _item(value: Any) -> Any:
    return tomlkit.parse(f"value = {write_value(value)}\n")["value"]
