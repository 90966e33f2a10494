"""A rulebook's file as commands read it: TOML or JSON, with the tables beside it; and where in them a mistake is."""

import json
import re
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.errors import ConfigurationError, GatewayError

if TYPE_CHECKING:
    from gateway.rulebook.file_tables import Expanded, Spot
    from routing_rules import Problem

# How `tomllib` says where a file is broken.
_LINE = re.compile(r"line (\d+), column")


@dataclass(frozen=True, kw_only=True, slots=True)
class RulebookFile:
    """A file as it was read."""

    name: str  # as the command line names it; `-` is stdin
    text: str
    whole: "Expanded | None"  # what it stands for, tables included; None if it cannot be read
    problems: "Sequence[Problem]"  # why it cannot be read

    @property
    def is_toml(self) -> bool:
        """Whether it is TOML; else it is JSON."""
        return not self.name.endswith(".json")

    @property
    def document(self) -> Any:
        """The whole document, without the revision that an export notes in it. Raises GatewayError, which tells all."""
        if self.whole is None:
            raise GatewayError("\n".join(self.told(self.problems)))
        return self.whole.document

    def spots(self, problems: "Sequence[Problem]") -> "list[Spot]":
        """Where each problem is: in the file or in a table, with the line if that can be known."""
        from gateway.rulebook.file_tables import Spot
        from gateway.rulebook.toml_lines import lines_of

        spots = [self.whole.spot(problem.pointer) if self.whole else Spot(problem.pointer) for problem in problems]
        if [problem.code for problem in problems] == ["malformed_file"]:
            found = _LINE.search(problems[0].detail)
            return [Spot("", None, int(found[1]) if found else None)]
        lines = lines_of(self.text, {spot.pointer for spot in spots if spot.file is None}) if self.is_toml else {}
        return [spot if spot.file else spot._replace(line=lines.get(spot.pointer)) for spot in spots]

    def told(self, problems: "Sequence[Problem]") -> list[str]:
        """Each problem on one line, as compilers write it, so that editors find the place."""
        name = "stdin" if self.name == "-" else self.name
        lines = []
        for problem, spot in zip(problems, self.spots(problems), strict=True):
            place = str(Path(self.name).parent / spot.file) if spot.file else name
            line = f"{spot.line}:" if spot.line else ""
            pointer = f" {problem.pointer}:" if problem.pointer else ""
            lines.append(f"{place}:{line} {problem.severity}:{pointer} {problem.detail} [{problem.code}]")
        return lines


def read_file(name: str) -> RulebookFile:
    """Read a file; JSON if its name ends so, else TOML. Raises ConfigurationError if there is no such file."""
    from gateway.rulebook.file_tables import expand
    from routing_rules import DocumentError

    text = read_text(name)
    directory = Path() if name == "-" else Path(name).parent
    try:
        document = _parse(text, name)
        if isinstance(document, dict):
            document.pop("revision", None)
        whole = expand(document, lambda table: (directory / table).read_bytes())
    except DocumentError as error:
        return RulebookFile(name=name, text=text, whole=None, problems=error.problems)
    return RulebookFile(name=name, text=text, whole=whole, problems=())


def read_text(name: str) -> str:
    """The text of a file; - is stdin. Raises ConfigurationError."""
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"{name} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{name} is no text in UTF-8 (byte {error.start}: {error.reason})") from error


def write_text(name: str, text: str) -> None:
    """Write a file, its line ends as they are in the text; - is stdout. Raises ConfigurationError."""
    if name == "-":
        sys.stdout.write(text)
        return
    try:
        Path(name).write_bytes(text.encode("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{name} cannot be written: {error.strerror}") from error


def _parse(text: str, name: str) -> Any:
    """What the file holds. Raises DocumentError for a file that is neither TOML nor JSON."""
    from gateway.errors import RequestError
    from gateway.reading import parse_json
    from routing_rules import DocumentError
    from routing_rules.problem import error

    try:
        return parse_json(text.encode()) if name.endswith(".json") else tomllib.loads(text)
    except RequestError as mistake:  # what the API would answer
        detail = mistake.detail.replace("the body is", "this is", 1)
    except (ValueError, RecursionError) as mistake:
        detail = f"this is not TOML: {mistake}"
    raise DocumentError([error("malformed_file", "", detail)])


def json_text(document: Any) -> str:
    """A document as the text of a JSON file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
