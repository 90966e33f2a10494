"""The rulebook as a TOML file, laid out as a person would write it.

    default = { reject = 603 }

    [lists]
    blocked = ["+15550009999", "+4420*"]

    [[rules]]
    id = "blocked"
    when = { caller = "list:blocked" }
    then = { reject = 603 }

Written by hand, since the libraries cannot: tomli-w knows no inline tables, and tomlkit takes 25 seconds for 100,000
rules and drops empty tables. A test holds it to the law that `tomllib` reads back what was written.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

# A list on one line up to here; beyond it, one entry a line.
WIDTH: Final = 100

_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_IN_LINES: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_NAMED: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def write_toml(document: Mapping[str, Any], revision: int) -> str:
    """The file form of a canonical document, which holds no null (see `nulls`)."""
    lines = [f"# revision {revision}"]
    if "managed_by" in document:
        lines.append(f"managed_by = {_value(document['managed_by'])}")
    lines.append(f"default = {_value(document['default'])}")
    for section in ("profiles", "calendars"):
        for name, members in document[section].items():
            lines += ["", *_table(f"[{section}.{_key(name)}]", members)]
    if document["lists"]:
        lines += ["", *_table("[lists]", document["lists"])]
    for section in ("rules", "expect"):
        for members in document.get(section, ()):
            lines += ["", *_table(f"[[{section}]]", members)]
    return "\n".join(lines) + "\n"


def write_table(members: Mapping[str, Any], *path: str) -> str:
    """One table under a header of these keys, as `write_toml` writes it."""
    return "\n".join(_table(f"[{'.'.join(map(_key, path))}]", members)) + "\n"


def write_element(members: Mapping[str, Any], array: str) -> str:
    """One element of an array of tables, likewise."""
    return "\n".join(_table(f"[[{array}]]", members)) + "\n"


def write_value(value: Any) -> str:
    """A value as it stands behind the equals sign."""
    if isinstance(value, str) and "\n" in value:
        return _lines(value)
    written = _value(value)
    if isinstance(value, list) and len(written) > WIDTH:
        return "\n".join(["[", *(f"  {_value(item)}," for item in value), "]"])
    return written


def nulls(value: object, pointer: str = "") -> Iterator[str]:
    """JSON pointers to every null in a document: TOML has none, and to leave one out would change what it says."""
    if value is None:
        yield pointer
    elif isinstance(value, Mapping):
        for key, member in value.items():
            yield from nulls(member, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from nulls(item, f"{pointer}/{index}")


def _table(header: str, members: Mapping[str, Any]) -> Iterator[str]:
    yield header
    for name, value in members.items():
        yield f"{_key(name)} = {write_value(value)}"


def _value(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    inside = ", ".join(f"{_key(name)} = {_value(member)}" for name, member in value.items())
    return f"{{ {inside} }}" if inside else "{}"


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _text(name)


def _text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_CONTROL.sub(_escape, escaped)}"'


def _lines(text: str) -> str:
    """A text of several lines; TOML drops the line break after the opening quotes."""
    escaped = text.replace("\\", "\\\\").replace('""', '"\\"')
    if escaped.endswith('"'):
        escaped = f'{escaped[:-1]}\\"'
    return f'"""\n{_CONTROL_IN_LINES.sub(_escape, escaped)}"""'


def _escape(match: re.Match[str]) -> str:
    return _NAMED.get(match[0]) or f"\\u{ord(match[0]):04x}"
