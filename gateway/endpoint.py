"""An endpoint: one source of webhooks, and the upstream API that controls its calls.

A project of OpenAI's, its EU residency or a resource of Azure's: each has a webhook address of its own,
`/webhooks/NAME`, its own secrets, and its own limits. This module says what an endpoint is and how `gateway.toml`
writes one; `gateway.settings` reads them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from gateway import settings_syntax as syntax

OPENAI: Final = "openai"
OPENAI_BASE_URL: Final = "https://api.openai.com/v1"

# Which of the upstream's two APIs decides a call: Realtime, or its successor, the Live API (FACTS section 2).
Surface = Literal["realtime", "live"]


class SecretStr:
    """Text that does not print itself."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def get_secret_value(self) -> str:
        """The text."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretStr) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "SecretStr('•••')"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One source of webhooks, and the upstream API that controls its calls."""

    name: str  # as in /webhooks/NAME
    base_url: str = OPENAI_BASE_URL  # without a slash at its end
    api_key: SecretStr | None = None
    webhook_secrets: tuple[SecretStr, ...] = ()  # all valid at the same time, for rotation
    auth: Literal["bearer", "api-key"] = "bearer"  # how the key travels; Azure takes `api-key`
    surface: Surface = "realtime"  # whose announcements are decided; those of the other are left alone
    upstream_timeout: float | None = None  # seconds for one attempt; None: the gateway's
    max_in_flight: int | None = None  # requests to the upstream at the same time; None: no limit of its own
    default_region: str | None = None  # of numbers without a country code, ISO 3166-1 alpha-2; None: the gateway's
    attestation_header: str | None = None  # the trunk's header with the STIR/SHAKEN result; None: trust none
    api_key_env: str | None = None  # the variable that holds, or should hold, the key
    webhook_secret_env: str | None = None  # … the secrets

    @property
    def secrets(self) -> tuple[str, ...]:
        """The signing secrets as text."""
        return tuple(secret.get_secret_value() for secret in self.webhook_secrets)


# The keys of an `[[endpoints]]` table, and how each is read.
ENDPOINT_KEYS: Final[Mapping[str, Callable[[str], Any]]] = {
    "name": syntax.read_name,
    "base_url": syntax.read_base_url,
    "api_key_env": syntax.read_variable_name,
    "webhook_secret_env": syntax.read_variable_name,
    "auth": syntax.read_choice("bearer", "api-key"),
    "surface": syntax.read_choice("realtime", "live"),
    "upstream_timeout": syntax.read_seconds,
    "max_in_flight": syntax.read_count,
    "default_region": syntax.read_region,
    "attestation_header": syntax.read_header,
}


def missing_of(endpoint: Endpoint) -> list[str]:
    """What keeps an endpoint from taking real calls, in sentences with the remedy."""
    door = f"/webhooks/{endpoint.name}"
    place = f"[[endpoints]] {endpoint.name}"
    event = "realtime.call.incoming" if endpoint.surface == "realtime" else "live.transport.incoming"
    sentences = []
    if not endpoint.webhook_secrets:
        name = endpoint.webhook_secret_env
        sentences.append(
            f"{name or 'a webhook secret'}: without it every delivery to {door} is refused. Create a webhook for "
            f"{event} that points to https://YOUR-HOST{door}, and "
            f"{f'set {name} to' if name else f'name a variable in webhook_secret_env of {place} that holds'} "
            "its signing secret (whsec_…)."
        )
    if not endpoint.api_key:
        name = endpoint.api_key_env
        sentences.append(
            f"{name or 'an API key'}: without it {endpoint.base_url} refuses every decision. "
            f"{f'Set {name} to' if name else f'Name a variable in api_key_env of {place} that holds'} "
            "an API key of the project that owns the webhook."
        )
    return sentences


def describe_endpoint(endpoint: Endpoint) -> list[tuple[str, object]]:
    """The rows of one endpoint in `gateway check`; what is seldom used appears only where it is used."""
    name = endpoint.name
    rows: list[tuple[str, object]] = [
        (row_name(name, "base_url"), endpoint.base_url),
        (endpoint.api_key_env or row_name(name, "api_key_env"), endpoint.api_key),
        (endpoint.webhook_secret_env or row_name(name, "webhook_secret_env"), endpoint.webhook_secrets or None),
    ]
    usual = Endpoint(name=name)
    seldom = ("auth", "surface", "upstream_timeout", "max_in_flight", "default_region", "attestation_header")
    return rows + [
        (row_name(name, key), value) for key in seldom if (value := getattr(endpoint, key)) != getattr(usual, key)
    ]


def row_name(endpoint: str, key: str) -> str:
    """What `gateway check` calls a value of an endpoint."""
    return "OPENAI_BASE_URL" if (endpoint, key) == (OPENAI, "base_url") else f"endpoints.{endpoint}.{key}"
