"""What comes out of stderr: one record per event, with its context, without secrets."""

import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from enum import StrEnum

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.logs import QUIET, configure_logging
from gateway.settings import Endpoint, SecretStr, Settings

KEY = "sk-proj-canary0123456789"
log = structlog.get_logger("gateway.test")


class Stream(io.StringIO):
    """A stream that may pretend to be a terminal."""

    terminal = False

    def isatty(self) -> bool:
        return self.terminal

    def records(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


def is_ours(handler: logging.Handler) -> bool:
    return type(handler).__module__ == "gateway.logs"


@pytest.fixture
def configure() -> Iterator[Callable[..., Stream]]:
    """Configures logging for one test and undoes it."""
    root = logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in ("", *QUIET)}

    def configure(*, level="info", terminal=False, log_format=None, now=lambda: 1_790_000_000.5) -> Stream:
        stream = Stream()
        stream.terminal = terminal
        configured = Settings(
            endpoints={"openai": Endpoint(name="openai", api_key=SecretStr(KEY))}, log_format=log_format
        )
        configure_logging(configured, level=level, stream=stream, now=now)
        return stream

    yield configure
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers = [handler for handler in root.handlers if not is_ours(handler)]
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


class Verdict(StrEnum):
    NEW = "new"


def test_a_record_is_one_line_of_json_with_its_context(configure):
    stream = configure()
    with structlog.contextvars.bound_contextvars(call_id="rtc_1", webhook_id="wh_1"):
        log.info("call received", verdict=Verdict.NEW, revision=7, rule=None, ms=0.8)
    assert stream.getvalue().count("\n") == 1
    (record,) = stream.records()
    assert list(record)[:3] == ["timestamp", "level", "event"]
    assert record == {
        "timestamp": "2026-09-21T14:13:20.500Z",
        "level": "info",
        "event": "call received",
        "verdict": "new",
        "revision": 7,
        "rule": None,
        "ms": 0.8,
        "call_id": "rtc_1",
        "webhook_id": "wh_1",
        "logger": "gateway.test",
    }


def test_other_libraries_end_in_the_same_pipeline(configure):
    stream = configure()
    with structlog.contextvars.bound_contextvars(call_id="rtc_1"):
        logging.getLogger("uvicorn.error").warning("refused %s", "+14155550123")
        logging.getLogger("httpx").info("HTTP Request: POST …")  # a record per request says nothing new
    (record,) = stream.records()
    assert record["event"] == "refused +1415•••0123"
    assert (record["logger"], record["level"], record["call_id"]) == ("uvicorn.error", "warning", "rtc_1")


def test_a_message_that_does_not_fit_its_arguments_is_logged_all_the_same(configure):
    stream = configure()
    root = logging.getLogger()
    root.handlers = [handler for handler in root.handlers if is_ours(handler)]  # pytest's own would raise
    logging.getLogger("library").error("%d calls", "many")
    (record,) = stream.records()
    assert record["event"] == "%d calls"


@pytest.mark.parametrize("level", ["info", "warning", "error", "critical"])
def test_full_numbers_appear_at_debug_only(configure, level):
    stream = configure(level="debug")
    getattr(log, level)("call", caller="+14155550123")
    log.debug("call", caller="+14155550123")
    assert [record["caller"] for record in stream.records()] == ["+1415•••0123", "+14155550123"]


@pytest.mark.parametrize("level", ["debug", "info"])
def test_secrets_appear_at_no_level(configure, level):
    stream = configure(level="debug")
    getattr(log, level)(f"key {KEY}", error=ValueError(KEY), body=KEY.encode(), headers={"authorization": KEY})
    assert "canary" not in stream.getvalue()


def test_levels_below_the_chosen_one_are_dropped(configure):
    stream = configure(level="warning")
    log.info("not this")
    logging.getLogger("library").info("nor this")
    log.warning("this")
    assert [record["event"] for record in stream.records()] == ["this"]


def test_an_exception_is_part_of_its_record(configure):
    stream = configure()
    try:
        raise ValueError(f"+14155550123\nforged {KEY}")
    except ValueError as error:
        log.exception("one")
        log.error("two", exc_info=error)
        logging.getLogger("library").exception("three")
    log.error("four", exc_info=True)
    records = stream.records()
    assert [record["event"] for record in records] == ["one", "two", "three", "four"]
    for record in records[:3]:
        assert "ValueError: +1415•••0123\nforged [redacted]" in str(record["exception"])
    assert "exception" not in records[3]


def test_a_terminal_gets_readable_lines_and_a_file_gets_json(configure, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = configure(terminal=True)
    log.warning("call received", call_id="rtc_1", name='say "hi" now', rule=None)
    pattern = (
        r'\d\d:\d\d:20\.500 \x1b\[33mwarning \x1b\[0m call received call_id=rtc_1 name="say \\"hi\\" now" rule=null\n'
    )
    assert re.fullmatch(pattern, stream.getvalue())
    assert configure().getvalue() == ""


def test_colours_can_be_turned_off_and_formats_chosen(configure, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    stream = configure(terminal=True)
    log.info("x")
    assert "\x1b" not in stream.getvalue()
    stream = configure(terminal=True, log_format="json")
    log.info("x")
    assert stream.records()[0]["event"] == "x"
    stream = configure(log_format="console")
    log.info("x")
    assert stream.getvalue().endswith(" info     x\n")


def test_a_traceback_on_a_terminal_cannot_be_taken_for_records(configure):
    stream = configure(log_format="console")
    try:
        raise ValueError("a\n10:00:00.000 info     forged")
    except ValueError:
        log.exception("failed")
    first, *rest = stream.getvalue().splitlines()
    assert first.endswith("failed")
    assert all(line.startswith("  | ") for line in rest)


def test_a_broken_stderr_does_not_fail_the_call_that_is_logged(configure):
    stream = configure()
    stream.close()
    log.info("x")
    logging.getLogger("library").warning("x")


def test_the_last_configuration_counts_for_loggers_already_used(configure):
    first = configure()
    log.info("one")
    second = configure()
    log.info("two")
    logging.getLogger("library").warning("three")
    assert [record["event"] for record in first.records()] == ["one"]
    assert [record["event"] for record in second.records()] == ["two", "three"]


ACTING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ud800-\udfff]")
VALUES = st.one_of(
    st.text(max_size=20),
    st.text(alphabet="\n\r\x1b\x85\x9b\u202e\u2028\ud800a", max_size=8),
    st.binary(max_size=8),
    st.integers(),
    st.floats(),
    st.none(),
    st.lists(st.text(max_size=5), max_size=3),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
)


@pytest.mark.parametrize("log_format", ["json", "console"])
@given(event=st.text(max_size=20), fields=st.dictionaries(st.sampled_from(["caller", "rule", "why"]), VALUES))
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_event_is_one_line_without_characters_that_act(configure, log_format, event, fields):
    stream = configure(log_format=log_format)
    log.info(event, **fields)
    line, end = stream.getvalue()[:-1], stream.getvalue()[-1:]
    assert end == "\n"
    assert not ACTING.search(line)
    if log_format == "json":
        assert json.loads(line)["level"] == "info"
