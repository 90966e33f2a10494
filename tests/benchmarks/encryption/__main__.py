"""What encryption adds to the storing of a ringing call: `python -m tests.benchmarks.encryption`.

With `--history 1000000` it is instead what it makes of a long history, on SQLite or with `--postgresql` there: see
`history`.

Stores the same deliveries in two databases, one with a key and one without, a hundred in a transaction and in turns, so
that what else the machine does meets both. Prints microseconds per call, and the ratio.
"""

import argparse
import tempfile
import time
from itertools import count
from statistics import median

from gateway.actions.plan import Plan, Step, digest
from gateway.calls.call import Happened
from gateway.calls.lifecycle import Event, State
from gateway.calls.store import pack_facts
from gateway.database import Database
from gateway.webhooks.inbox import Arrival, NewCallRows, store_arrivals
from tests.benchmarks.encryption.history import measure_history
from tests.gateway.api_fixtures import a_call
from tests.gateway.sealing import NEW, opened
from tests.store_contract import FACTS, NOW, a_delivery, an_action

ROUNDS, BATCH = 60, 100
PLAN = Plan((Step(kind="accept", body=b'{"type":"realtime"}', profile="sales"),)).encode()


def arrivals(numbers: "count[int]") -> list[Arrival]:
    """A hundred calls that have never been."""
    made = []
    for _ in range(BATCH):
        number = next(numbers)
        line = Happened(call=0, at=NOW, kind=Event.ARRIVED, state=State.DECIDED, detail=None)
        row = a_call(f"rtc_{number}", plan=digest(PLAN), caller=f"+1415555{number:05}")
        rows = NewCallRows(row=row, facts=pack_facts(FACTS), plan=PLAN, happened=[line, line], action=an_action())
        made.append(Arrival(delivery=a_delivery(f"wh_{number}"), call=rows))
    return made


def store(database: Database, made: list[Arrival]) -> float:
    """Microseconds per call, commit and all."""
    started = time.perf_counter()
    with database.transaction() as connection:
        store_arrivals(connection, made)
    return (time.perf_counter() - started) / len(made) * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--history", type=int, metavar="CALLS", help="measure a history of so many calls instead")
    parser.add_argument("--postgresql", action="store_true", help="where that history is")
    arguments = parser.parse_args()
    if arguments.history is not None:
        measure_history(arguments.history, on_postgresql=arguments.postgresql)
        return
    with tempfile.TemporaryDirectory() as folder:
        off = opened(f"sqlite:///{folder}/off.db", at=1)
        on = opened(f"sqlite:///{folder}/on.db", NEW, at=1)
        numbers = count(1)
        taken: dict[str, list[float]] = {"off": [], "on": []}
        for _ in range(ROUNDS):
            for name, database in (("off", off), ("on", on)):
                taken[name].append(store(database, arrivals(numbers)))
        for database in (off, on):
            database.close()
    fast, slow = (median(taken[name]) for name in ("off", "on"))
    print(f"off {fast:.0f} µs a call, on {slow:.0f} µs: {slow - fast:+.0f} µs, ×{slow / fast:.2f}")


if __name__ == "__main__":
    main()
