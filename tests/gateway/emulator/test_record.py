"""What the record proves about a gateway."""

import asyncio
from collections.abc import Sequence
from typing import TypeAlias

import pytest

from gateway.emulator.record import Record

# (command, body, the status that the client got before it sent the next; None: none)
Sent: TypeAlias = tuple[str, bytes, int | None]

ACCEPT, MINIMAL, BUSY, FAULT = b'{"type":"realtime"}', b'{"type":"realtime","model":"x"}', b"486", b"503"

CAREFUL: dict[str, Sequence[Sent]] = {
    "one accept": [("accept", ACCEPT, 200)],
    "the same accept again after a lost reply": [("accept", ACCEPT, None), ("accept", ACCEPT, 409)],
    "the same accept again after an answer that a crash swallowed": [("accept", ACCEPT, 200), ("accept", ACCEPT, 409)],
    "retries": [("accept", ACCEPT, 503), ("accept", ACCEPT, 503), ("accept", ACCEPT, 200)],
    "a fallback after a refusal": [("accept", ACCEPT, 400), ("accept", MINIMAL, 400), ("reject", FAULT, 200)],
    "a fallback after trouble": [("accept", ACCEPT, 500), ("accept", ACCEPT, 500), ("reject", FAULT, 200)],
    "a transfer": [("accept", ACCEPT, 200), ("refer", b"a", 200)],
    "a hangup twice": [("accept", ACCEPT, 200), ("hangup", b"", None), ("hangup", b"", 404)],
    "a second target after a refusal": [("accept", ACCEPT, 200), ("refer", b"a", 400), ("refer", b"b", 200)],
}

CARELESS: dict[str, Sequence[Sent]] = {
    "a reject after an applied accept": [("accept", ACCEPT, 200), ("reject", FAULT, 409)],
    "a reject after a lost reply": [("accept", ACCEPT, None), ("reject", FAULT, 409)],
    "a reject after doubt, though the last accept was refused": [
        ("accept", ACCEPT, None),
        ("accept", ACCEPT, 409),
        ("reject", FAULT, 409),
    ],
    "another session after a lost reply": [("accept", ACCEPT, None), ("accept", MINIMAL, 409)],
    "another status after a lost reply": [("reject", BUSY, None), ("reject", FAULT, 409)],
    "the same refer after a lost reply": [("refer", b"a", None), ("refer", b"a", 404)],
    "the same refer after a refusal": [("refer", b"a", 400), ("refer", b"a", 400)],
    "a second target after trouble": [("refer", b"a", 500), ("refer", b"b", 200)],
    "a second target after success": [("refer", b"a", 200), ("refer", b"b", 404)],
}


def play(history: Sequence[Sent]) -> Record:
    record = Record()
    for command, body, status in history:
        arrival = record.arrived("rtc_1", command, body)
        if status is not None:
            record.answered(arrival, status)
    return record


@pytest.mark.parametrize("history", CAREFUL.values(), ids=CAREFUL)
def test_a_careful_gateway_commits_no_violation(history: Sequence[Sent]) -> None:
    assert play(history).violations() == ()


@pytest.mark.parametrize("history", CARELESS.values(), ids=CARELESS)
def test_a_careless_gateway_is_caught(history: Sequence[Sent]) -> None:
    violations = play(history).violations()
    assert violations
    assert all(sentence.startswith("rtc_1: ") for sentence in violations)


def test_an_error_reply_that_came_too_late_excuses_nothing() -> None:
    record = Record()
    slow = record.arrived("rtc_1", "accept", ACCEPT)
    record.answered(record.arrived("rtc_1", "reject", FAULT), 200)
    record.answered(slow, 503)
    assert record.violations() == (
        "rtc_1: reject #2 (answered 200) contradicts accept #1 (answered 503), which was not refused in time",
    )


def test_calls_do_not_contradict_each_other() -> None:
    record = Record()
    record.arrived("rtc_1", "accept", ACCEPT)
    record.arrived("rtc_2", "reject", FAULT)
    assert record.violations() == ()


def test_requests_are_kept_in_the_order_of_their_arrival() -> None:
    record = Record()
    for call_id in ("rtc_1", "rtc_2", "rtc_1"):
        record.arrived(call_id, "accept", b"")
    assert [arrival.call_id for arrival in record] == ["rtc_1", "rtc_2", "rtc_1"]
    assert len(record) == 3
    assert len(record.of("rtc_1")) == 2
    assert record.of("rtc_3") == ()


def test_a_call_without_exactly_one_applied_decision_is_undecided() -> None:
    record = Record()
    for call_id, command, applied in [
        ("accepted", "accept", True),
        ("refused", "accept", False),
        ("transferred", "accept", True),
        ("transferred", "refer", True),
    ]:
        record.arrived(call_id, command, b"").applied = applied
    assert record.undecided(["accepted", "refused", "transferred", "untouched"]) == ("refused", "untouched")
    assert record.applied("transferred") == ("accept", "refer")


async def test_one_can_wait_for_what_arrives() -> None:
    record = Record()
    waiting = [asyncio.create_task(record.until(lambda: len(record) == 2)) for _ in range(3)]
    for call_id in ("rtc_1", "rtc_2"):
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        record.arrived(call_id, "accept", b"")
    await asyncio.wait_for(asyncio.gather(*waiting), 5)
    await record.until(lambda: True)


def test_the_calls_heard_of_first_are_forgotten_and_everything_can_be() -> None:
    record = Record(keep=2)
    for call_id in ("rtc_1", "rtc_2", "rtc_1", "rtc_3"):
        record.arrived(call_id, "accept", b"")
    assert [arrival.call_id for arrival in record] == ["rtc_2", "rtc_3"]
    record.clear()
    assert len(record) == 0
