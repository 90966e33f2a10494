"""What `gateway doctor` looks at: everything outside of the gateway that must be right before a call is answered.

Each check asks one question and answers with findings: ok, warn or fail, what was seen, and what to do about it.
Nothing is changed: no table is made, no call is touched, no secret is printed.
"""

import shutil
import socket
import ssl
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from gateway.calls.encryption import check_keys
from gateway.clock import Clock, to_datetime
from gateway.database import Database, exists, translated
from gateway.endpoint import Endpoint
from gateway.errors import ConfigurationError, DatabaseUnavailable, PayloadError
from gateway.profiles.profile import find_profile
from gateway.profiles.shutdowns import LOUD_DAYS, find_shutdowns, told
from gateway.rulebook.store import find_revision, starter
from gateway.settings import Settings
from gateway.settings_syntax import is_loopback, without_password
from gateway.tables import SCHEMA
from gateway.upstream.wire import MODELS, read_error, read_models
from gateway.webhooks.signature import Verifier

# Seconds for each step into the network: a caller would have hung up.
PATIENCE: Final = 5.0

# A delivery whose clock differs by 300 s is refused; below that there should be room.
SKEW_REFUSED: Final = 300
SKEW_DOUBTFUL: Final = 30

CERTIFICATE_DAYS: Final = 14

# Free bytes: a million calls are some 1 GB; at the lower one SQLite cannot even compact what it has.
DISK_DOUBTFUL: Final = 2 * 1024**3
DISK_REFUSED: Final = 200 * 1024**2


class Result(StrEnum):
    """What a check comes to."""

    OK = "ok"
    WARN = "warn"  # works, and somebody should look at it
    FAIL = "fail"  # calls are, or will be, lost


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """The answer of one check."""

    check: str  # dns, tls, clock, api key, webhook secret, database, disk or profiles
    subject: str  # the endpoint, the file, the profile
    result: Result
    detail: str  # what was seen
    remedy: str | None = None  # what to do; None where all is well


