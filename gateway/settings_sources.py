"""Where the text of a setting comes from: flags > environment > files > gateway.toml > defaults.

A file is either named by a variable of its own (`GATEWAY_ADMIN_KEY_FILE=/run/secrets/admin`, as containers do it) or
lies, under the variable's name in upper or lower case, in a directory of secrets: the one that systemd's
LoadCredential= names in `$CREDENTIALS_DIRECTORY`, or the one that GATEWAY_SECRETS_DIRECTORY names, as a mounted Secret.
Secrets are not taken from gateway.toml: such files end up in version control.
"""

import difflib
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

FILE_NAME: Final = "gateway.toml"


@dataclass(frozen=True, slots=True)
class Found:
    """A setting's text and where it stood."""

    text: str
    place: str  # for messages: "GATEWAY_PORT", "--port", "GATEWAY_ADMIN_KEY_FILE", "gateway.toml: port"
    source: str  # for `gateway check`: "environment", "gateway.toml", …


class Mistakes(list[str]):
    """Everything that is wrong, so that one run shows it all."""

    def add(self, place: str, remedy: str) -> None:
        """Note, once, that what stands at `place` is wrong; `remedy` says in what way, and what to write instead."""
        if (mistake := f"{place}: {remedy}") not in self:
            self.append(mistake)


@dataclass(frozen=True, slots=True)
class Sources:
    """All layers of one start; looks up one variable at a time."""

    flags: Mapping[str, object]  # by variable; None where not given
    environ: Mapping[str, str]
    file: Mapping[str, Any]  # gateway.toml, parsed
    file_name: str  # for messages
    mistakes: Mistakes
    asked: set[str] = field(default_factory=set)  # every variable looked up, to know the others for unknown

    def find(self, variable: str, key: str | None = None) -> Found | None:
        """The text of `variable` from the highest layer that has it; `key` is its name in gateway.toml."""
        self.asked.update((variable, f"{variable}_FILE"))
        if (flag := self.flags.get(variable)) is not None:
            return Found(str(flag), _flag(variable), "flag")
        if text := self.environ.get(variable):
            return Found(text, variable, "environment")
        return self._in_file(variable) or self._in_credentials(variable) or self._in_toml(key)

    def is_empty(self, variable: str) -> bool:
        """Whether the environment sets `variable` to nothing, which is otherwise the same as not setting it."""
        return self.environ.get(variable) == ""

    def _in_file(self, variable: str) -> Found | None:
        path = self.environ.get(f"{variable}_FILE")
        return self._read_file(Path(path), f"{variable}_FILE") if path else None

    def _in_credentials(self, variable: str) -> Found | None:
        for source in _DIRECTORIES:
            directory = self.environ.get(source)
            for name in (variable, variable.lower()) if directory else ():
                if (path := Path(str(directory), name)).is_file():
                    return self._read_file(path, f"{variable} in ${source}")
        return None

    def _read_file(self, path: Path, place: str) -> Found | None:
        try:
            text = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            self.mistakes.add(place, f"the file {path} cannot be read ({_reason(error)})")
            return None
        if not text:
            self.mistakes.add(place, f"the file {path} is empty")
            return None
        return Found(text, place, f"file {path}")

    def _in_toml(self, key: str | None) -> Found | None:
        if key is None or key not in self.file:
            return None
        place = f"{self.file_name}: {key}"
        try:
            return Found(plain_text(self.file[key]), place, self.file_name)
        except ValueError as error:
            self.mistakes.add(place, str(error))
            return None

    def check_keys(self, table: Mapping[str, object], known: Collection[str], place: str) -> None:
        """Note every key of a table of gateway.toml that is not known, with the one that was probably meant."""
        for key in table:
            if key not in known:
                guess = _did_you_mean(key.lower().removeprefix("gateway_"), known)
                self.mistakes.add(f"{place}{key}", f"is not known{guess}")

    def unknown_variables(self) -> list[str]:
        """A sentence about every GATEWAY_ variable that nobody looked up."""
        return [
            f"{name} is set, but there is no such setting{_did_you_mean(name, self.asked)}"
            for name in sorted(self.environ)
            if name.startswith("GATEWAY_") and name not in self.asked and not _FOREIGN.match(name)
        ]


# Whose variables name a directory of secrets, the one that wins first.
_DIRECTORIES: Final = ("CREDENTIALS_DIRECTORY", "GATEWAY_SECRETS_DIRECTORY")

# Set by Kubernetes in every pod beside a Service named gateway; and by those who run our tests.
_FOREIGN: Final = re.compile(r"GATEWAY_(?:SERVICE_(?:HOST|PORT)|PORT_\d|TEST_|REQUIRE$)")


def open_sources(flags: Mapping[str, object], environ: Mapping[str, str], directory: Path) -> Sources:
    """Read gateway.toml, if there is one, and put the layers together.

    The flag `config` or GATEWAY_CONFIG names the file; otherwise it is gateway.toml in `directory`, which may be
    missing. What is wrong with the file is noted in the sources' `mistakes`.
    """
    mistakes = Mistakes()
    chosen = flags.get("config") or environ.get("GATEWAY_CONFIG")
    path = directory / (str(chosen) if chosen else FILE_NAME)
    content: dict[str, Any] = {}
    if chosen or path.is_file():
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except OSError as error:
            named_by = "--config" if flags.get("config") else "GATEWAY_CONFIG"
            mistakes.add(named_by if chosen else str(path), f"{path} cannot be read ({_reason(error)})")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            mistakes.add(str(path), f"is not TOML ({_reason(error)})")
    sources = Sources(flags, environ, content, path.name, mistakes)
    secrets = environ.get("GATEWAY_SECRETS_DIRECTORY")
    if secrets and not Path(secrets).is_dir():
        mistakes.add("GATEWAY_SECRETS_DIRECTORY", f"there is no directory {secrets}; mount it, or unset the variable")
    sources.asked.update(("GATEWAY_CONFIG", "GATEWAY_CONFIG_FILE", "GATEWAY_SECRETS_DIRECTORY"))
    return sources


def plain_text(value: object) -> str:
    """A TOML value as the text that the environment would hold. Raises ValueError for tables and dates."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case list() if all(isinstance(item, str) for item in value):
            return ",".join(value)
        case _:
            raise ValueError("must be text, a number, true or false, or a list of texts")


def _flag(variable: str) -> str:
    return "--" + variable.removeprefix("GATEWAY_").replace("_", "-").lower()


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


def _did_you_mean(word: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(word, sorted(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
