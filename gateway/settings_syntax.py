"""What each setting may look like: text → value, or a ValueError that says what to write instead.

No message repeats a secret. A mistake in a setting must be found here, at the start, and not in the middle of a call.
"""

import ipaddress
import math
import re
from base64 import b64decode
from collections.abc import Callable
from typing import Final, TypeVar
from urllib.parse import SplitResult, urlsplit

Item = TypeVar("Item")

# A key shorter than this can be guessed; our own have 43 characters (256 bits).
SHORTEST_ADMIN_KEY: Final = 16

_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token of RFC 9110 section 5.6.2
_HOST: Final = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?:\.(?!-)[A-Za-z0-9-]{1,63})*\.?")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_WORDS: Final = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


def read_port(text: str) -> int:
    """0 to 65535; 0 takes any free port."""
    if text.startswith("tcp://"):
        raise ValueError(
            f"{text!r} was set by Kubernetes for a Service named gateway; set enableServiceLinks: false in the "
            "pod, or give the Service another name"
        )
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise ValueError(f"{text!r} is not a port; write a number from 0 to 65535")
    return int(text)


def read_host(text: str) -> str:
    """An IP address or a host name to listen on."""
    if not _is_address(text) and not _HOST.fullmatch(text):
        raise ValueError(
            f"{text!r} is not an address; write one like 127.0.0.1, 0.0.0.0 or ::, and the port as GATEWAY_PORT"
        )
    return text


def read_seconds(text: str) -> float:
    """A positive number of seconds."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise ValueError(f"{text!r} is not a time; write a number of seconds above 0, such as 3 or 2.5")
    return seconds


def read_duration(unit: str) -> Callable[[str], float]:
    """A positive number of `unit`, of at most a century."""

    def read(text: str) -> float:
        try:
            duration = float(text)
        except ValueError:
            duration = math.nan
        if not 0 < duration <= 876_600:
            raise ValueError(f"{text!r} is not a number of {unit} above 0; write one such as 30 or 0.5")
        return duration

    return read


def read_count(text: str) -> int:
    """A whole number from 1 on."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1_000_000):
        raise ValueError(f"{text!r} is not a count; write a whole number from 1 to 1000000")
    return int(text)


def read_switch(text: str) -> bool:
    """true or false, in the usual spellings."""
    try:
        return _WORDS[text.lower()]
    except KeyError:
        raise ValueError(f"{text!r} is neither true nor false") from None


def read_choice(*choices: str) -> Callable[[str], str]:
    """One of `choices`."""

    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"{text!r} is not known; write {' or '.join(choices)}")
        return text

    return read


def read_base_url(text: str) -> str:
    """The base of an upstream's API, without a slash at its end."""
    url = _split(text)
    if url is None or url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError(f"{without_password(text)!r} is not a web address; write one like https://api.openai.com/v1")
    if url.username is not None or url.password is not None:
        raise ValueError("must not hold a user or password; the key goes into a variable of its own")
    if url.query or url.fragment:
        raise ValueError(f"{text!r} must end with its path; leave out what follows ? or #")
    return text.rstrip("/")


def read_web_address(text: str) -> str:
    """Where to post to."""
    url = _split(text)
    if url is None or url.scheme not in ("http", "https") or not url.hostname or url.fragment:
        raise ValueError("is not a web address; write one like https://crm.example.com/calls")
    if url.username is not None or url.password is not None:
        raise ValueError("must not hold a user or password; what is posted is signed")
    if url.scheme == "http" and not is_loopback(url.hostname):
        raise ValueError("must begin with https://; http is for this machine only")
    return text


def read_database_url(text: str) -> str:
    """A database of SQLite or PostgreSQL, kept as it is."""
    url = _split(text)
    scheme = url.scheme if url else ""
    if url and scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        if url.netloc.count("@") > 1:  # what follows the first would be taken for the host, and told in errors
            raise ValueError("holds more than one @; in a user or password write %40 for it")
        return text
    if url and scheme == "sqlite" and not url.netloc and len(url.path) > 1 and url.path != "/:memory:":
        return text
    if scheme == "sqlite":
        raise ValueError(
            "names no file; write sqlite:///var/gateway.db, or sqlite:////var/lib/gateway.db from the root"
        )
    if not scheme:
        raise ValueError(
            "is no database's URL; write sqlite:///path or postgresql://user@host/name, and in a password %40 for @, "
            "%3A for : and %2F for /"
        )
    raise ValueError(f"{scheme} is not supported; write sqlite:///path or postgresql://user@host/name")


