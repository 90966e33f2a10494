"""INVITE headers as the trunks write them."""

from random import Random

import pytest

from gateway.emulator.invite import Invite, Trunk, new_call_id

CALLED, CALLER = "+493023125100", "+442079460123"

DIALLED_IN = {Trunk.TWILIO: "Diversion", Trunk.TELNYX: "To", Trunk.PLAIN: "P-Called-Party-ID"}


def headers(trunk: Trunk, **more: object) -> dict[str, str]:
    values: dict[str, object] = {"trunk": trunk, "called": CALLED, "caller": CALLER, **more}
    return dict(Invite(**values).headers("rtc_1"))  # type: ignore[arg-type]


@pytest.mark.parametrize("trunk", Trunk)
def test_the_dialled_number_stands_where_the_trunk_puts_it(trunk: Trunk) -> None:
    found = [name for name, value in headers(trunk).items() if CALLED in value]
    assert found == [DIALLED_IN[trunk]]


@pytest.mark.parametrize("trunk", [Trunk.TWILIO, Trunk.PLAIN])
def test_the_project_is_addressed_where_the_number_is_elsewhere(trunk: Trunk) -> None:
    assert "sip:proj_" in headers(trunk)["To"]
    assert "@sip.api.openai.com" in headers(trunk)["To"]


@pytest.mark.parametrize("trunk", Trunk)
def test_the_caller_stands_in_from_with_a_quoted_name(trunk: Trunk) -> None:
    value = headers(trunk, name='Robert "Bob" Roe')["From"]
    assert value.startswith(f'"Robert \\"Bob\\" Roe" <sip:{CALLER}@')
    assert ";tag=" in value


@pytest.mark.parametrize("trunk", Trunk)
def test_an_anonymous_caller_is_named_nowhere(trunk: Trunk) -> None:
    found = headers(trunk, caller="")
    assert found["From"].startswith('"Anonymous" <sip:anonymous@anonymous.invalid>')
    assert "P-Asserted-Identity" not in found


@pytest.mark.parametrize("trunk", Trunk)
def test_the_headers_of_a_call_are_always_the_same_and_differ_between_calls(trunk: Trunk) -> None:
    invite = Invite(trunk=trunk, called=CALLED, caller=CALLER)
    assert invite.headers("rtc_1") == invite.headers("rtc_1")
    assert invite.headers("rtc_1") != invite.headers("rtc_2")


@pytest.mark.parametrize("trunk", Trunk)
def test_the_usual_headers_are_there_and_more_can_be_added(trunk: Trunk) -> None:
    found = headers(trunk, extra=(("X-Customer-Tier", "gold"),))
    assert {"Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq", "Contact", "Content-Type"} <= set(found)
    assert found["X-Customer-Tier"] == "gold"


def test_telnyx_names_the_leg() -> None:
    assert {"X-call_leg_id", "X-call_session_id"} <= set(headers(Trunk.TELNYX))


@pytest.mark.parametrize(
    ("attestation", "value"),
    [
        ("A", "TN-Validation-Passed-A"),
        ("C", "TN-Validation-Passed-C"),
        ("failed", "TN-Validation-Failed"),
        (None, None),
    ],
)
def test_twilio_tells_the_attestation(attestation: str | None, value: str | None) -> None:
    found = headers(Trunk.TWILIO, attestation=attestation)
    assert found.get("X-Twilio-VerStat") == value
    assert found["X-Twilio-CallSid"].startswith("CA")


def test_a_call_id_looks_like_the_upstreams() -> None:
    random = Random(1)
    assert new_call_id(random).startswith("rtc_")
    assert len({new_call_id(random) for _ in range(1_000)}) == 1_000
    assert all(len(new_call_id(random)) == 36 for _ in range(100))
