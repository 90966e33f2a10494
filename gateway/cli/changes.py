"""How changes of a rulebook are printed: + added, ~ changed, - removed, ↕ moved, and below each its fields."""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from gateway.rulebook.difference import ItemChange

# What people read; `--json` has all.
MOST_ITEMS: Final = 200
MOST_FIELDS: Final = 20
WIDTH: Final = 100

_SIGNS: Final = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow"), "moved": ("↕", "cyan")}


def print_changes(changes: "Sequence[ItemChange]") -> None:
    """Print the changes on stdout."""
    for change in changes[:MOST_ITEMS]:
        sign, colour = _SIGNS[change.sort]
        click.secho(f"{sign} {_name(change)}{_where(change)}", fg=colour)
        for line in _fields(change):
            click.echo(f"    {line}")
    if len(changes) > MOST_ITEMS:
        click.echo(f"… and {len(changes) - MOST_ITEMS:,} more items")


def summary(counts: dict[str, int]) -> str:
    """How much changes, in a line."""
    words = {"added": "to add", "changed": "to change", "removed": "to remove", "moved": "to move"}
    return ", ".join(f"{counts[sort]:,} {word}" for sort, word in words.items() if counts[sort])


def _name(change: "ItemChange") -> str:
    return f"{change.kind} {change.name}" if change.name else str(change.kind)


def _where(change: "ItemChange") -> str:
    if not (change.moved or (change.kind == "rule" and change.sort == "added")):
        return ""
    return f"  (behind {change.behind})" if change.behind else "  (at the top)"


def _fields(change: "ItemChange") -> Iterator[str]:
    from gateway.rulebook.difference import field_changes

    if change.sort == "removed" and change.kind != "list":
        return
    before, after = change.written()
    if change.kind == "list" and None in (before, after):
        yield f"{len(before or after or ()):,} entries"
        return
    if change.sort == "added":
        found = (
            [(name, None, value) for name, value in after.items()] if isinstance(after, dict) else [("", None, after)]
        )
    else:
        found = [
            (field.pointer[1:].replace("/", "."), *field[1:]) for field in field_changes(change.kind, before, after)
        ]
    for name, was, now in found[:MOST_FIELDS]:
        yield _field(name, was, now, is_new=change.sort == "added")
    if len(found) > MOST_FIELDS:
        yield f"… and {len(found) - MOST_FIELDS:,} more"


def _field(name: str, was: Any, now: Any, *, is_new: bool) -> str:
    label = f"{name}: " if name else ""
    if is_new:
        return f"{label}{_value(now)}"
    if was is None:
        return f"+ {label}{_value(now)}"
    if now is None:
        return f"- {label}{_value(was)}"
    return f"{label}{_value(was)} → {_value(now)}"


def _value(value: Any) -> str:
    """A value on one line; control characters in it are shown, not obeyed."""
    text = json.dumps(value, ensure_ascii=False)
    text = "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"
