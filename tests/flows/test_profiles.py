"""Profiles on their way: published through the API, sent to an emulated upstream, shown with the call."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from gateway.emulator.invite import Invite, Trunk, new_call_id
from tests.flows.harness import Running, running_gateway
from tests.gateway.profiles.test_legacy import FIRST, SECOND

SALES = "+33199000100"
VISITOR = "+33199001234"
HOTEL = {
    "profiles": {
        "base": {"model": "gpt-realtime-2.1", "metadata": {"company": "Example Ltd."}, "max_seconds": 900},
        "hotel": {
            "extends": "base",
            "instructions": "You answer {called}. From {caller_country}; a regular: {caller_in:regulars}.",
            "greeting": "Good day. It is {now:Europe/Paris}.",
            "metadata": {"line": "hotel"},
        },
    },
    "lists": {"regulars": [VISITOR]},
    "default": {"accept": "hotel"},
}


async def ring(running: Running, caller: str) -> dict[str, Any]:
    """Ring once; the call when it is settled."""
    call_id = new_call_id(Random())
    await running.dialer.ring(call_id, Invite(trunk=Trunk.TELNYX, called=SALES, caller=caller))
    return await running.settled(call_id)


def accepted(running: Running, call: dict[str, Any]) -> dict[str, Any]:
    """The body of the accept that reached the upstream."""
    arrival = running.upstream.record.of(call["call_id"])[0]
    body: dict[str, Any] = json.loads(arrival.body)
    return body


async def test_each_call_gets_its_own_words_and_keeps_the_profiles_metadata(database_url: str, tmp_path: Path) -> None:
    async with running_gateway(database_url, tmp_path) as running:
        await running.publish(HOTEL)
        regular, stranger, again = [await ring(running, caller) for caller in (VISITOR, "+4930231251", VISITOR)]
        words = [accepted(running, call)["instructions"] for call in (regular, stranger, again)]
        assert words[0] == words[2] == f"You answer {SALES}. From FR; a regular: yes."
        assert words[1].endswith("a regular: no.")
        assert regular["metadata"] == {"company": "Example Ltd.", "line": "hotel"}
        conduct = regular["plan"][0]["conduct"]
        assert conduct["max_seconds"] == 900
        assert conduct["greeting"].endswith("Europe/Paris.")


@pytest.mark.parametrize("generation", [FIRST, SECOND], ids=["first", "second"])
async def test_a_session_of_the_beta_is_upgraded_published_and_answers_a_call(
    database_url: str, tmp_path: Path, generation: dict[str, Any]
) -> None:
    async with running_gateway(database_url, tmp_path) as running:
        upgraded = (await running.client.post("/profile-upgrades", json={"session": generation})).json()
        await running.publish({"profiles": {"beta": upgraded["profile"]}, "default": {"accept": "beta"}})
        call = await ring(running, VISITOR)
        assert (call["state"], call["decision"]["profile"]) == ("accepted", "beta")
        assert accepted(running, call) == {"type": "realtime", **upgraded["profile"]}
