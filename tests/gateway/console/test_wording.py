"""Codes have words."""

from enum import StrEnum

import pytest

from gateway.calls.lifecycle import Event, State
from gateway.console.wording import EVENTS, REASONS, STATES
from routing_rules.verdict import Reason


@pytest.mark.parametrize(("words", "codes"), [(STATES, State), (EVENTS, Event), (REASONS, Reason)])
def test_every_code_has_a_word(words: dict[str, object], codes: type[StrEnum]) -> None:
    assert set(words) == set(codes)
