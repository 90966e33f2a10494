"""A small history and searches of it, for the tests of everything that searches."""

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from gateway.calls.history import RecordedCall, find_calls
from gateway.calls.remark import Said
from gateway.calls.store import insert_transcripts
from gateway.calls.wanted import Header, Position, Wanted
from gateway.database import Database
from tests.gateway.api_fixtures import NOW, a_call

STATES = ("accepted", "rejected", "failed")
CALLED = ("+15551230000", "+15551230001", "+4930901820", "sales", "")
CALLERS = ("+14155550100", "+14155550199", "")
RULES = ("sales-open", "blocked", None)


def a_history() -> Iterator[Any]:
    """Sixty calls that differ in everything, several in each microsecond."""
    for number in range(60):
        yield a_call(
            f"rtc_{number:02}",
            received_at=NOW + number // 3,
            state=STATES[number % 3],
            called=CALLED[number % 5],
            caller=CALLERS[number % 3 - number % 2],
            rule=RULES[number % 7 % 3],
            kind=("accept", "reject")[number % 2],
            profile=(None, "sales", "support")[number % 4 % 3],
            endpoint=("openai", "berlin")[number % 11 % 2],
            caller_name=(None, "Ann", "Bob_100%", "Zoë")[number % 13 % 4],
        )


def given_words(database: Database, call: int, *texts: str) -> None:
    """Let the caller and the model speak in turns."""
    said = [Said(at=NOW + n, speaker=("caller", "model")[n % 2], text=text) for n, text in enumerate(texts)]
    with database.transaction() as connection:
        insert_transcripts(connection, [(call, words) for words in said])


def all_pages(
    database: Database, wanted: Wanted, *, limit: int, window: int = 50_000, few: int = 10_000
) -> list[RecordedCall]:
    found: list[RecordedCall] = []
    after: Position | None = None
    with database.reader.connect() as connection:
        for _ in range(200):
            page, after = find_calls(connection, wanted, limit=limit, after=after, window=window, few=few)
            assert len(page) <= limit
            found += page
            if after is None:
                return found
    raise AssertionError("the pages never end")


wishes = st.builds(
    Wanted,
    state=st.none() | st.sampled_from(STATES),
    decision=st.none() | st.sampled_from(["accept", "reject", "refer"]),
    rule=st.none() | st.sampled_from(["sales-open", "blocked", "nothing", ""]),
    profile=st.none() | st.sampled_from(["sales", "support", "x", ""]),
    endpoint=st.none() | st.sampled_from(["openai", "berlin"]),
    called=st.none() | st.sampled_from([*CALLED, "+1555*", "+*", "*", "+4930*", "s*", "+9*", "*3000*", "*ALE*", "*1"]),
    caller=st.none() | st.sampled_from([*CALLERS, "+1415555*", "+14155550199*", "*5550*", "*019*", "*99"]),
    country=st.none() | st.sampled_from(["US", "DE", ""]),
    header=st.none() | st.sampled_from([Header("x-tenant", "acme"), Header("X-Tenant", "z*"), Header("To", None)]),
    since=st.none() | st.integers(NOW - 1, NOW + 21),
    until=st.none() | st.integers(NOW - 1, NOW + 21),
    q=st.none()
    | st.sampled_from(
        ["rtc_1", "rtc_11", "ann", "NN", "555", "_", "%", "0%", "\\", "zoë", "tc_1", "refund", "ß", "ay, an"]
    ),
)
