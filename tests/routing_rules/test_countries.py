"""The regions that a number can belong to."""

import phonenumbers

from routing_rules.countries import COUNTRIES


def test_every_region_that_a_number_can_have_can_be_named() -> None:
    assert phonenumbers.SUPPORTED_REGIONS <= COUNTRIES
