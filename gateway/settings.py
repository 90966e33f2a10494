"""The configuration as typed values (DESIGN 6.1).

`load_settings` reads flags, environment, files and gateway.toml, in this order of precedence, and either returns
`Settings` or raises one ConfigurationError that lists every mistake. What is merely missing for real calls is no
mistake, since a gateway without keys can still be tried: `missing` says what, and what to do.

Written by hand rather than with pydantic-settings, which takes 150 ms to import (the command line has 300 for all),
wants lists as JSON, knows neither `*_FILE` nor `$CREDENTIALS_DIRECTORY`, and reports mistakes by field and not by
variable.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from gateway import settings_syntax as syntax
from gateway.encryption_keys import EncryptionKey, read_encryption_keys
from gateway.endpoint import ENDPOINT_KEYS, OPENAI, describe_endpoint, missing_of, row_name
from gateway.endpoint import Endpoint as Endpoint
from gateway.endpoint import SecretStr as SecretStr
from gateway.errors import ConfigurationError
from gateway.settings_sources import Found, Sources, open_sources, plain_text
from gateway.subscriber import SUBSCRIBER_KEYS, Subscriber

# Where a call was sent to, best first. On Twilio's Elastic trunks `To` holds the project's id and the number dialled
# is in `Diversion` (FACTS section 10).
CALLED_HEADERS: Final = ("To", "Diversion", "History-Info", "P-Called-Party-ID")


class Row(NamedTuple):
    """One line of `gateway check`."""

    name: str  # the variable, or the path in gateway.toml
    value: str  # secrets redacted
    source: str  # the layer it came from


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The effective configuration."""

    endpoints: Mapping[str, Endpoint]  # by name
    database_url: str = "sqlite:///var/gateway.db"  # a SQLite path is relative to the working directory
    host: str = "127.0.0.1"
    port: int = 8080  # 0 takes any free one
    admin_key: SecretStr | None = None  # an API key with role admin, for containers
    max_event_age: float = 20.0  # seconds; older calls are recorded and not acted on
    upstream_timeout: float = 3.0  # seconds for one attempt
    decision_deadline: float = 8.0  # seconds for all attempts
    refer_allow: tuple[str, ...] | None = None  # transfer targets; None: guarded mode
    called_headers: tuple[str, ...] = CALLED_HEADERS  # the first that yields a number wins
    caller_headers: tuple[str, ...] = ("From",)
    default_region: str | None = None  # ISO 3166-1 alpha-2
    sideband: bool = True  # watch accepted calls
    client_secrets_per_minute: int = 60  # ephemeral keys that one API key may ask for
    keep_bodies_hours: float = 72.0  # for bodies of deliveries that could not be used
    keep_numbers_days: float = 30.0  # for who called; then a pseudonym, or the number's ends
    keep_calls_days: float = 90.0  # for calls
    privacy_key: SecretStr | None = None  # makes pseudonyms of numbers; None: they are cut
    encryption_keys: tuple[EncryptionKey, ...] = ()  # of personal columns; the first encrypts, all decrypt
    subscribers: Mapping[str, Subscriber] = field(default_factory=dict)  # who is told what becomes of calls, by name
    log_format: Literal["console", "json"] | None = None  # None: console on a terminal, else json
    warnings: tuple[str, ...] = ()  # what looks odd but works, in sentences
    sources: Mapping[str, str] = field(default_factory=dict)  # variable or path → where it came from

    def describe(self) -> tuple[Row, ...]:
        """The effective configuration, secrets redacted, one row per variable."""
        rows = [
            self._row(variable.name, getattr(self, variable.field), unset=_UNSET.get(variable.field, ""))
            for variable in _VARIABLES
        ]
        for endpoint in self.endpoints.values():
            rows += [self._row(name, value) for name, value in describe_endpoint(endpoint)]
        for one in self.subscribers.values():
            rows += [self._row(f"subscribers.{one.name}.{key}", getattr(one, key)) for key in _SUBSCRIBER_ROWS]
            rows.append(self._row(one.secret_env or "", one.secret))
        return tuple(rows)

    @property
    def watched(self) -> frozenset[str]:
        """The endpoints whose calls are watched by their sideband."""
        return frozenset(self.endpoints) if self.sideband else frozenset()

    def _row(self, name: str, value: object, *, unset: str = "") -> Row:
        source = self.sources.get(name, "default" if value is not None or unset else "not set")
        return Row(name, unset if value is None else _shown(value), source)


class _Variable(NamedTuple):
    """A variable that stands for one field of Settings."""

    name: str
    field: str  # also the key in gateway.toml
    read: Callable[[str], Any]
    secret: bool = False


