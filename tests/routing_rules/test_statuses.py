"""What a reject makes carriers do."""

import pytest

from routing_rules.statuses import consequence


@pytest.mark.parametrize("status", [408, 480, 503, 504])
def test_carriers_may_fail_over_on_statuses_that_speak_of_the_moment(status: int) -> None:
    assert "next route" in str(consequence(status))


@pytest.mark.parametrize("status", [600, 603, 606, 607, 608, 699])
def test_every_6xx_is_final(status: int) -> None:
    assert str(consequence(status)).startswith("is final")


def test_some_carriers_redial_on_603() -> None:
    assert "redial" in str(consequence(603))


@pytest.mark.parametrize("status", [400, 403, 488])
def test_of_most_others_there_is_nothing_special_to_say(status: int) -> None:
    assert consequence(status) is None
