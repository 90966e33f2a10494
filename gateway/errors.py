"""Every error the gateway raises on purpose.

GatewayError
├── ConfigurationError      the settings are wrong or incomplete; exit code 2
├── SignatureError          a delivery that is not proven genuine (400 structure, 401 signature or time)
├── PayloadError            a genuine delivery whose body cannot be used; quarantined
├── DatabaseUnavailable     nothing was stored; the sender should try again (503)
│   └── JournalFull         the writer's queue is over its limit (503)
├── DatabaseInUse           another `serve` process owns this SQLite file
├── CannotDecrypt           a sealed value whose key is not configured, or that was tampered with
├── IllegalTransition       the state machine was asked for a step that it does not have
├── InvalidCallId           a call id that must not be put into an upstream path
├── UpstreamFailed          the upstream did not do what an API request needs of it (502, 503, 504)
└── RequestError            an API request that we refuse, with its problem details (4xx)

Errors of other libraries are translated where they enter: `database` for SQLAlchemy, `upstream/client` for httpx.
"""

from collections.abc import Mapping, Sequence


class GatewayError(Exception):
    """Base of all errors raised on purpose. Its text is written for the person who has to fix the cause."""


class ConfigurationError(GatewayError):
    """The settings are wrong or incomplete; the text names the variable and the remedy."""


class SignatureError(GatewayError):
    """A delivery that is not proven genuine.

    `code` is stable and safe to log: it never holds any of the request's own text. `status` is 400 where the
    structure is broken and 401 where the signature or the time is wrong.
    """

    def __init__(self, code: str, status: int) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


class PayloadError(GatewayError):
    """A genuine delivery whose body cannot be used. Retrying cannot help, so it is stored and acknowledged."""


class DatabaseUnavailable(GatewayError):
    """Nothing was stored, or it is unknown whether anything was; the caller should try again."""


class JournalFull(DatabaseUnavailable):
    """The journal's queue is over its limit."""


class DatabaseInUse(GatewayError):
    """Another `serve` process owns this SQLite file."""


class CannotDecrypt(GatewayError):
    """A sealed value whose key is not configured, or that was changed or moved. Never holds any of the value."""


class IllegalTransition(GatewayError):
    """The state machine was asked for a step that it does not have; nothing was changed."""


class InvalidCallId(GatewayError):
    """A call id that must not be put into an upstream path."""


class UpstreamFailed(GatewayError):
    """The upstream did not do what was asked of it on behalf of an API request or a command; nothing is ringing.

    `status` is 502 where it refused or failed, 503 where it was not reached or wants a pause, 504 where it did not
    answer; `retry_after` is the pause in seconds, if it named one.
    """

    def __init__(self, text: str, *, status: int, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after = retry_after


class RequestError(GatewayError):
    """An API request that we refuse.

    Rendered as RFC 9457 problem details: `title` says what is wrong, `detail` how to fix it, and `errors` lists
    `{"pointer": JSON pointer (RFC 6901), "detail": text}` for every mistake found.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        *,
        errors: Sequence[Mapping[str, str | int]] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(f"{title}: {detail}" if detail else title)
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})
