import sys

import pytest

from gateway.switching import OFTEN, switching_often


@pytest.fixture(autouse=True)
def _usual() -> None:
    assert sys.getswitchinterval() == pytest.approx(0.005)


def test_the_interpreter_changes_hands_often_until_the_last_heavy_work_is_done() -> None:
    with switching_often():
        with switching_often():
            assert sys.getswitchinterval() == pytest.approx(OFTEN)
        assert sys.getswitchinterval() == pytest.approx(OFTEN)
    assert sys.getswitchinterval() == pytest.approx(0.005)


def test_heavy_work_that_fails_is_done_too() -> None:
    with pytest.raises(RuntimeError), switching_often():
        raise RuntimeError
    assert sys.getswitchinterval() == pytest.approx(0.005)
