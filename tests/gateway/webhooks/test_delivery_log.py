"""The log of deliveries, on both databases."""

from typing import Any

from sqlalchemy import insert

from gateway.database import Database
from gateway.tables import deliveries
from gateway.webhooks.delivery_log import Found, WantedDeliveries, find_deliveries, find_delivery
from tests.encrypted_run import needs_plain

ENDPOINTS = ("openai", "berlin")


def given(database: Database, *rows: dict[str, Any]) -> None:
    """Store deliveries, in this order."""
    with database.transaction() as connection:
        for number, row in enumerate(rows, 1):
            connection.execute(
                insert(deliveries).values(
                    **{
                        "endpoint": "openai",
                        "webhook_id": f"wh_{number}",
                        "received_at": number,
                        "verdict": "new",
                        "type": "realtime.call.incoming",
                        "call_id": f"rtc_{number}",
                        "digest": b"d",
                        **row,
                    }
                )
            )


def find(database: Database, limit: int = 10, before: int | None = None, look_at: int = 50_000, **wanted: Any) -> Found:
    asked = WantedDeliveries(**wanted)
    with database.reader.connect() as connection:
        return find_deliveries(connection, asked, endpoints=ENDPOINTS, limit=limit, before=before, look_at=look_at)


def ids(found: Found) -> list[str]:
    return [one.webhook_id for one in found.deliveries]


FILTERS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "everything": ({}, ["wh_4", "wh_3", "wh_2", "wh_1"]),
    "an endpoint": ({"endpoint": "berlin"}, ["wh_2"]),
    "a verdict": ({"verdict": "quarantined"}, ["wh_3"]),
    "a webhook id": ({"webhook_id": "wh_2"}, ["wh_2"]),
    "came again": ({"repeated": True}, ["wh_4", "wh_1"]),
    "with another body": ({"conflicting": True}, ["wh_4"]),
    "a span of time": ({"since": 2, "until": 4}, ["wh_3", "wh_2"]),
    "several at once": ({"repeated": True, "until": 4}, ["wh_1"]),
    "nothing since": ({"since": 99}, []),
}


@needs_plain
def test_each_filter_finds_its_deliveries(database: Database) -> None:
    given(
        database,
        {"repeats": 2},
        {"endpoint": "berlin"},
        {"verdict": "quarantined", "problem": "no call id", "body": b"{}", "type": None, "call_id": None},
        {"repeats": 1, "conflicts": 1},
    )
    for name, (wanted, expected) in FILTERS.items():
        assert ids(find(database, **wanted)) == expected, name
        assert find(database, **wanted).before is None, name


def test_pages_go_on_where_the_one_before_ended(database: Database) -> None:
    given(database, *[{} for _ in range(5)])
    first = find(database, limit=2)
    assert (ids(first), first.before) == (["wh_5", "wh_4"], 4)
    last = find(database, limit=3, before=first.before)
    assert (ids(last), last.before) == (["wh_3", "wh_2", "wh_1"], None)


def test_a_look_goes_only_so_far_and_says_where_to_go_on(database: Database) -> None:
    given(database, {"verdict": "late"}, {}, {}, {})
    first = find(database, verdict="late", look_at=2)
    assert (ids(first), first.before) == ([], 3)
    second = find(database, verdict="late", look_at=2, before=first.before)
    assert (ids(second), second.before) == (["wh_1"], None)
    assert find(database, verdict="late", look_at=2, since=3).before is None


@needs_plain
def test_a_delivery_is_found_with_its_body(database: Database) -> None:
    given(database, {"verdict": "quarantined", "problem": "no call id", "body": b"\x00{"})
    with database.reader.connect() as connection:
        found = find_delivery(connection, 1)
        assert find_delivery(connection, 2) is None
    assert found is not None
    assert (found[0].problem, found[1]) == ("no call id", b"\x00{")
