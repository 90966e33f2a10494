"""Commands during a call, over the API."""

from typing import Any

import pytest
from sqlalchemy import select

from gateway.access.roles import Role
from gateway.tables import actions, audit, calls
from tests.gateway.api_fixtures import Api, a_call, given_calls

CALLS = "/api/v1/calls"


def rows(api: Api, table: Any) -> list[Any]:
    with api.database.reader.connect() as connection:
        return list(connection.execute(select(table)))


async def test_a_hangup_is_written_with_who_ordered_it(api: Api) -> None:
    given_calls(api.database, a_call("rtc_1", state="accepted"))
    answer = await api.client.post(f"{CALLS}/rtc_1/hangup")
    assert (answer.status_code, answer.json()) == (202, {"call_id": "rtc_1", "state": "ending"})
    (action,) = rows(api, actions)
    assert (action.command, action.attempts, action.epoch, action.node) == ("hangup", 0, 0, None)
    assert '"by":"admin"' in action.orders
    (entry,) = [entry for entry in rows(api, audit) if entry.action == "call.hangup"]
    assert entry.object == "call:rtc_1"
    (timeline,) = (await api.client.get(f"{CALLS}/rtc_1/events")).json()["items"]
    assert (timeline["kind"], timeline["detail"]["by"]) == ("hangup_started", "admin")


async def test_a_transfer_is_written_with_its_target(api: Api) -> None:
    given_calls(api.database, a_call("rtc_1", state="accepted"))
    answer = await api.client.post(f"{CALLS}/rtc_1/refer", json={"to": "tel:+493023125900"})
    assert (answer.status_code, answer.json()["state"]) == (202, "referring")
    (call,) = rows(api, calls)
    assert (call.state, call.target) == ("referring", "tel:+493023125900")
    (entry,) = [entry for entry in rows(api, audit) if entry.action == "call.refer"]
    assert "tel:+493023125900" in entry.after


@pytest.mark.parametrize("state", ["accepting", "accept_unknown", "referring", "ending", "ended", "rejected", "gone"])
async def test_a_call_that_cannot_take_it_is_left_alone(api: Api, state: str) -> None:
    given_calls(api.database, a_call("rtc_1", state=state))
    for command, body in (("hangup", None), ("refer", {"to": "tel:+493023125900"})):
        answer = await api.client.post(f"{CALLS}/rtc_1/{command}", json=body)
        assert (answer.status_code, answer.json()["title"]) == (409, "not now")
    assert rows(api, actions) == []
    assert [entry for entry in rows(api, audit) if entry.action.startswith("call.")] == []


async def test_a_second_command_waits_for_the_first_to_end(api: Api) -> None:
    given_calls(api.database, a_call("rtc_1", state="accepted"))
    assert (await api.client.post(f"{CALLS}/rtc_1/refer", json={"to": "tel:+493023125900"})).status_code == 202
    assert (await api.client.post(f"{CALLS}/rtc_1/hangup")).status_code == 409
    assert len(rows(api, actions)) == 1


@pytest.mark.parametrize("target", ["tel:+18095550100", "tel:911", "sip:x@127.0.0.1", "mailto:x@example.com", ""])
async def test_targets_are_guarded_as_those_of_rules(api: Api, target: str) -> None:
    given_calls(api.database, a_call("rtc_1", state="accepted"))
    answer = await api.client.post(f"{CALLS}/rtc_1/refer", json={"to": target})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/to"
    assert rows(api, actions) == []


async def test_unknown_calls_are_not_found_and_who_only_looks_may_not(api: Api) -> None:
    assert (await api.client.post(f"{CALLS}/rtc_9/hangup")).status_code == 404
    given_calls(api.database, a_call("rtc_1", state="accepted"))
    answer = await api.client.post(f"{CALLS}/rtc_1/hangup", headers=api.as_(Role.ANALYST))
    assert answer.status_code == 403