_VARIABLES: Final = (
    _Variable("GATEWAY_DATABASE_URL", "database_url", syntax.read_database_url),
    _Variable("GATEWAY_HOST", "host", syntax.read_host),
    _Variable("GATEWAY_PORT", "port", syntax.read_port),
    _Variable("GATEWAY_ADMIN_KEY", "admin_key", lambda text: SecretStr(syntax.read_admin_key(text)), secret=True),
    _Variable("GATEWAY_MAX_EVENT_AGE", "max_event_age", syntax.read_seconds),
    _Variable("GATEWAY_UPSTREAM_TIMEOUT", "upstream_timeout", syntax.read_seconds),
    _Variable("GATEWAY_DECISION_DEADLINE", "decision_deadline", syntax.read_seconds),
    _Variable("GATEWAY_REFER_ALLOW", "refer_allow", syntax.read_list(syntax.read_refer_pattern)),
    _Variable("GATEWAY_CALLED_HEADERS", "called_headers", syntax.read_headers),
    _Variable("GATEWAY_CALLER_HEADERS", "caller_headers", syntax.read_headers),
    _Variable("GATEWAY_DEFAULT_REGION", "default_region", syntax.read_region),
    _Variable("GATEWAY_SIDEBAND", "sideband", syntax.read_switch),
    _Variable("GATEWAY_CLIENT_SECRETS_PER_MINUTE", "client_secrets_per_minute", syntax.read_count),
    _Variable("GATEWAY_KEEP_BODIES_HOURS", "keep_bodies_hours", syntax.read_duration("hours")),
    _Variable("GATEWAY_KEEP_NUMBERS_DAYS", "keep_numbers_days", syntax.read_duration("days")),
    _Variable("GATEWAY_KEEP_CALLS_DAYS", "keep_calls_days", syntax.read_duration("days")),
    _Variable("GATEWAY_PRIVACY_KEY", "privacy_key", lambda text: SecretStr(syntax.read_admin_key(text)), secret=True),
    _Variable("GATEWAY_ENCRYPTION_KEYS", "encryption_keys", read_encryption_keys, secret=True),
    _Variable("GATEWAY_LOG_FORMAT", "log_format", syntax.read_choice("console", "json")),
)

# What the endpoint `openai` would be called in gateway.toml; two of them are secrets, which are refused there.
_OPENAI: Final = ("openai_base_url", "openai_api_key", "openai_webhook_secret")

# What `gateway check` shows of a subscriber beside its secret.
_SUBSCRIBER_ROWS: Final = ("url", "events", "callers")

_UNSET: Final = {"refer_allow": "guarded", "log_format": "console on a terminal, else json"}


def load_settings(flags: Mapping[str, object], environ: Mapping[str, str], directory: Path) -> Settings:
    """The settings of one start.

    `flags` are by variable (`GATEWAY_PORT`), None where not given; `config` names the configuration file. Relative
    paths start at `directory`. Raises ConfigurationError listing every mistake with its variable and the remedy.
    """
    sources = open_sources(flags, environ, directory)
    return _Loading(sources).finish()