def read_region(text: str) -> str:
    """A region that has telephone numbers, ISO 3166-1 alpha-2."""
    region = text.upper()
    if not _is_region(region):
        hint = "; the United Kingdom is GB" if region == "UK" else ""
        raise ValueError(f"{text!r} is not a country code of two letters, such as US or DE{hint}")
    return region


def read_headers(text: str) -> tuple[str, ...]:
    """Names of SIP headers in order, separated by commas."""
    names = read_list(read_header)(text)
    if not names:
        raise ValueError("names no header; leave it out for the default")
    return names


def read_header(text: str) -> str:
    """The name of one SIP header."""
    if not _HEADER.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of a header; write one like P-Asserted-Identity")
    return text


def read_list(read: Callable[[str], Item]) -> Callable[[str], tuple[Item, ...]]:
    """Items separated by commas, each read by `read`; spaces around them do not count."""

    def read_all(text: str) -> tuple[Item, ...]:
        return tuple(read(item.strip()) for item in text.split(",") if item.strip())

    return read_all


def read_refer_pattern(text: str) -> str:
    """What GATEWAY_REFER_ALLOW may hold; `gateway.rulebook.refer_guard` gives it its meaning."""
    user, at, host = text.rpartition("@")
    if re.fullmatch(r"\+[0-9]{1,15}|\+[0-9]{0,15}\*", text):
        return text
    if text.startswith("country:"):
        if not _is_region(text.removeprefix("country:")):
            raise ValueError(f"{text!r} names no country; write two capital letters (ISO 3166), such as country:DE")
        return text
    if at and (user == "*" or re.fullmatch(r"[^\s@*<>\",]+", user)) and _HOST.fullmatch(host):
        return text
    raise ValueError(
        f"{text!r} is not a target; write +4930901820, +4930*, country:DE, *@pbx.example.com or sales@pbx.example.com"
    )


def read_secret(text: str) -> str:
    """A key that can travel in an HTTP header."""
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("holds spaces or characters that no key has; copy it again")
    return text


def read_admin_key(text: str) -> str:
    """A key of our own."""
    if len(read_secret(text)) < SHORTEST_ADMIN_KEY:
        raise ValueError(
            f"has fewer than {SHORTEST_ADMIN_KEY} characters and could be guessed; make one with: openssl rand -hex 32"
        )
    return text


def read_webhook_secrets(text: str) -> tuple[str, ...]:
    """Signing secrets separated by spaces or commas; all are valid, so that they can be rotated."""
    secrets = tuple(read_secret(secret) for secret in re.split(r"[\s,]+", text) if secret)
    for number, secret in enumerate(secrets, 1):
        if secret.startswith("whsec_") and not _is_base64(secret.removeprefix("whsec_")):
            which = f"secret {number} of {len(secrets)}" if len(secrets) > 1 else "the secret"
            raise ValueError(f"{which} is damaged: what follows whsec_ is not base64; copy it again")
    if not secrets:
        raise ValueError("holds no secret")
    return secrets


def read_name(text: str) -> str:
    """The name of an endpoint, as it stands in /webhooks/NAME."""
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is not a name; use small letters, digits and hyphens, at most 63")
    return text


def read_variable_name(text: str) -> str:
    """The name of an environment variable. Whoever writes the secret itself here must not see it printed."""
    if not _VARIABLE.fullmatch(text) or text.startswith("whsec_"):
        raise ValueError(
            "must be the name of an environment variable, such as AZURE_API_KEY, and not the secret itself"
        )
    return text


def _is_region(text: str) -> bool:
    from routing_rules.countries import COUNTRIES  # its package takes 40 ms to import, and few settings need it

    return text in COUNTRIES


def _split(text: str) -> SplitResult | None:
    try:
        url = urlsplit(text)
        url.port  # noqa: B018  is parsed, and refused, on access
    except ValueError:
        return None
    return url if text.isprintable() and " " not in text else None


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    without = re.sub(r"(//[^/@:]*):.*@", r"\1:•••@", url)  # a password may hold an @ or a / that nobody has escaped
    return re.sub(r"([?&](?:ssl)?password=)[^&]*", r"\1•••", without)


def is_loopback(host: str) -> bool:
    """Whether the host is this machine."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_base64(text: str) -> bool:
    try:
        return bool(b64decode(text + "=" * (-len(text) % 4), validate=True))
    except ValueError:
        return False
