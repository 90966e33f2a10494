"""Pausing the garbage collector."""

import gc

import pytest

from routing_rules.collector import paused


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_paused_and_then_as_it_was_even_after_an_error(enabled: bool) -> None:
    was = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with pytest.raises(AssertionError, match="paused"), paused():
            assert gc.isenabled(), "paused"
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()
