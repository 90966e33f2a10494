"""Logs: one JSON object per line on stderr, or one readable line on a terminal.

Modules log with `structlog.get_logger(__name__)`; what belongs to the whole of a delivery is bound once with
`structlog.contextvars.bind_contextvars(call_id=…, webhook_id=…)` and then stands in every record of that task, those of
other libraries included, whose standard-library loggers end in the same pipeline.

One event is one line, whatever a caller put into it. Secrets never appear; full telephone numbers only at level debug
(see `gateway.redaction`). A record costs some 10 µs, so there is one per delivery without a switch to turn it off.
"""

import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import msgspec
import structlog
from structlog.contextvars import get_contextvars, merge_contextvars

from gateway.redaction import SECRET_FIELDS, Redactor
from gateway.settings import Settings, secrets_of

# They write a record per request, or several at every start, which ours say better.
QUIET: Final = ("httpx", "httpcore", "aiohttp", "uvicorn", "alembic", "sqlalchemy", "asyncio")

# Values that JSON prints as they are; everything else is looked at one by one.
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})

_COLOURS: Final = {"debug": "2", "info": "32", "warning": "33", "error": "31", "critical": "1;31"}

Render = Callable[[Mapping[str, Any]], str]


def configure_logging(
    settings: Settings | None = None,
    *,
    level: str = "info",
    stream: TextIO | None = None,
    now: Callable[[], float] = time.time,
) -> None:
    """Send all logs of this process to `stream`, or stderr, in the format of `settings` and without its secrets.

    May be called again; the last call counts. `level` is the least to be shown: debug, info, warning, error, critical.
    """
    stream = stream or sys.stderr
    chosen = settings.log_format if settings else None
    on_terminal = stream.isatty()
    render = render_json
    if (chosen or ("console" if on_terminal else "json")) == "console":
        render = Console(colour=on_terminal and not os.environ.get("NO_COLOR"))
    pipeline = Pipeline(Redactor(secrets_of(settings) if settings else ()), render, stream, now)
    structlog.configure(
        processors=[pipeline.process],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *names: _Sink(pipeline, *names),
        # A cached logger would hold on to this pipeline when the next one is configured; it saves one microsecond.
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [handler for handler in root.handlers if not isinstance(handler, _Bridge)]
    root.addHandler(_Bridge(pipeline))
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


class Pipeline:
    """From an event to a line on the stream."""

    def __init__(self, redactor: Redactor, render: Render, stream: TextIO, now: Callable[[], float]) -> None:
        self._redactor = redactor
        self._render = render
        self._stream = stream
        self._now = now
        self._lock = threading.Lock()  # the journal's thread logs too
        self._second = (-1, "")

    def process(self, logger: "_Sink", level: str, event: Mapping[str, Any]) -> str:
        """structlog's side: the line for one event."""
        return self.line(logger.name, level, merge_contextvars(logger, level, dict(event)))

    def line(self, logger: str | None, level: str, event: Mapping[str, Any]) -> str:
        """The record of one event, cleaned and rendered."""
        time_ = self._time()
        record: dict[str, Any] = {"timestamp": time_, "level": level, "event": None, **event}
        if logger:
            record["logger"] = logger
        error = record.pop("exc_info", None)
        trace = _trace(error) if error else None
        if trace is None and self._render is render_json and (line := self._plain(record)) is not None:
            return line
        record = self._redactor.clean_record(record, numbers=level != "debug")
        if trace is not None:
            # Its own lines are kept, so that it can be read; each is cleaned like any other text.
            lines = [self._redactor.clean_text(line, numbers=level != "debug") for line in trace.splitlines()]
            record["exception"] = "\n".join(lines)
        return self._render(record)

    def _time(self) -> str:
        """Now, as RFC 3339 with milliseconds; the text of a second is made once for all of its records."""
        second, millis = divmod(int(self._now() * 1e3), 1_000)
        of, text = self._second
        if of != second:
            text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self._second = second, text
        return f"{text}.{millis:03}Z"

    def _plain(self, record: Mapping[str, Any]) -> str | None:
        """The rendered record, if there is nothing in it that must be cleaned."""
        if not SECRET_FIELDS.isdisjoint(record):
            return None
        for value in record.values():
            if type(value) not in _PLAIN and not isinstance(value, str):
                return None
        try:
            line = msgspec.json.encode(record)
        except (TypeError, ValueError):  # a lone surrogate, an integer beyond 64 bits
            return None
        return line.decode("ascii") if self._redactor.looks_clean(line) else None

    def write(self, line: str) -> None:
        """Put one line out at once.

        A closed or broken stderr must not fail the call that was being logged, and there is nowhere left to say so.
        """
        try:
            with self._lock:
                self._stream.write(line + "\n")
                self._stream.flush()
        except (OSError, ValueError):
            return


class _Sink:
    """What structlog takes for a logger: it has a method for every level."""

    def __init__(self, pipeline: Pipeline, name: str | None = None) -> None:
        self.name = name
        self.debug = self.info = self.warning = self.error = self.critical = self.msg = self.log = pipeline.write


class _Bridge(logging.Handler):
    """Leads records of the standard library into the pipeline."""

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__()
        self._pipeline = pipeline

    def emit(self, record: logging.LogRecord) -> None:
        """Never raises, as the standard library asks of its handlers."""
        try:
            event = {**get_contextvars(), "event": record.getMessage(), "exc_info": record.exc_info}
        except Exception as error:  # a format that does not fit its arguments
            event = {"event": str(record.msg), "unformatted": str(error)}
        self._pipeline.write(self._pipeline.line(record.name, record.levelname.lower(), event))


def render_json(record: Mapping[str, Any]) -> str:
    """One JSON object."""
    return msgspec.json.encode(record).decode()


class Console:
    """Renders a record for people: local time, level, event, then the fields; a traceback below, each line marked."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour

    def __call__(self, record: Mapping[str, Any]) -> str:
        fields = dict(record)
        time_ = datetime.fromisoformat(fields.pop("timestamp")).astimezone().strftime("%H:%M:%S.%f")[:-3]
        level = str(fields.pop("level"))
        event, exception = fields.pop("event"), fields.pop("exception", None)
        fields.pop("logger", None)
        shown = f"\x1b[{_COLOURS.get(level, '0')}m{level:8}\x1b[0m" if self._colour else f"{level:8}"
        line = " ".join((time_, shown, str(event), *(f"{name}={_readable(value)}" for name, value in fields.items())))
        return line if exception is None else "\n  | ".join((line, *exception.splitlines()))


def _readable(value: object) -> str:
    if isinstance(value, str) and value and not any(sign in value for sign in ' "='):
        return value
    return msgspec.json.encode(value).decode()


def _trace(error: Any) -> str | None:
    """The traceback of `exc_info` in any of its forms; None where there is no exception."""
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]
    if not isinstance(error, BaseException):
        return None
    return "".join(traceback.format_exception(error))