class _Loading:
    """One run of `load_settings`: values and their sources as they come in."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._mistakes = sources.mistakes
        self._origins: dict[str, str] = {}

    def finish(self) -> Settings:
        values = {v.field: value for v in _VARIABLES if (value := self._variable(v)) is not None}
        if self._sources.is_empty("GATEWAY_REFER_ALLOW") and "refer_allow" not in values:
            values["refer_allow"] = ()  # "set" to nothing: the safe reading of an ambiguous wish
            self._origins["GATEWAY_REFER_ALLOW"] = "environment"
        endpoints = self._endpoints()
        subscribers = self._subscribers()
        known = {variable.field for variable in _VARIABLES} | {"endpoints", "subscribers", *_OPENAI}
        self._sources.check_keys(self._sources.file, known, f"{self._sources.file_name}: ")
        if self._mistakes:
            raise ConfigurationError(_listed(self._mistakes))
        settings = Settings(endpoints=endpoints, subscribers=subscribers, **values, sources=self._origins)
        return replace(settings, warnings=(*_doubts(settings), *self._sources.unknown_variables()))

    def _variable(self, variable: _Variable) -> Any:
        if variable.secret:
            self._refuse_secret(variable.name, variable.field)
        return self._value(variable.name, None if variable.secret else variable.field, variable.read)

    def _refuse_secret(self, name: str, key: str) -> None:
        if key in self._sources.file:
            remedy = f"secrets do not belong into this file; set {name} or {name}_FILE"
            self._mistakes.add(f"{self._sources.file_name}: {key}", remedy)

    def _value(self, name: str, key: str | None, read: Callable[[str], Any]) -> Any:
        found = self._sources.find(name, key)
        if found is None:
            return None
        self._origins[name] = found.source
        return self._read(found, read)

    def _read(self, found: Found, read: Callable[[str], Any]) -> Any:
        try:
            return read(found.text)
        except ValueError as error:
            self._mistakes.add(found.place, str(error))
            return None

    # Endpoints

    def _endpoints(self) -> dict[str, Endpoint]:
        listed = self._sources.file.get("endpoints", [])
        if not isinstance(listed, list) or not all(isinstance(table, dict) for table in listed):
            self._mistakes.add(f"{self._sources.file_name}: endpoints", "must be written as [[endpoints]] tables")
            return {}
        endpoints: dict[str, Endpoint] = {}
        for index, table in enumerate(listed):
            place = f"{self._sources.file_name}: endpoints[{index}]"
            endpoint = self._endpoint(table, f"{place}.")
            if endpoint and endpoint.name in endpoints:
                self._mistakes.add(f"{place}.name", f"{endpoint.name!r} is listed twice; names must differ")
            elif endpoint:
                endpoints[endpoint.name] = endpoint
        if OPENAI not in endpoints:
            openai = self._openai({})
            # Whoever uses other endpoints only need not be told that this one lacks its keys.
            if not endpoints or openai.api_key or openai.webhook_secrets:
                endpoints = {OPENAI: openai, **endpoints}
        return endpoints

    def _endpoint(self, table: Mapping[str, Any], place: str) -> Endpoint | None:
        self._sources.check_keys(table, ENDPOINT_KEYS, place)
        values = {key: self._endpoint_value(table, key, place) for key in ENDPOINT_KEYS if key in table}
        values = {key: value for key, value in values.items() if value is not None}
        if "name" not in table:
            self._mistakes.add(f"{place}name", "is missing; it stands in /webhooks/NAME")
        if "name" not in values:
            return None
        if values["name"] == OPENAI:
            return self._openai(values)
        if "base_url" not in table:
            self._mistakes.add(f"{place}base_url", "is missing; keys are sent there, so there is no default")
        return self._with_secrets(values)

    def _endpoint_value(self, table: Mapping[str, Any], key: str, place: str) -> Any:
        self._origins[row_name(str(table.get("name")), key)] = self._sources.file_name
        return self._table_value(table, key, place, ENDPOINT_KEYS[key])

    def _table_value(self, table: Mapping[str, Any], key: str, place: str, read: Callable[[str], Any]) -> Any:
        try:
            text = plain_text(table[key])
        except ValueError as error:
            self._mistakes.add(f"{place}{key}", str(error))
            return None
        return self._read(Found(text, f"{place}{key}", self._sources.file_name), read)

    # Subscribers

    def _subscribers(self) -> dict[str, Subscriber]:
        listed = self._sources.file.get("subscribers", [])
        if not isinstance(listed, list) or not all(isinstance(table, dict) for table in listed):
            self._mistakes.add(f"{self._sources.file_name}: subscribers", "must be written as [[subscribers]] tables")
            return {}
        subscribers: dict[str, Subscriber] = {}
        for index, table in enumerate(listed):
            place = f"{self._sources.file_name}: subscribers[{index}]."
            subscriber = self._subscriber(table, place)
            if subscriber and subscriber.name in subscribers:
                self._mistakes.add(f"{place}name", f"{subscriber.name!r} is listed twice; names must differ")
            elif subscriber:
                subscribers[subscriber.name] = subscriber
        return subscribers

    def _subscriber(self, table: Mapping[str, Any], place: str) -> Subscriber | None:
        self._sources.check_keys(table, SUBSCRIBER_KEYS, place)
        for key in ("name", "url", "secret_env"):
            if key not in table:
                self._mistakes.add(f"{place}{key}", "is missing")
        values = {
            key: self._table_value(table, key, place, read) for key, read in SUBSCRIBER_KEYS.items() if key in table
        }
        values = {key: value for key, value in values.items() if value is not None}
        if not {"name", "url", "secret_env"} <= values.keys():
            return None
        self._origins |= {f"subscribers.{values['name']}.{key}": self._sources.file_name for key in values}
        secrets = self._value(values["secret_env"], None, syntax.read_webhook_secrets)
        return Subscriber(**values, secret=SecretStr(secrets[0]) if secrets else None)

    def _openai(self, values: dict[str, Any]) -> Endpoint:
        """The endpoint that needs no file: its variables are those of OpenAI's own SDKs."""
        if base_url := self._value("OPENAI_BASE_URL", "openai_base_url", syntax.read_base_url):
            values = {**values, "base_url": base_url}
        named = {"api_key_env": "OPENAI_API_KEY", "webhook_secret_env": "OPENAI_WEBHOOK_SECRET"}
        for variable in named.values():
            self._refuse_secret(variable, variable.lower())
        return self._with_secrets({"name": OPENAI, **named, **values})

    def _with_secrets(self, values: dict[str, Any]) -> Endpoint:
        key = secrets = None
        if variable := values.get("api_key_env"):
            key = self._value(variable, None, syntax.read_secret)
        if variable := values.get("webhook_secret_env"):
            secrets = self._value(variable, None, syntax.read_webhook_secrets)
        return Endpoint(
            **values,
            api_key=SecretStr(key) if key else None,
            webhook_secrets=tuple(SecretStr(secret) for secret in secrets or ()),
        )


