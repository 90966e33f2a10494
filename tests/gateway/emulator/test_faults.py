"""The vocabulary of trouble."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.emulator.faults import (
    BAD_WEEK,
    Chaos,
    Command,
    Fault,
    Line,
    Trouble,
    dropped,
    error,
    lost_reply,
    scripted_fault,
    slow,
)


def test_troubles_of_one_command_come_one_after_the_other_and_end() -> None:
    first, then = error(500), slow(1)
    troubles = (
        Trouble(command=Command.ACCEPT, fault=first, times=2),
        Trouble(command=Command.REJECT, fault=dropped()),
        Trouble(command=Command.ACCEPT, fault=then),
    )
    faults = [scripted_fault(troubles, Command.ACCEPT, earlier) for earlier in range(4)]
    assert faults == [first, first, then, None]


def test_a_trouble_without_a_number_never_ends() -> None:
    troubles = (Trouble(command=Command.ACCEPT, fault=error(503), times=None),)
    assert scripted_fault(troubles, Command.ACCEPT, 10_000) == error(503)


def test_the_troubles_of_one_command_do_not_touch_another() -> None:
    troubles = (Trouble(command=Command.ACCEPT, fault=error(503), times=None),)
    assert scripted_fault(troubles, Command.REFER, 0) is None


def test_a_fault_that_hides_the_effect_must_say_what_the_client_sees() -> None:
    with pytest.raises(ValueError, match="what the client sees"):
        Fault(name="nothing")


def test_a_lost_reply_and_a_dropped_request_look_alike_to_the_client() -> None:
    for line in (Line.RESET, Line.CLOSED, Line.SILENT):
        lost, drop = lost_reply(line), dropped(line)
        assert (lost.line, lost.status, lost.delay) == (drop.line, drop.status, drop.delay)
        assert (lost.applied, drop.applied) == (True, False)


@given(st.integers(), st.text(max_size=20), st.sampled_from(Command), st.integers(0, 5))
def test_chaos_draws_the_same_fault_for_the_same_request(
    seed: int, call_id: str, command: Command, earlier: int
) -> None:
    one, other = Chaos(rate=0.5, seed=seed), Chaos(rate=0.5, seed=seed)
    assert one.fault(call_id, command, earlier) == other.fault(call_id, command, earlier)


@pytest.mark.parametrize("rate", [0.0, 0.2, 1.0])
def test_chaos_hits_as_many_requests_as_its_rate_says(rate: float) -> None:
    chaos = Chaos(rate=rate)
    hits = sum(chaos.fault(f"rtc_{number}", Command.ACCEPT, 0) is not None for number in range(5_000))
    assert hits / 5_000 == pytest.approx(rate, abs=0.03)


def test_chaos_draws_every_kind_of_fault() -> None:
    chaos = Chaos(rate=1.0)
    drawn = {chaos.fault(f"rtc_{number}", Command.ACCEPT, 0) for number in range(500)}
    assert drawn == set(BAD_WEEK)


def test_another_seed_draws_other_faults() -> None:
    one, other = Chaos(rate=0.5, seed=1), Chaos(rate=0.5, seed=2)
    drawn = [(one.fault(f"rtc_{n}", Command.ACCEPT, 0), other.fault(f"rtc_{n}", Command.ACCEPT, 0)) for n in range(50)]
    assert any(fault != another for fault, another in drawn)
