"""What is said in fragments becomes turns, whoever speaks at the same time."""

from gateway.monitor.fragments import LONGEST_TEXT, PAUSE, Fragments


def told(turns):
    return [(turn["at"], turn["speaker"], turn["text"]) for turn in turns]


def test_a_pause_ends_a_turn_and_the_other_side_does_not():
    fragments = Fragments()
    fragments.add("caller", "I want ", 0.0, 100)
    fragments.add("model", "Good ", 0.5, 600)
    fragments.add("caller", "a person.", 1.0, 1_100)
    assert fragments.settle(1.9) == []
    assert told(fragments.settle(2.0)) == [(600, "model", "Good")]
    assert told(fragments.settle(1.0 + PAUSE)) == [(100, "caller", "I want a person.")]
    assert fragments.finish() == []


def test_the_end_of_the_call_ends_all_turns():
    fragments = Fragments()
    fragments.add("model", " Bye\x00", 0.0, 1)
    fragments.add("caller", "Bye", 0.1, 2)
    assert told(fragments.finish()) == [(1, "model", "Bye"), (2, "caller", "Bye")]


def test_who_never_pauses_has_turns_all_the_same():
    fragments = Fragments()
    assert fragments.add("caller", "x" * (LONGEST_TEXT - 1), 0.0, 1) == []
    (turn,) = fragments.add("caller", "yyy", 0.1, 2)
    assert (len(turn["text"]), turn["at"]) == (LONGEST_TEXT, 1)