def missing(settings: Settings) -> tuple[str, ...]:
    """What keeps this configuration from taking real calls, in sentences with the remedy."""
    sentences = [sentence for endpoint in settings.endpoints.values() for sentence in missing_of(endpoint)]
    sentences += [
        f"{one.secret_env}: without it the subscriber {one.name!r} is told nothing."
        for one in settings.subscribers.values()
        if one.secret is None
    ]
    return tuple(sentences)


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """Every secret in the configuration, for whoever must keep them out of what it prints."""
    secrets = [secret for secret in (settings.admin_key, settings.privacy_key) if secret]
    secrets += [key.secret for key in settings.encryption_keys]
    secrets += [subscriber.secret for subscriber in settings.subscribers.values() if subscriber.secret]
    for endpoint in settings.endpoints.values():
        secrets += [*endpoint.webhook_secrets, *([endpoint.api_key] if endpoint.api_key else [])]
    password = urlsplit(settings.database_url).password or ""
    texts = [*(secret.get_secret_value() for secret in secrets), password, unquote(password)]
    return tuple(dict.fromkeys(text for text in texts if text))


def _shown(value: object) -> str:
    match value:
        case SecretStr():
            return "set"
        case (SecretStr(), *_):
            return "set" if len(value) == 1 else f"{len(value)} secrets"
        case (EncryptionKey(), *_):
            return ", ".join(key.name for key in value if isinstance(key, EncryptionKey))
        case tuple():
            return ", ".join(value) or "nothing"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:g}"
        case str():
            return syntax.without_password(value)
        case _:
            return str(value)


def _doubts(settings: Settings) -> list[str]:
    """What is allowed, and probably not meant."""
    doubts = []
    if settings.refer_allow == ():
        doubts.append("GATEWAY_REFER_ALLOW is empty, so every transfer is refused; unset it for guarded mode")
    if settings.upstream_timeout > settings.decision_deadline:
        doubts.append(
            f"GATEWAY_UPSTREAM_TIMEOUT ({settings.upstream_timeout:g}) is longer than GATEWAY_DECISION_DEADLINE "
            f"({settings.decision_deadline:g}), so a slow first attempt leaves no time for a second"
        )
    for endpoint in settings.endpoints.values():
        url = urlsplit(endpoint.base_url)
        if url.scheme == "http" and not syntax.is_loopback(url.hostname or ""):
            doubts.append(f"{row_name(endpoint.name, 'base_url')} is http, so the API key travels unencrypted")
    if settings.keep_numbers_days > settings.keep_calls_days:
        doubts.append(
            f"GATEWAY_KEEP_NUMBERS_DAYS ({settings.keep_numbers_days:g}) is longer than GATEWAY_KEEP_CALLS_DAYS "
            f"({settings.keep_calls_days:g}): numbers go with their calls"
        )
    projects: dict[tuple[str, SecretStr], Endpoint] = {}
    for endpoint in settings.endpoints.values():
        if endpoint.api_key is None:
            continue
        twin = projects.setdefault((endpoint.base_url, endpoint.api_key), endpoint)
        if twin.surface != endpoint.surface:
            doubts.append(
                f"the endpoints {twin.name} and {endpoint.name} decide the calls of one project on both surfaces; a "
                "call that is announced on both would be decided twice, and the upstream keeps the first decision"
            )
    return doubts


def _listed(mistakes: list[str]) -> str:
    if len(mistakes) == 1:
        return mistakes[0]
    return "\n  ".join((f"{len(mistakes)} mistakes in the configuration:", *mistakes))
