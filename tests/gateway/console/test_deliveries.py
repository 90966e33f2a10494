from sqlalchemy import insert

from gateway.access.audit import Wanted, find_entries
from gateway.access.roles import Role
from gateway.tables import deliveries
from gateway.webhooks.refusals import refusal_of
from tests.encrypted_run import needs_plain
from tests.gateway.api_fixtures import NOW
from tests.gateway.console_fixtures import Console

HOSTILE = '<img src=x onerror="alert(1)">\u202e\x07'


def given_quarantined(console: Console) -> None:
    """A delivery whose body could not be used, and that came again with another."""
    with console.api.database.transaction() as connection:
        connection.execute(
            insert(deliveries).values(
                endpoint="openai",
                webhook_id="wh_odd",
                received_at=NOW,
                verdict="quarantined",
                type=None,
                digest=b"d",
                repeats=3,
                conflicts=1,
                problem="the event has no call id",
                body=HOSTILE.encode() + b"\xff",
            )
        )


def refuse(console: Console, why: str, webhook_id: bytes = b"wh_bad") -> None:
    """A delivery that was turned away."""
    console.context.refusals.note(
        refusal_of(
            at=NOW,
            endpoint="openai",
            status=401,
            why=why,
            headers=[(b"webhook-id", webhook_id)],
            address="192.0.2.7",
        )
    )


async def test_an_engineer_finds_a_bad_signature(console: Console) -> None:
    refuse(console, "signature_mismatch")
    refuse(console, "unknown_endpoint", b"<script>")
    await console.sign_in_as(Role.EDITOR)
    assert "2 turned away at the door since this process started, 1 for a bad signature" in await console.see(
        "/deliveries"
    )
    seen = await console.see("/deliveries/refused?why=signature_mismatch")
    assert "No secret of this endpoint made this signature." in seen
    assert "wh_bad 192.0.2.7" in seen
    assert "<script>" not in (await console.client.get("/deliveries/refused")).text.partition("<main")[2]
    await console.see("/deliveries/refused?why=nonsense", 404)


@needs_plain
async def test_a_quarantined_body_is_shown_on_demand_escaped_and_noted(console: Console) -> None:
    given_quarantined(console)
    await console.sign_in_as(Role.EDITOR)
    assert "Quarantined Conflict unreadable at openai wh_odd – 3 ×" in await console.see(
        "/deliveries?verdict=quarantined&conflicting=true"
    )
    assert "onerror" not in await console.see("/deliveries/1")
    page = (await console.client.get("/deliveries/1?reveal=true")).text
    assert "&lt;img src=x onerror=&#34;" in page
    assert "U+202E" in page
    assert "\\xff" in page
    assert "<img" not in page
    with console.api.database.reader.connect() as connection:
        (look,) = find_entries(connection, Wanted(object="delivery:1"), limit=2)
    assert look.entry.action == "callers.reveal"


async def test_a_search_that_cannot_be_read_says_why(console: Console) -> None:
    await console.sign_in_as(Role.EDITOR)
    assert "since" in await console.see("/deliveries?since=yesterday", 422)
    assert "No delivery is like that" in await console.see("/deliveries?webhook_id=wh_9")


async def test_there_is_no_delivery_of_a_wrong_number(console: Console) -> None:
    await console.sign_in_as(Role.EDITOR)
    for number in ("7", "x", "9" * 30):
        await console.see(f"/deliveries/{number}", 404)
