import gc

import pytest

from gateway.collector import MANY, settle, uncollected


def test_what_was_built_is_kept_from_the_collector_if_it_is_much() -> None:
    before = gc.get_freeze_count()
    with uncollected():
        assert not gc.isenabled()
        much = [[] for _ in range(MANY + 1_000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(much)


def test_little_is_left_to_the_collector() -> None:
    gc.collect()
    before = gc.get_freeze_count()
    with uncollected():
        little = [[] for _ in range(1_000)]
    assert little
    assert gc.get_freeze_count() <= before


def test_a_failure_leaves_the_collector_as_it_was() -> None:
    with pytest.raises(ZeroDivisionError), uncollected():
        _ = 1 / 0
    assert gc.isenabled()


def test_a_program_that_has_settled_is_hardly_looked_at_again() -> None:
    thresholds, before = gc.get_threshold(), gc.get_freeze_count()
    try:
        settle()
        assert gc.get_threshold()[0] > 1_000
        assert gc.get_freeze_count() > before
    finally:
        gc.set_threshold(*thresholds)
