"""Beta sessions come in by one door of the API."""

from gateway.access.roles import Role
from tests.gateway.api_fixtures import Api
from tests.gateway.profiles.test_legacy import FIRST


async def test_a_beta_session_becomes_a_profile_with_its_changes_and_problems(api: Api) -> None:
    reply = await api.client.post("/api/v1/profile-upgrades", json={"session": FIRST}, headers=api.as_(Role.VIEWER))
    assert reply.status_code == 200
    told = reply.json()
    assert told["profile"]["audio"]["output"] == {"voice": "alloy"}
    assert {"was": "/voice", "now": "/audio/output/voice", "why": "moved into `audio`"} in told["changes"]
    assert {problem["pointer"] for problem in told["problems"]} == {"/model", "/audio/input/transcription/model"}


async def test_no_other_door_takes_the_betas_fields(api: Api) -> None:
    reply = await api.client.put(
        "/api/v1/rulebook?dry_run=true", json={"profiles": {"beta": FIRST}, "default": {"accept": "beta"}}
    )
    assert reply.status_code == 422
    errors = {error["pointer"]: error for error in reply.json()["errors"]}
    assert errors["/profiles/beta/voice"]["code"] == "beta_field"
    assert "gateway profiles upgrade" in errors["/profiles/beta/voice"]["detail"]
