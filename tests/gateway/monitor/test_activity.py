"""What is learned of a conversation."""

import json

from gateway.calls.remark import Line, Remark
from gateway.monitor.activity import MOST_REMARKS, Activity
from gateway.upstream.sideband_wire import (
    Answered,
    CallerSpeaks,
    Happening,
    Heard,
    Limited,
    ModelSpeaks,
    Pressed,
    SessionStarted,
    Spoke,
    ToolCalled,
    Trouble,
)

NOW = 1_790_000_000_000_000


def told(activity: Activity, *happenings: tuple[float, Happening]) -> list[tuple[str, object]]:
    lines: list[Line] = []
    for at, happening in happenings:
        lines += activity.take(happening, at, NOW)
    return [(line["kind"], json.loads(line["detail"] or "null")) for line in lines]


def test_tokens_and_responses_are_summed() -> None:
    activity = Activity()
    answer = Answered(status="completed", tokens={"total_tokens": 30, "input_audio_tokens": 7})
    assert told(activity, (0.0, answer), (1.0, answer), (2.0, Heard(text="Hm.", tokens=12, seconds=0.5))) == []
    assert activity.sums == {
        "responses": 2,
        "total_tokens": 60,
        "input_audio_tokens": 14,
        "transcription_tokens": 12,
        "transcription_seconds": 0.5,
    }


def test_turns_seconds_and_the_time_to_reply_are_measured() -> None:
    activity = Activity()
    turns = [
        (1.0, CallerSpeaks(begins=True)),
        (3.0, CallerSpeaks(begins=False)),
        (3.4, ModelSpeaks(begins=True)),
        (5.4, ModelSpeaks(begins=False)),
        (6.0, CallerSpeaks(begins=True)),
        (7.0, CallerSpeaks(begins=False)),
        (7.8, ModelSpeaks(begins=True)),
        (8.0, CallerSpeaks(begins=True)),
        (8.1, ModelSpeaks(begins=False, cut=True)),
    ]
    assert told(activity, *turns) == []
    assert activity.finish(9.0, NOW) == []
    assert activity.sums == {
        "turns": 3,
        "caller_seconds": 4.0,
        "model_seconds": 2.3,
        "replies": 2,
        "mean_reply_ms": 600,
        "interruptions": 1,
    }


def test_the_silence_is_known() -> None:
    activity = Activity()
    assert activity.quiet_since is None
    told(activity, (1.0, CallerSpeaks(begins=True)))
    assert (activity.speaking, activity.model_speaks) == (True, False)
    told(activity, (2.0, CallerSpeaks(begins=False)))
    assert (activity.speaking, activity.quiet_since) == (False, 2.0)
    told(activity, (2.5, ModelSpeaks(begins=True)))
    assert (activity.speaking, activity.model_speaks) == (True, True)
    told(activity, (4.0, ModelSpeaks(begins=False)))
    assert (activity.speaking, activity.quiet_since) == (False, 4.0)


def test_sums_go_on_where_an_earlier_watcher_left_them() -> None:
    first = Activity()
    told(first, (1.0, CallerSpeaks(begins=True)), (2.0, CallerSpeaks(begins=False)), (2.5, ModelSpeaks(begins=True)))
    second = Activity(json.loads(first.usage() or "null"))
    told(second, (1.0, CallerSpeaks(begins=True)), (2.0, CallerSpeaks(begins=False)), (2.1, ModelSpeaks(begins=True)))
    assert (second.sums["turns"], second.sums["replies"], second.sums["mean_reply_ms"]) == (2, 2, 300)
    assert Activity().usage() is None


def test_keys_that_mean_something_are_told_and_others_only_counted() -> None:
    activity = Activity(known_keys="0")
    assert told(activity, (0.0, Pressed(key="0"))) == [("pressed", {"keys": "0"})]
    pin = [(10.0, Pressed(key="4")), (11.0, Pressed(key="0")), (12.0, Pressed(key="1")), (13.0, Pressed(key="#"))]
    assert told(activity, *pin) == []
    assert activity.settle(14.0, NOW) == []
    assert [(line["kind"], line["detail"]) for line in activity.settle(16.0, NOW)] == [("pressed", '{"keys":"••••"}')]
    assert activity.settle(30.0, NOW) == []
    assert activity.sums["keys"] == 5


def test_an_entry_of_keys_under_way_at_the_end_is_told() -> None:
    activity = Activity()
    told(activity, (0.0, Pressed(key="1")))
    assert [line["kind"] for line in activity.finish(0.5, NOW)] == ["pressed"]


def test_trouble_is_told() -> None:
    activity = Activity()
    assert told(
        activity,
        (0.0, Trouble(code="bad", message="No.")),
        (1.0, Answered(status="failed", code="server_error", tokens={})),
        (2.0, Answered(status="failed", code="rate_limit_exceeded", tokens={})),
        (3.0, Answered(status="failed", tokens={})),
    ) == [
        ("trouble", {"code": "bad", "message": "No."}),
        ("trouble", {"code": "server_error", "message": "a response of the model failed"}),
        ("rate_limited", {"code": "rate_limit_exceeded", "message": "a response of the model failed"}),
        ("trouble", {"code": "unknown", "message": "a response of the model failed"}),
    ]
    assert activity.sums["errors"] == 4


def test_used_up_limits_are_told_once_a_minute() -> None:
    activity = Activity()
    full, empty = Limited(remaining={"tokens": (5, 0.1)}), Limited(remaining={"tokens": (0, 3.5), "requests": (9, 0.1)})
    limits = [(0.0, full), (1.0, empty), (30.0, empty), (61.0, empty)]
    assert told(activity, *limits) == [("rate_limited", {"reset_seconds": {"tokens": 3.5}})] * 2


def test_what_matters_to_nobody_leaves_no_trace() -> None:
    activity = Activity()
    assert told(activity, (0.0, SessionStarted()), (1.0, Spoke(text="Hello.")), (2.0, CallerSpeaks(begins=False))) == []
    assert activity.sums == {}


def test_however_much_happens_a_call_adds_a_bounded_number_of_lines() -> None:
    activity = Activity()
    trouble = [(float(second), Trouble(code="x", message="x")) for second in range(3 * MOST_REMARKS)]
    assert len(told(activity, *trouble)) == MOST_REMARKS
    assert activity.remark(Remark.NOTE, NOW, text="?") == []
    told(activity, (0.0, ToolCalled(name="f", call_id="c", arguments="{}")))
    assert (activity.sums["errors"], activity.sums["tools"]) == (3 * MOST_REMARKS, 1)
