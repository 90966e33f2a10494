"""A long history: calls as a contact center has them, put into a database as fast as it takes them.

Indexes, and on PostgreSQL constraints, are made after the rows; the sums and the grams by the gateway's own functions.
Nothing differs from one run to the next.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from operator import attrgetter
from random import Random
from typing import Final, NamedTuple

import psycopg
from sqlalchemy import Dialect, bindparam, func, select, text, update
from sqlalchemy.schema import CreateIndex

from gateway.actions.plan import Plan, Step, digest
from gateway.calls.grams import as_words, grams_of
from gateway.calls.rollups import add
from gateway.calls.store import insert_plans, pack_facts
from gateway.calls.tally import HOUR, NOTHING, Bucket, Counted, Sums, plus, share_of
from gateway.database import Database
from gateway.tables import call_facts, call_grams, calls, events, watermarks

START: Final = 1_780_000_000_000_000 // HOUR * HOUR
DAYS: Final = 90
BATCH: Final = 10_000

# Calls whose values searches use.
SAMPLE: Final = 2_000

PLAN: Final = Plan((Step(kind="accept", body=b"{}", profile="sales"), Step(kind="reject", body=b"{}", status=503)))

# A quiet night, a busy morning: how the calls of a day fall on its hours.
HOURS: Final = (2, 1, 1, 1, 2, 4, 10, 30, 70, 90, 95, 85, 70, 80, 85, 80, 70, 55, 40, 30, 20, 12, 8, 4)

# Country, its share, its prefix, and how many digits follow.
COUNTRIES: Final = (
    ("US", 50, "+1212", 7),
    ("DE", 25, "+4930", 7),
    ("GB", 12, "+4420", 8),
    ("FR", 8, "+331", 8),
    ("PL", 4, "+4822", 7),
    ("MT", 1, "+3562", 7),
)
NAMES: Final = tuple(f"{first} {last}" for first in ("Ann", "Bob", "Carla", "Dinh", "Eva", "Femi") for last in
    ("Meyer", "Smith", "Nguyen", "Okafor", "Rossi", "Kowalska", "Dubois", "Larsen", "Haddad", "Silva"))  # fmt: skip
RULES: Final = 200
PROFILES: Final = 12
NUMBERS: Final = 500

# State, its share, the decision that leads to it.
OUTCOMES: Final = (
    ("ended", 700, "accept"),
    ("rejected", 140, "reject"),
    ("referred", 90, "refer"),
    ("gone", 40, "accept"),
    ("accepted", 20, "accept"),
    ("expired", 6, "accept"),
    ("failed", 3, "accept"),
    ("lost", 1, "accept"),
)


class Row(NamedTuple):
    """The columns of a call that are filled."""

    id: int
    call_id: str
    endpoint: str
    state: str
    confirmed: bool
    kind: str
    rule: str | None
    revision: int
    reason: str
    profile: str | None
    status: int | None
    target: str | None
    called: str
    caller: str
    caller_name: str | None
    country: str
    media: str
    received_at: int
    decided_at: int
    answered_at: int | None
    ended_at: int | None
    attempts: int
    plan: bytes
    usage: str | None


@dataclass(frozen=True, kw_only=True)
class Built:
    """What was made."""

    rows: list[Row]  # a sample, to search for what is there
    last: int  # when the last call was received


def provide(database: Database, count: int, on_progress: Callable[[int], None] = lambda calls: None) -> Built:
    """The history of `count` calls in this database, which is built where there is none. Exits for another one."""
    with database.reader.connect() as connection:
        done = connection.execute(select(watermarks.c.id).where(watermarks.c.name == "search")).scalar() or 0
        empty = connection.execute(select(calls.c.id).limit(1)).first() is None
    if not empty and done != count:
        there = f"{done:,} calls, not {count:,}" if done else "a history that was not built to its end"
        raise SystemExit(f"{database.url} holds {there}. Ask for as many, or name another place.")
    if empty:
        _build(database, count, on_progress)
    return _found(database, count)


def _found(database: Database, count: int) -> Built:
    with database.reader.connect() as connection:
        sample = range(1, count + 1, max(1, count // SAMPLE))
        one = select(*(calls.c[name] for name in Row._fields)).where(calls.c.id == bindparam("call"))
        rows = [Row._make(connection.execute(one, {"call": call}).one()) for call in sample]
        last = connection.execute(select(func.max(calls.c.received_at))).scalar_one()
    return Built(rows=rows, last=last)


def _build(database: Database, count: int, on_progress: Callable[[int], None]) -> None:
    """Fill an empty database; a load that fails is begun anew."""
    with database.transaction() as connection:
        insert_plans(connection, {digest(PLAN.encode()): PLAN.encode()})
    load = _load_sqlite if database.is_sqlite else _load_postgresql
    added = load(database, count, on_progress)
    with database.transaction() as connection:
        if not database.is_sqlite:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
        add(connection, added)
        connection.execute(update(watermarks).where(watermarks.c.name == "search").values(id=count))
    if not database.is_sqlite:
        with psycopg.connect(autocommit=True, **database.connect_arguments()) as vacuum:
            vacuum.execute("SET statement_timeout = 0")
            vacuum.execute("VACUUM ANALYZE")
            vacuum.execute("SELECT setval('calls_id_seq', %s)", (count,))
            vacuum.execute("SELECT setval('events_id_seq', %s)", (3 * count,))


def _batches(count: int, added: dict[Bucket, Sums]) -> Iterator[list[Row]]:
    """The rows, in batches; what they add to the sums is put into `added`."""
    batch: list[Row] = []
    for row in _rows(count):
        if (share := share_of(Counted._make(_COUNTED(row)))) is not None:
            added[share[0]] = plus(added.get(share[0], NOTHING), share[1])
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _load_sqlite(database: Database, count: int, on_progress: Callable[[int], None]) -> dict[Bucket, Sums]:
    facts, added = _facts(), dict[Bucket, Sums]()
    indexes = [index for table in (calls, call_facts, events) for index in table.indexes]
    database.writer.dispose()
    database.reader.dispose()
    raw = sqlite3.connect(str(database.url.database), isolation_level=None)
    raw.execute("PRAGMA journal_mode=OFF")
    raw.execute("PRAGMA synchronous=OFF")
    raw.execute("PRAGMA cache_size=-500000")  # the index of call ids, which come in no order
    raw.execute("PRAGMA temp_store=MEMORY")
    for index in indexes:
        raw.execute(f"DROP INDEX {index.name}")
    marks = ", ".join("?" * len(Row._fields))
    statement = f"INSERT INTO calls ({', '.join(Row._fields)}) VALUES ({marks})"
    for batch in _batches(count, added):
        raw.execute("BEGIN")
        raw.executemany(statement, batch)
        raw.executemany("INSERT INTO call_facts VALUES (?, ?)", [(row.id, facts[row.id % len(facts)]) for row in batch])
        raw.executemany(
            "INSERT INTO events (id, call, at, kind, state, detail) VALUES (?, ?, ?, ?, ?, ?)",
            [line for row in batch for line in _events(row)],
        )
        raw.executemany(
            "INSERT INTO call_grams (rowid, grams) VALUES (?, ?)", [(row.id, as_words(_grams(row))) for row in batch]
        )
        raw.execute("COMMIT")
        on_progress(len(batch))
    for index in indexes:
        raw.execute(str(CreateIndex(index).compile(dialect=database.writer.dialect)))
    raw.close()
    return added


def _load_postgresql(database: Database, count: int, on_progress: Callable[[int], None]) -> dict[Bucket, Sums]:
    """All in one transaction: rows of a table that was emptied in it are frozen at once, and need no log."""
    facts, added = _facts(), dict[Bucket, Sums]()
    with psycopg.connect(**database.connect_arguments()) as raw:
        raw.execute("SET statement_timeout = 0")
        raw.execute("SET maintenance_work_mem = '1GB'")
        raw.execute("SET max_parallel_maintenance_workers = 2")
        again = _dropped(raw, database.writer.dialect)
        raw.execute("TRUNCATE calls, call_facts, events, call_grams")
        for batch in _batches(count, added):
            _copy(raw, f"calls ({', '.join(Row._fields)})", batch)
            _copy(raw, "call_facts", [(row.id, facts[row.id % len(facts)]) for row in batch])
            _copy(raw, "events (id, call, at, kind, state, detail)", [x for row in batch for x in _events(row)])
            _copy(raw, "call_grams", [(row.id, f"{{{','.join(map(str, _grams(row)))}}}") for row in batch])
            on_progress(len(batch))
        for statement in again:
            raw.execute(statement.encode())
    return added


def _dropped(connection: psycopg.Connection, dialect: Dialect) -> list[str]:
    """Drop the indexes and constraints of the tables that are filled; the statements that make them again."""
    constraints = connection.execute(_CONSTRAINTS).fetchall()
    indexes = [index for table in (calls, call_facts, events, call_grams) for index in table.indexes]
    for table, name, _ in reversed(constraints):
        connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'.encode())
    for index in indexes:
        connection.execute(f"DROP INDEX {index.name}".encode())
    return [
        *(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}' for table, name, definition in constraints),
        *(str(CreateIndex(index).compile(dialect=dialect)) for index in indexes),
    ]


def _grams(row: Row) -> list[int]:
    """What `gateway.calls.grams.grams_of_call` makes of a call; called numbers and names come again and again."""
    known = _known_grams("called", row.called) | _known_grams("caller_name", row.caller_name or "")
    return sorted(known | grams_of("caller", row.caller))


@cache
def _known_grams(field: str, text: str) -> frozenset[int]:
    return frozenset(grams_of(field, text))


def _copy(connection: psycopg.Connection, into: str, rows: Sequence[tuple[object, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN (FREEZE)".encode()) as copy:
        for row in rows:
            copy.write_row(row)


def _rows(count: int) -> Iterator[Row]:
    random = Random(5)
    made = 0
    per_day = count / DAYS
    whole = sum(HOURS)
    for day in range(DAYS + 1):
        for hour in range(24):
            due = min(count, round(per_day * (day + sum(HOURS[: hour + 1]) / whole)))
            begin = START + (day * 24 + hour) * HOUR
            for at in sorted(random.randrange(HOUR) for _ in range(due - made)):
                made += 1
                yield _row(random, made, begin + at)
    while made < count:
        made += 1
        yield _row(random, made, START + (DAYS + 1) * 24 * HOUR + made)


def _row(random: Random, number: int, at: int) -> Row:
    state, _, kind = random.choices(OUTCOMES, cum_weights=_OUTCOME_WEIGHTS)[0]
    country, _, prefix, digits = random.choices(COUNTRIES, cum_weights=_COUNTRY_WEIGHTS)[0]
    # Most callers call once or twice, some every day.
    person = random.randrange(5_000) if random.random() < 0.2 else random.randrange(10**digits)
    line = min(int(random.paretovariate(0.7)) - 1, NUMBERS - 1)
    answered = state in ("ended", "accepted", "referred")
    answered_at = at + round(random.lognormvariate(12.5, 0.6)) if answered else None
    talk = round(random.expovariate(1 / 180e6)) if answered else 0
    over = state != "accepted"
    return Row(
        id=number,
        call_id=f"rtc_past{random.getrandbits(112):028x}",
        endpoint=("openai", "openai", "openai", "berlin", "azure")[number % 5],
        state=state,
        confirmed=answered,
        kind=kind,
        rule=f"rule-{line % RULES}" if line % 40 != 39 else None,
        revision=number // 100_000,
        reason="rule_matched",
        profile=f"profile-{line % PROFILES}" if kind == "accept" else None,
        status=486 if kind == "reject" else None,
        target="tel:+4930123456" if kind == "refer" else None,
        called=f"+155512{30_000 + line:05}",
        caller=f"{prefix}{person:0{digits}}" if random.random() < 0.97 else "",
        caller_name=random.choice(NAMES) if random.random() < 0.6 else None,
        country=country,
        media="srtp",
        received_at=at,
        decided_at=at,
        answered_at=answered_at,
        ended_at=(answered_at or at) + talk if over else None,
        attempts=1,
        plan=_PLAN,
        usage='{"total_tokens":900,"input_tokens":700,"output_tokens":200}' if answered and over else None,
    )


def _events(row: Row) -> list[tuple[object, ...]]:
    number = 3 * row.id
    detail = '{"command":"accept","attempt":1,"result":"done","ms":12.5,"status":200}'
    return [
        (number - 2, row.id, row.received_at, "arrived", "decided", None),
        (number - 1, row.id, row.received_at, "accept_started", "accepting", None),
        (number, row.id, row.received_at + 20_000, "succeeded", row.state, detail),
    ]


def _facts() -> list[bytes]:
    """Packed facts of a thousand different calls."""
    random = Random(6)
    return [
        pack_facts(
            {
                "headers": [
                    ("From", f'"{random.choice(NAMES)}" <sip:+1{random.randrange(10**10)}@example.pstn.twilio.com>'),
                    ("To", "<sip:proj_abc@sip.api.openai.com;transport=tls>"),
                    ("Call-ID", f"{random.getrandbits(128):032x}@10.0.0.1"),
                    ("X-Twilio-CallSid", f"CA{random.getrandbits(128):032x}"),
                    ("X-Tenant", random.choice(("acme", "globex", "initech"))),
                    ("User-Agent", "Twilio Gateway"),
                    ("Diversion", f"<sip:+15551230{random.randrange(1000):03}@twilio.com>;reason=unconditional"),
                ],
                "called_uri": "proj_abc@sip.api.openai.com",
                "caller_uri": "+1@example.pstn.twilio.com",
                "anonymous": False,
                "attestation": "A",
            }
        )
        for _ in range(1_000)
    ]


# Those of the tables that are filled, and those that lead to them: a foreign key after what it leads to.
_CONSTRAINTS: Final = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE ARRAY[conrelid, confrelid] && ARRAY['calls', 'call_facts', 'events', 'call_grams']::regclass[]::oid[]
    ORDER BY contype = 'f'
"""
_COUNTED: Final = attrgetter(*Counted._fields)
_PLAN: Final = digest(PLAN.encode())
_OUTCOME_WEIGHTS: Final = list(accumulate(share for _, share, _ in OUTCOMES))
_COUNTRY_WEIGHTS: Final = list(accumulate(share for _, share, _, _ in COUNTRIES))
