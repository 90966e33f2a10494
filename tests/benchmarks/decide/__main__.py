"""How long a decision takes: the index against asking every rule and against zen-engine, in one run.

    python -m tests.benchmarks.decide [--rules 100000] [--quick]

Prints a table and the targets, asserts nothing, and takes less than a minute. A decision is timed alone; calls differ
from one to the next, so that the processor's cache helps as little as it would on a trunk. All three must name the same
rule for the same call; the last column says for how many they did.
"""

import argparse
import gc
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import TypeVar

from routing_rules import NO_USAGE, CallFacts, CompiledTable, compile_table, decide, read_document
from routing_rules.question import Question
from tests.benchmarks.decide import zen_engine
from tests.benchmarks.decide.workload import calls, rule_table

Prepared = TypeVar("Prepared")

NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)  # a Tuesday in office hours
# So long may one of the slow engines take for one size of table.
PATIENCE = 4.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """One size of table. Times are in microseconds a decision."""

    rules: int
    p50: float
    p99: float
    linear: float
    zen: float
    agreed: str
    read: float  # seconds
    compiled: float  # seconds
    grown: float  # megabytes that reading and compiling added to the peak; only the largest table's counts


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m tests.benchmarks.decide", description=__doc__.split("\n")[0])
    arguments.add_argument("--rules", type=int, default=100_000, help="size of the largest table (default 100,000)")
    arguments.add_argument("--quick", action="store_true", help="fewer calls: about a quarter of the time")
    options = arguments.parse_args()
    sizes = sorted({size for size in (10, 1_000, 10_000) if size < options.rules} | {options.rules})
    # The largest first, while the process has no memory to reuse.
    rows = sorted((_measure(size, quick=options.quick) for size in reversed(sizes)), key=lambda row: row.rules)
    _print(rows)


def _measure(size: int, *, quick: bool) -> Row:
    _say(f"{size:,} rules …")
    document = rule_table(size)
    asked = calls(document, 1_000 if quick else 5_000)
    before, start = _peak(), time.perf_counter()
    rulebook = read_document(document)
    read = time.perf_counter()
    table = compile_table(rulebook)
    compiled = time.perf_counter()
    grown = _peak() - before
    with _settled_heap():
        p50, p99 = _quantiles(table, asked, rounds=3 if quick else 6)
    linear, by_linear = _time_some(lambda question: question, _ask_every_rule(table), table, asked)
    zen, by_zen = _time_some(zen_engine.context, zen_engine.build(document), table, asked)
    by_index = [decide(table, facts, NOW).rule for facts in asked]
    agreed = sum(ours == theirs for other in (by_linear, by_zen) for ours, theirs in zip(by_index, other, strict=False))
    return Row(
        rules=size,
        p50=p50,
        p99=p99,
        linear=linear,
        zen=zen,
        agreed=f"{agreed} of {len(by_linear) + len(by_zen)}",
        read=read - start,
        compiled=compiled - read,
        grown=grown,
    )


@contextmanager
def _settled_heap() -> Iterator[None]:
    """As the gateway does after loading its rules."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _quantiles(table: CompiledTable, asked: list[CallFacts], rounds: int) -> tuple[float, float]:
    """p50 and p99 over all calls, of the round that the rest of the machine disturbed least."""
    clock, quantiles = time.perf_counter_ns, []
    for _ in range(rounds):
        times = []
        for facts in asked:
            start = clock()
            decide(table, facts, NOW)
            times.append((clock() - start) / 1_000)
        times.sort()
        quantiles.append((times[len(times) // 2], times[len(times) * 99 // 100]))
    return min(quantiles)


def _time_some(
    prepare: Callable[[Question], Prepared],
    answer: Callable[[Prepared], str | None],
    table: CompiledTable,
    asked: list[CallFacts],
) -> tuple[float, list[str | None]]:
    """Median time of an engine's answers, and the answers to as many of the calls as there is patience for."""
    times, answers = [], []
    start = time.perf_counter()
    for facts in asked[:500]:
        prepared = prepare(Question(table.resources, facts, NOW, NO_USAGE))
        asked_at = time.perf_counter_ns()
        answers.append(answer(prepared))
        times.append((time.perf_counter_ns() - asked_at) / 1_000)
        if time.perf_counter() - start > PATIENCE:
            break
    return median(times), answers


def _ask_every_rule(table: CompiledTable) -> Callable[[Question], str | None]:
    """The plain way: one rule after the other, the same conditions."""
    rules = table.rulebook.rules

    def answer(question: Question) -> str | None:
        for rule in rules:
            if all(condition.holds(question, rule.id) for condition in rule.when) and not any(
                condition.holds(question, rule.id) for condition in rule.unless
            ):
                return rule.id
        return None

    return answer


def _peak() -> float:
    """The most memory that the process ever had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1_000_000 if sys.platform == "darwin" else 1_000)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print(rows: list[Row]) -> None:
    heads = f"{'index p50':>9}  {'p99':>6}  {'each rule':>9}  {'zen':>9}  {'x rule':>7}  {'x zen':>7}"
    print(f"{'rules':>9}  {heads}  same answer")
    for row in rows:
        print(
            f"{row.rules:>9,}  {row.p50:>9.1f}  {row.p99:>6.1f}  {row.linear:>9,.0f}  {row.zen:>9,.0f}"
            f"  {row.linear / row.p50:>7,.0f}  {row.zen / row.p50:>7,.0f}  {row.agreed}"
        )
    print("times in microseconds a decision; x: how many times faster the index is\n")
    small, large = next((row for row in rows if row.rules == 1_000), rows[0]), rows[-1]
    targets = [
        ("p50", f"{large.p50:.1f} us", "<= 10 us", large.p50 <= 10),
        ("p99", f"{large.p99:.1f} us", "<= 40 us", large.p99 <= 40),
        (f"growth from {small.rules:,} rules", f"{large.p50 / small.p50:.1f}x", "<= 4x", large.p50 <= 4 * small.p50),
        ("zen-engine", f"{large.zen / large.p50:,.0f}x", ">= 1,000x", large.zen >= 1_000 * large.p50),
        ("read and compiled", f"{large.read:.2f} + {large.compiled:.2f} s", "<= 2 s", large.read + large.compiled <= 2),
        ("memory for that", f"{large.grown:.0f} MB", "<= 300 MB", large.grown <= 300),
    ]
    print(f"targets for 100,000 rules, measured with {large.rules:,}")
    for name, measured, target, met in targets:
        print(f"  {name:<25} {measured:>15}   {target:<10} {'met' if met else 'MISSED'}")


if __name__ == "__main__":
    main()
