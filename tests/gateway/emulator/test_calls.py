"""What each command does to an emulated call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.emulator.calls import EmulatedCall, Refusal, State
from gateway.emulator.faults import Command

ACCEPT, REJECT, REFER, HANGUP = Command.ACCEPT, Command.REJECT, Command.REFER, Command.HANGUP

HISTORIES = {
    "accept": ([ACCEPT], None, State.ACTIVE),
    "reject": ([REJECT], None, State.REJECTED),
    "accept then refer": ([ACCEPT, REFER], None, State.TRANSFERRED),
    "accept then hangup": ([ACCEPT, HANGUP], None, State.ENDED),
    "accept twice": ([ACCEPT, ACCEPT], Refusal.DECIDED, State.ACTIVE),
    "accept then reject": ([ACCEPT, REJECT], Refusal.DECIDED, State.ACTIVE),
    "reject then accept": ([REJECT, ACCEPT], Refusal.DECIDED, State.REJECTED),
    "reject twice": ([REJECT, REJECT], Refusal.DECIDED, State.REJECTED),
    "refer while ringing": ([REFER], Refusal.NOT_ACTIVE, State.RINGING),
    "hangup while ringing": ([HANGUP], Refusal.NOT_ACTIVE, State.RINGING),
    "refer after reject": ([REJECT, REFER], Refusal.NOT_FOUND, State.REJECTED),
    "refer twice": ([ACCEPT, REFER, REFER], Refusal.NOT_FOUND, State.TRANSFERRED),
    "hangup twice": ([ACCEPT, HANGUP, HANGUP], Refusal.NOT_FOUND, State.ENDED),
}


@pytest.mark.parametrize(("commands", "last", "state"), HISTORIES.values(), ids=HISTORIES)
def test_a_command_moves_the_call_or_is_refused(commands: list[Command], last: Refusal | None, state: State) -> None:
    call = EmulatedCall(call_id="rtc_1")
    effects = [call.apply(command) for command in commands]
    assert effects == [None] * (len(commands) - 1) + [last]
    assert call.state is state


@pytest.mark.parametrize("state", [State.GONE, State.DIED])
@pytest.mark.parametrize("command", Command)
def test_a_call_that_ended_from_outside_is_not_found(state: State, command: Command) -> None:
    call = EmulatedCall(call_id="rtc_1")
    call.end(state)
    assert call.apply(command) is Refusal.NOT_FOUND
    assert call.state is state


@given(st.lists(st.sampled_from(Command), max_size=8))
def test_no_sequence_of_commands_decides_a_call_twice(commands: list[Command]) -> None:
    call = EmulatedCall(call_id="rtc_1")
    applied = [command for command in commands if call.apply(command) is None]
    assert sum(command in (ACCEPT, REJECT) for command in applied) <= 1
    assert applied.count(REFER) + applied.count(HANGUP) <= 1


def test_requests_are_counted_per_command() -> None:
    call = EmulatedCall(call_id="rtc_1")
    assert [call.count(ACCEPT), call.count(ACCEPT), call.count(REJECT), call.count(ACCEPT)] == [0, 1, 0, 2]
