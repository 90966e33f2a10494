"""The catalogue."""

import re

import pytest

from gateway.emulator.faults import Command
from gateway.emulator.scenarios import CATALOGUE, PLAIN, Scenario


@pytest.mark.parametrize("scenario", CATALOGUE.values(), ids=CATALOGUE)
def test_every_scenario_can_be_named_and_told(scenario: Scenario) -> None:
    assert CATALOGUE[scenario.name] is scenario
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", scenario.name)
    assert re.match(r"(the|a) |nothing ", scenario.meaning)
    assert not scenario.meaning.endswith(".")


def test_only_the_plain_scenario_goes_as_planned() -> None:
    calm = Scenario(name="plain", meaning="nothing goes wrong")
    assert [scenario for scenario in CATALOGUE.values() if scenario == calm] == [PLAIN]


def test_a_scenario_hands_out_its_faults_in_order() -> None:
    scenario = CATALOGUE["accept-503-twice"]
    faults = [scenario.fault(Command.ACCEPT, earlier) for earlier in range(3)]
    assert [fault and fault.status for fault in faults] == [503, 503, None]


def test_the_catalogue_covers_the_specified_faults() -> None:
    faults = [trouble.fault for scenario in CATALOGUE.values() for trouble in scenario.troubles]
    assert {500, 503, 429, 400} <= {fault.status for fault in faults}
    assert {"answered", "reset", "closed", "cut", "silent"} == {fault.line.value for fault in faults}
    assert any(fault.delay for fault in faults)
    assert any(fault.applied and fault.status == 500 for fault in faults)
    assert any(fault.retry_after for fault in faults)
    assert any(scenario.gone for scenario in CATALOGUE.values())
    deliveries = [scenario.delivery for scenario in CATALOGUE.values()]
    assert any(how.copies > 1 for how in deliveries)
    assert any(how.age for how in deliveries)
    assert any(how.forged for how in deliveries)
    assert any(how.twin for how in deliveries)
