import pytest

from gateway.cli.output import printable, progress


def test_away_from_a_terminal_progress_is_a_line_at_each_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("checked", 1_000) as advance:
        for _ in range(20):
            advance(50)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines()[0] == "checked 100 of 1,000 (10 %)"
    assert len(told.err.splitlines()) == 9


@pytest.mark.parametrize("steps", [0, 3])
def test_a_work_of_one_step_says_nothing(capsys: pytest.CaptureFixture[str], steps: int) -> None:
    with progress("checked", steps) as advance:
        advance(steps)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("value", "words"), [(None, ""), (True, "yes"), (False, "no"), (0, "0"), ("a\nb", "a\\u000ab")]
)
def test_a_value_is_told_on_one_line_and_as_people_say_it(value: object, words: str) -> None:
    assert printable(value) == words
