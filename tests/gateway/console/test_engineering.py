import pytest

from gateway.console.engineering import REMEDIES
from gateway.database import Database
from gateway.webhooks.inbox import Arrival, NewDelivery, Verdict, store_arrivals
from gateway.webhooks.refused import Refusal
from tests.gateway.api_fixtures import NOW
from tests.gateway.console_fixtures import Console


def deliver(database: Database, webhook_id: str, **changes: object) -> None:
    """Store a delivery as the webhook door would."""
    row: NewDelivery = {
        "endpoint": "openai",
        "webhook_id": webhook_id,
        "received_at": NOW,
        "verdict": Verdict.IGNORED,
        "type": "realtime.call.other",
        "call_id": None,
        "digest": webhook_id.encode(),
        "problem": None,
        "body": None,
    }
    row.update(changes)  # type: ignore[typeddict-item]
    with database.transaction() as connection:
        store_arrivals(connection, [Arrival(delivery=row)])


async def test_a_quarantined_body_is_shown_as_text(console: Console) -> None:
    body = b'{"x": "<script>alert(1)</script>\xff\xe2\x80\xae"}'
    deliver(console.api.database, "wh_1", verdict=Verdict.QUARANTINED, type=None, problem="no call id", body=body)
    await console.sign_in()
    html = (await console.client.get("/deliveries")).text
    assert "no call id" in html
    assert "<script>alert" not in html
    assert "U+202E" in html


async def test_deliveries_are_listed_by_verdict_in_pages(console: Console) -> None:
    for number in range(3):
        deliver(console.api.database, f"wh_{number}", received_at=NOW + number)
    await console.sign_in()
    first = (await console.client.get("/deliveries?limit=2")).text
    assert "wh_2" in first
    assert "wh_0" not in first
    older = first.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
    assert "wh_0" in await console.see(older)
    assert "No deliveries like that" in await console.see("/deliveries?verdict=late")


async def test_refusals_say_what_to_do(console: Console) -> None:
    for _ in range(3):
        console.context.refusals.add(Refusal(at=NOW, endpoint="openai", status=401, why="signature_mismatch"))
    await console.sign_in()
    seen = await console.see("/deliveries")
    assert "signature mismatch 3 to openai" in seen
    assert REMEDIES["signature_mismatch"] in seen


async def test_endpoints_say_what_they_lack(console: Console) -> None:
    await console.sign_in()
    seen = await console.see("/endpoints")
    assert "/webhooks/openai" in seen
    assert "Not ready" in seen


async def test_an_empty_outbox_says_so(console: Console) -> None:
    await console.sign_in()
    assert "Everything is sent" in await console.see("/outbox")


@pytest.mark.parametrize("path", ["/deliveries?cursor=x", "/audit?cursor=x"])
async def test_a_mangled_cursor_is_refused(console: Console, path: str) -> None:
    await console.sign_in()
    assert "is not a cursor" in await console.see(path, 422)
