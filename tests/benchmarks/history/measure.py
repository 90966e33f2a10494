"""What questions to a long history cost: each asked many times, at random places, and then all of that again.

The first time much of what is asked for may have to come from the disk; the second time it is in memory.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations
from random import Random
from typing import Any, Final

from sqlalchemy import Connection, text

from gateway.calls.contract import CallPage, call_of
from gateway.calls.facets import find_facets
from gateway.calls.history import find_calls
from gateway.calls.statistics import DAY, Span, find_groups
from gateway.calls.stats_contract import stats_of
from gateway.calls.tally import HOUR
from gateway.calls.wanted import Header, Position, Wanted
from gateway.collector import settle
from gateway.database import Database
from tests.benchmarks.history.build import NAMES, Built, Row

ASKED: Final = 100  # how often each question is asked, twice over
PAGE: Final = 50
DAYS_BACK: Final = 30  # statistics are asked for each of so many days

FILTERS: Final = ("state", "decision", "rule", "profile", "endpoint", "called", "caller", "country", "since")


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one question cost."""

    question: str
    target: float | None  # ms, at p95
    first: float  # ms, at p95, the first time
    p50: float  # ms, the second time
    p95: float
    cpu: float  # ms of this process's processor, at p95: what remains where others use the machine too
    short: int  # of 100 pages were not full and not the last


def ask_everything(database: Database, built: Built, on_question: Callable[[str], None]) -> list[Cost]:
    """Ask every page, search and sum that the API offers."""
    settle()  # as a serving gateway does
    rows = [row for row in built.rows if row.called and row.caller]
    found = []
    names = [(name,) for name in FILTERS] + list(combinations(FILTERS, 2)) + [("state", "rule", "country")]
    for filters in [(), *names]:
        on_question(" and ".join(filters) or "everything")
        found.append(_pages(database, " and ".join(filters) or "everything", 10, rows, _wanted(filters)))
    found += ask_searches(database, built, on_question)
    for question, target, sums in _sums(built):
        on_question(question)
        found.append(_timed(database, question, target, sums))
    return found


def ask_searches(database: Database, built: Built, on_question: Callable[[str], None]) -> list[Cost]:
    """Search for parts of numbers, names and headers."""
    rows, found = [row for row in built.rows if row.called and row.caller], []
    for question, make in _SEARCHES.items():
        on_question(question)
        most = 10 if question.startswith("header") else 100
        found.append(_pages(database, question, most, rows, make))
    return found


def _wanted(filters: tuple[str, ...]) -> Callable[[Row, Random], Wanted]:
    """Searches with values as calls have them; half of them take each value from another call."""

    def make(row: Row, random: Random) -> Wanted:
        values: dict[str, Any] = {
            "state": row.state,
            "decision": row.kind,
            "rule": row.rule,
            "profile": row.profile,
            "endpoint": row.endpoint,
            "called": row.called,
            "caller": row.caller,
            "country": row.country,
            "since": row.received_at,
        }
        return Wanted(**{name: values[name] for name in filters})

    return make


_SEARCHES: Final[dict[str, Callable[[Row, Random], Wanted]]] = {
    "caller begins (7 signs)": lambda row, random: Wanted(caller=f"{row.caller[:7]}*"),
    "caller begins (10 signs)": lambda row, random: Wanted(caller=f"{row.caller[:10]}*"),
    "called begins (9 signs)": lambda row, random: Wanted(called=f"{row.called[:9]}*"),
    "caller has (4 digits)": lambda row, random: Wanted(caller=f"*{row.caller[5:9]}*"),
    "caller has (6 digits)": lambda row, random: Wanted(caller=f"*{row.caller[4:10]}*"),
    "caller ends (4 digits)": lambda row, random: Wanted(caller=f"*{row.caller[-4:]}"),
    "called has (5 digits)": lambda row, random: Wanted(called=f"*{row.called[-5:]}*"),
    "any digits (5, often none)": lambda row, random: Wanted(caller=f"*{random.randrange(100_000):05}*"),
    "text: a name": lambda row, random: Wanted(q=random.choice(NAMES)),
    "text: part of a number": lambda row, random: Wanted(q=row.caller[3:10]),
    "text: a call id": lambda row, random: Wanted(q=row.call_id[:12]),
    "text and state": lambda row, random: Wanted(q=row.caller[4:9], state=row.state),
    "header": lambda row, random: Wanted(header=Header("x-tenant", "acme")),
    "header, rare, and rule": lambda row, random: Wanted(header=Header("X-Tenant", "nobody"), rule=row.rule),
}


