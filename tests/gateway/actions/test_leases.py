"""The database's clock, as this node keeps it between two renewals."""

from gateway.actions.leases import LEASE, LOOK, RENEWAL, LeaseClock
from tests.conftest import SettableClock


def test_a_step_of_the_wall_clock_moves_no_lease(clock: SettableClock) -> None:
    leases = LeaseClock(clock)
    leases.set(5_000_000)
    clock.micros += 3_600_000_000
    assert leases.now() == 5_000_000
    clock.pass_(2.5)
    assert (leases.now(), leases.until()) == (7_500_000, 7_500_000 + LEASE)


def test_what_a_crashed_node_held_is_taken_over_within_twenty_seconds() -> None:
    assert LEASE / 1e6 + LOOK < 20
    assert 3 * RENEWAL <= LEASE / 1e6
