from gateway.access.roles import Role
from tests.gateway.api_fixtures import NOW, Api, a_call, given_calls

STATS = "/api/v1/calls/stats"
HOUR = 3_600_000_000


async def test_statistics_by_the_hour_are_those_of_the_last_day(api: Api) -> None:
    given_calls(
        api.database,
        a_call("rtc_1", received_at=NOW - 30 * HOUR),
        a_call("rtc_2", received_at=NOW - 2 * HOUR, state="ignored"),
        a_call("rtc_3"),
    )
    told = (await api.client.get(STATS)).json()
    assert (told["by"], told["since"], told["until"]) == (
        "hour",
        "2026-09-20T14:00:00.000Z",
        "2026-09-21T15:00:00.000Z",
    )
    assert [(item["key"], item["calls"], item["under_way"]) for item in told["items"]] == [
        ("2026-09-21T12:00:00.000Z", 1, 0),
        ("2026-09-21T14:00:00.000Z", 1, 1),
    ]
    assert told["total"]["states"] == {"accepting": 1, "ignored": 1}


async def test_statistics_are_grouped_and_filtered(api: Api) -> None:
    given_calls(
        api.database,
        a_call("rtc_1", state="ignored", rule=None),
        a_call("rtc_2", state="ignored", rule="b"),
        a_call("rtc_3", state="expired", rule="b", endpoint="berlin"),
    )
    by_rule = (await api.client.get(f"{STATS}?by=rule")).json()
    assert [(item["key"], item["calls"]) for item in by_rule["items"]] == [("b", 2), (None, 1)]
    filtered = (await api.client.get(f"{STATS}?by=endpoint&rule=b&state=expired&decision=accept")).json()
    assert [(item["key"], item["calls"]) for item in filtered["items"]] == [("berlin", 1)]
    assert (await api.client.get(f"{STATS}?by=day&until=2026-09-01T00:00:00Z")).json()["items"] == []


async def test_more_hours_than_anyone_reads_are_refused(api: Api) -> None:
    refused = await api.client.get(f"{STATS}?by=hour&since=2025-01-01T00:00:00Z")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/since"
    assert (await api.client.get(f"{STATS}?by=day&since=2025-01-01T00:00:00Z")).status_code == 200


async def test_every_role_reads_statistics(api: Api) -> None:
    for role in Role:
        assert (await api.client.get(STATS, headers=api.as_(role))).status_code == 200