def examine(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """Every finding, as soon as it is known."""
    profiles = yield from _database(settings)
    known: dict[str, date | None] = {}
    for endpoint in settings.endpoints.values():
        yield from _secrets(endpoint)
        if (yield from _way(endpoint, clock)):
            known |= yield from _upstream(endpoint, clock)
    if profiles is not None:
        yield from profile_findings(profiles, known, to_datetime(clock.now()).date())


# ---- the database and its disk

Profiles = Mapping[str, Mapping[str, Any]]


def _database(settings: Settings) -> Generator[Finding, None, Profiles | None]:
    """The tables and the disk; returns the profiles in force, None where nobody can tell."""
    profiles: Profiles | None = starter().document["profiles"]
    shown = without_password(settings.database_url).rpartition("@")[2]
    if not exists(settings.database_url):
        yield Finding(
            check="database",
            subject=shown,
            result=Result.WARN,
            detail="is not there yet",
            remedy="`gateway serve` makes it, or `gateway db upgrade`",
        )
    else:
        profiles = yield from _tables(settings, shown)
    if settings.database_url.startswith("sqlite"):
        yield _disk(settings.database_url)
    return profiles


def _tables(settings: Settings, shown: str) -> Generator[Finding, None, Profiles | None]:
    database = Database(settings.database_url, settings.encryption_keys)
    try:
        found = database.schema()
        if found is None or found < SCHEMA:
            state = "has no tables yet" if found is None else f"is at {found}, this release wants {SCHEMA}"
            remedy = "start `gateway serve`, which upgrades it, or run `gateway db upgrade`"
            yield Finding(check="database", subject=shown, result=Result.WARN, detail=state, remedy=remedy)
            return None
        with translated(), database.reader.connect() as connection:
            check_keys(connection)
            revision = find_revision(connection) or starter()
        detail = f"tables at {found}, revision {revision.number} in force"
        yield Finding(check="database", subject=shown, result=Result.OK, detail=detail)
    except ConfigurationError as error:
        yield Finding(check="encryption", subject=shown, result=Result.FAIL, detail=str(error))
        return None
    except DatabaseUnavailable as error:
        remedy = "check GATEWAY_DATABASE_URL, and that the server runs and lets this machine in"
        yield Finding(check="database", subject=shown, result=Result.FAIL, detail=str(error), remedy=remedy)
        return None
    else:
        in_force: Profiles = revision.document.get("profiles", {})
        return in_force
    finally:
        database.close()


def _disk(url: str) -> Finding:
    path = Path(url.removeprefix("sqlite:///")).resolve()
    there = next(parent for parent in path.parents if parent.exists())
    free = shutil.disk_usage(there).free
    result = Result.FAIL if free < DISK_REFUSED else Result.WARN if free < DISK_DOUBTFUL else Result.OK
    remedy = None if result is Result.OK else "make room, or move the database (GATEWAY_DATABASE_URL)"
    detail = f"{free / 1024**3:,.1f} GB free"
    return Finding(check="disk", subject=str(there), result=result, detail=detail, remedy=remedy)


# ---- one endpoint


def _secrets(endpoint: Endpoint) -> Iterator[Finding]:
    """Whether deliveries can be proven genuine."""
    variable = endpoint.webhook_secret_env or "webhook_secret_env"
    if not endpoint.webhook_secrets:
        yield Finding(
            check="webhook secret",
            subject=endpoint.name,
            result=Result.FAIL,
            detail="none is set, so every delivery is refused",
            remedy=f"put the signing secret of the webhook (whsec_…) into {variable}",
        )
    for number, secret in enumerate(endpoint.webhook_secrets, start=1):
        text = secret.get_secret_value()
        remedy: str | None
        try:
            Verifier([text])
        except ConfigurationError as error:
            result, detail, remedy = Result.FAIL, str(error), f"copy it again, whole, into {variable}"
        else:
            plain = not text.startswith("whsec_")
            result = Result.WARN if plain else Result.OK
            detail = "does not begin with whsec_, so its text is the key" if plain else "well formed"
            remedy = "make sure that it is the signing secret, and not the API key" if plain else None
        subject = f"{endpoint.name} {number} of {len(endpoint.webhook_secrets)}"
        yield Finding(check="webhook secret", subject=subject, result=result, detail=detail, remedy=remedy)


def _way(endpoint: Endpoint, clock: Clock) -> Generator[Finding, None, bool]:
    """Names and certificates on the way to the upstream; returns whether it can be reached."""
    url = urlsplit(endpoint.base_url)
    host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        remedy = "check the name in the base URL, and this machine's resolver"
        detail = f"{host} cannot be resolved: {error.strerror or error}"
        yield Finding(check="dns", subject=endpoint.name, result=Result.FAIL, detail=detail, remedy=remedy)
        return False
    detail = f"{host} is {', '.join(sorted({str(address[4][0]) for address in found}))}"
    yield Finding(check="dns", subject=endpoint.name, result=Result.OK, detail=detail)
    if url.scheme == "https":
        tls = _tls(endpoint.name, host, port, clock)
        yield tls
        return tls.result is not Result.FAIL
    if not is_loopback(host):
        detail = "the base URL is http, so the API key travels unencrypted"
        yield Finding(check="tls", subject=endpoint.name, result=Result.WARN, detail=detail, remedy="write https")
    return True


def _tls(name: str, host: str, port: int, clock: Clock) -> Finding:
    """The certificate, by the trust that requests have too."""
    try:
        context = httpx.create_ssl_context()
        with (
            socket.create_connection((host, port), timeout=PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            version, certificate = secure.version() or "TLS", secure.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        remedy = "check this machine's clock, and whether a proxy breaks the encryption open"
        detail = f"the certificate is not trusted: {error.verify_message}"
        return Finding(check="tls", subject=name, result=Result.FAIL, detail=detail, remedy=remedy)
    except OSError as error:
        remedy = "check that a firewall lets this machine out to the base URL's port"
        detail = f"no TLS with {host}:{port}: {error.strerror or error}"
        return Finding(check="tls", subject=name, result=Result.FAIL, detail=detail, remedy=remedy)
    days = int(ssl.cert_time_to_seconds(str(certificate["notAfter"])) - clock.now() / 1e6) // 86_400
    detail = f"{version}, the certificate is good for {days} days"
    if days >= CERTIFICATE_DAYS:
        return Finding(check="tls", subject=name, result=Result.OK, detail=detail)
    remedy = "tell whoever runs the upstream to renew it"
    return Finding(check="tls", subject=name, result=Result.WARN, detail=detail, remedy=remedy)


def _upstream(endpoint: Endpoint, clock: Clock) -> Generator[Finding, None, dict[str, date | None]]:
    """The API key, and our clock against the upstream's; returns the models that the key may use."""
    if endpoint.api_key is None:
        remedy = f"put an API key of the webhook's project into {endpoint.api_key_env or 'api_key_env'}"
        detail = "none is set, so every decision is refused"
        yield Finding(check="api key", subject=endpoint.name, result=Result.FAIL, detail=detail, remedy=remedy)
        return {}
    key = endpoint.api_key.get_secret_value()
    headers = {"api-key": key} if endpoint.auth == "api-key" else {"authorization": f"Bearer {key}"}
    try:
        reply = httpx.get(endpoint.base_url + MODELS, headers=headers, timeout=PATIENCE)
    except httpx.HTTPError as error:
        detail = f"no answer from {endpoint.base_url}: {str(error) or type(error).__name__}"
        remedy = "try again; if it stays, check the base URL and the firewall"
        yield Finding(check="api key", subject=endpoint.name, result=Result.FAIL, detail=detail, remedy=remedy)
        return {}
    yield from _clock(endpoint.name, reply.headers.get("date"), clock)
    if reply.status_code in (401, 403):
        detail = f"refused with {reply.status_code} {read_error(reply.content)}".rstrip()
        remedy = f"check {endpoint.api_key_env or 'the key'}: it must be of the project that owns the webhook"
        yield Finding(check="api key", subject=endpoint.name, result=Result.FAIL, detail=detail, remedy=remedy)
        return {}
    try:
        models = read_models(reply.content)
    except PayloadError:
        detail = f"the list of models came back as {reply.status_code} and cannot be read"
        remedy = "check the base URL; a gateway or proxy in between may answer in its place"
        yield Finding(check="api key", subject=endpoint.name, result=Result.WARN, detail=detail, remedy=remedy)
        return {}
    detail = f"accepted; it may use {len(models)} models"
    yield Finding(check="api key", subject=endpoint.name, result=Result.OK, detail=detail)
    return models


def _clock(name: str, theirs: str | None, clock: Clock) -> Iterator[Finding]:
    if theirs is None:
        return
    try:
        skew = clock.now() / 1e6 - parsedate_to_datetime(theirs).timestamp()
    except ValueError:
        return  # a proxy's invention; there is nothing to compare
    far = abs(skew)
    result = Result.FAIL if far >= SKEW_REFUSED else Result.WARN if far >= SKEW_DOUBTFUL else Result.OK
    ahead = "ahead of" if skew > 0 else "behind"
    detail = "agrees with the upstream's" if far < 2 else f"{far:,.0f} s {ahead} the upstream's"
    wrong = f"set this machine's clock (NTP): beyond {SKEW_REFUSED} s every delivery is refused"
    remedy = None if result is Result.OK else wrong
    yield Finding(check="clock", subject=name, result=result, detail=detail, remedy=remedy)


# ---- profiles


def profile_findings(profiles: Profiles, known: Mapping[str, date | None], today: date) -> Iterator[Finding]:
    """Models and features in use that end, by our table and by what the upstream says today."""
    good = True
    for name in profiles:
        profile = find_profile(profiles, name)
        for shutdown, _ in find_shutdowns(profile):
            good = False
            left = (shutdown.on - today).days
            _, words = told(shutdown, today)
            yield Finding(
                check="profiles",
                subject=name,
                result=Result.FAIL if left <= 0 else Result.WARN,
                detail=words.partition(";")[0],
                remedy=shutdown.instead if left > LOUD_DAYS else f"{shutdown.instead}, now",
            )
        if (finding := _model(name, profile.get("model"), known, today)) is not None:
            good = False
            yield finding
    if good:
        subject, detail = f"{len(profiles)} in force", "nothing in use will be shut down"
        yield Finding(check="profiles", subject=subject, result=Result.OK, detail=detail)


def _model(name: str, model: object, known: Mapping[str, date | None], today: date) -> Finding | None:
    """What the upstream's own list says of a profile's model; nothing where there is no list."""
    if not known or not isinstance(model, str):
        return None
    if model not in known:
        detail = f"the API key may not use {model!r}, or there is no such model"
        remedy = "choose another model, or allow it for the project"
        return Finding(check="profiles", subject=name, result=Result.WARN, detail=detail, remedy=remedy)
    ends = known[model]
    if ends is None or any(shutdown.on == ends for shutdown, _ in find_shutdowns({"model": model})):
        return None
    detail = f"the upstream says that {model!r} is shut down on {ends}"
    result = Result.FAIL if ends <= today else Result.WARN
    return Finding(check="profiles", subject=name, result=result, detail=detail, remedy="choose another model")
