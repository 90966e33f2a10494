"""Searches where numbers, names and words are sealed: the same calls as without, but for parts of words."""

from pathlib import Path

from gateway.calls import search, transcripts
from gateway.calls.facets import find_facets
from gateway.calls.grams import has_words, words_of
from gateway.calls.history import RecordedCall
from gateway.calls.wanted import Header, Wanted, mentions, passes
from gateway.database import Database
from tests.gateway.api_fixtures import NOW, given_calls
from tests.gateway.calls.histories import a_history, all_pages, given_words
from tests.gateway.sealing import NEW, OLD, bring_all, opened

WISHES = (
    *(Wanted(called=text) for text in ("+15551230000", "", "+1555*", "*3000*", "*ALE*", "*1", "+9*", "*")),
    *(Wanted(caller=text) for text in ("+14155550100", "+14155550199", "+1415555*", "*5550*", "*99", "+19")),
    Wanted(caller="+14155550100", called="*555*", state="rejected", since=NOW + 3, until=NOW + 15),
    Wanted(called="+15551230000", caller="+14155550199", rule="blocked"),
    Wanted(called="*0901*", header=Header("x-tenant", "acme")),
    *(Wanted(q=text) for text in ("rtc_1", "555", "ANN", "zoë", "nn", "bob_100", "refund", "my refund", "fund", "%")),
)
SAID = "Where is my refund?"


def fill(database: Database, upto: int = 1_000) -> None:
    with database.transaction() as connection:
        for index, read in (
            (search.INDEX, search.read_unindexed),
            (transcripts.INDEX, transcripts.read_unindexed_lines),
        ):
            if (found := read(connection, upto, 1_000)) is not None:
                index.store(connection, [found])


def expected(wanted: Wanted, calls: list[RecordedCall]) -> list[RecordedCall]:
    """What a search must find, by a look at every call; the refund was spoken of in the first two."""
    if wanted.q is None:
        return [call for call in calls if passes(call, wanted)]
    words = words_of(wanted.q)
    found = []
    for call in calls:
        said = has_words(SAID, words) and call.call_id in ("rtc_00", "rtc_01")
        named = has_words(call.caller_name or "", words)
        nameless = mentions(call, wanted.q) and wanted.q.lower() not in (call.caller_name or "").lower()
        if said or named or nameless:
            found.append(call)
    return found


def test_pages_hold_what_was_asked_for_whatever_the_keys_and_the_indexes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    database = opened(url, OLD, at=1)
    ids = given_calls(database, *a_history())
    for call_id in ("rtc_00", "rtc_01"):
        given_words(database, ids[call_id], "Hello", SAID)
    everything = all_pages(database, Wanted(), limit=100)
    for step in ("behind", "indexed", "under two keys", "brought"):
        if step == "indexed":
            fill(database)
        elif step == "under two keys":
            database.close()
            database = opened(url, NEW, OLD, at=2)
            bring_all(database, limit=10, most=5)
        elif step == "brought":
            bring_all(database)
            fill(database)
        for wanted in WISHES:
            for few in (1, 10_000):
                found = all_pages(database, wanted, limit=7, window=20, few=few)
                bare = expected(wanted, everything)
                if wanted.header is not None:
                    bare = [call for call in everything if "0901" in call.called]
                assert [call.call_id for call in found] == [call.call_id for call in bare], (step, wanted, few)
    with database.reader.connect() as connection:
        facets = find_facets(connection, Wanted(called="*0901*"))
    assert (facets.calls, facets.more, sum(facets.counts["state"].values())) == (12, False, 12)
    database.close()
