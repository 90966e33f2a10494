"""What became of one request to the upstream: the closed set of classes that the retry policy knows.

RELIABILITY 2.2 gives the classes. The one that matters most is the difference between *not sent* (the request
certainly did nothing) and *ambiguous* (it may have been applied although no reply came).
"""

from enum import StrEnum

import msgspec


class Result(StrEnum):
    """The class of an outcome."""

    DONE = "done"  # 2xx
    NOT_SENT = "not_sent"  # no connection was made
    AMBIGUOUS = "ambiguous"  # sent, perhaps applied, no reply
    SERVER_ERROR = "server_error"  # 5xx or 408
    RATE_LIMITED = "rate_limited"  # 429
    REFUSED = "refused"  # any other 3xx or 4xx
    UNAUTHORIZED = "unauthorized"  # 401
    GONE = "gone"  # 404: the upstream does not know the call, or no longer
    CONFLICT = "conflict"  # 409, or another 4xx that says so: decided already


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The outcome of one request."""

    result: Result
    status: int | None = None  # of the reply, if there was one
    detail: str = ""  # for people: the error's code and message, or the exception; holds no secrets
    retry_after: float | None = None  # seconds, where the upstream asked for a pause
    seconds: float = 0.0  # how long the request took

    def __str__(self) -> str:
        head = f"{self.result} (HTTP {self.status})" if self.status else str(self.result)
        return f"{head}: {self.detail}" if self.detail else head


_BY_STATUS = {
    401: Result.UNAUTHORIZED,
    404: Result.GONE,
    408: Result.SERVER_ERROR,
    409: Result.CONFLICT,
    429: Result.RATE_LIMITED,
}


def classify(status: int) -> Result:
    """The class of a reply with this HTTP status."""
    if status < 200:
        return Result.AMBIGUOUS  # an interim reply and then nothing
    if status < 300:
        return Result.DONE
    if status >= 500:
        return Result.SERVER_ERROR
    return _BY_STATUS.get(status, Result.REFUSED)