def _pages(
    database: Database, question: str, target: float, rows: list[Row], make: Callable[[Row, Random], Wanted]
) -> Cost:
    """First pages, and pages from the middle of history."""
    random, asked = Random(question), []
    for number in range(ASKED):
        wanted = make(random.choice(rows), random)
        if number % 3 == 0:  # values that may not go together
            wanted = _mixed(wanted, make(random.choice(rows), random))
        after = Position(random.choice(rows).received_at, 2**62) if number % 2 and wanted.since is None else None
        asked.append((wanted, after))
    short = 0

    def ask(connection: Connection, number: int) -> None:
        nonlocal short
        wanted, after = asked[number]
        found, following = find_calls(connection, wanted, limit=PAGE, after=after)
        CallPage(items=[call_of(call) for call in found]).model_dump_json()
        short += len(found) < PAGE and following is not None

    return replace(_timed(database, question, target, ask), short=short * 100 // (2 * ASKED + 1))


def _mixed(one: Wanted, other: Wanted) -> Wanted:
    """A search with values of two calls."""
    names = [name for name in FILTERS if getattr(one, name) is not None]
    return replace(one, **{name: getattr(other, name) for name in names[:1]})


def _sums(built: Built) -> list[tuple[str, float | None, Callable[[Connection, int], object]]]:
    until = built.last + -built.last % HOUR
    day, month = Span(since=until - DAY, until=until), Span(since=until - 30 * DAY, until=until)

    def stats(by: str, span: Span) -> Callable[[Connection, int], object]:
        def ask(connection: Connection, number: int) -> str:
            back = number % DAYS_BACK * DAY
            asked = replace(span, since=span.since - back, until=span.until - back)
            return stats_of(by, asked, find_groups(connection, by, asked)).model_dump_json()

        return ask

    return [
        ("statistics of a day by the hour", 50, stats("hour", day)),
        ("statistics of a day by rule", 50, stats("rule", day)),
        ("statistics of a day by the hour, one rule", 50, stats("hour", replace(day, rule="rule-3"))),
        ("statistics of 30 days by day", None, stats("day", month)),
        ("statistics of 30 days by rule", None, stats("rule", month)),
        ("facets of everything", 100, lambda connection, _: find_facets(connection, Wanted())),
        ("facets of a state", 100, lambda connection, _: find_facets(connection, Wanted(state="rejected"))),
    ]


def _timed(database: Database, question: str, target: float | None, ask: Callable[[Connection, int], object]) -> Cost:
    def asked() -> tuple[list[float], list[float]]:
        times, cpu = [], []
        for number in range(ASKED):
            started, worked = time.perf_counter(), time.thread_time()
            ask(connection, number)
            times.append(time.perf_counter() - started)
            cpu.append(time.thread_time() - worked)
        return times, cpu

    with database.reader.connect() as connection:
        ask(connection, 0)  # its statements are compiled
        first, _ = asked()
        times, cpu = asked()
    return Cost(
        question=question,
        target=target,
        first=_percentile(first, 95),
        p50=_percentile(times, 50),
        p95=_percentile(times, 95),
        cpu=_percentile(cpu, 95),
        short=0,
    )


def _percentile(seconds: list[float], percent: int) -> float:
    """In ms."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1e3


def sizes(database: Database, count: int) -> dict[str, float]:
    """Bytes per call: of tables with their indexes, and altogether."""
    with database.reader.connect() as connection:
        if database.is_sqlite:
            pages = connection.execute(text("PRAGMA page_count")).scalar_one()
            pages -= connection.execute(text("PRAGMA freelist_count")).scalar_one()
            return {"altogether": pages * connection.execute(text("PRAGMA page_size")).scalar_one() / count}
        tables = ("calls", "call_facts", "events", "call_grams", "hourly", "hourly_by_rule")
        found = {
            name: connection.execute(text(f"SELECT pg_total_relation_size('{name}')")).scalar_one() / count
            for name in tables
        }
    return {**found, "altogether": sum(found.values())}
