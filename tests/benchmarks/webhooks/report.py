"""What the run showed: a table per case, the ratios beside their targets, and the same as a value for JSON."""

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from tests.benchmarks.webhooks.measure import AT_50, AT_200, AT_200_SLOW, CASES, SATURATION, Case, Figures, Results
from tests.benchmarks.webhooks.servers import B1, B2, GATEWAY, PROGRAMS, Program


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A ratio of the gateway to a baseline, and what it shall be (PERF.md, "The whole path")."""

    what: str
    case: Case
    baseline: Program
    figure: Callable[[Figures], float]
    bound: float
    at_least: bool = False  # the ratio shall be at least the bound; otherwise at most
    reach: float | None = None  # what would be better still

    def ratio(self, results: Results) -> float:
        ours = self.figure(results.of(GATEWAY.name, self.case))
        return ours / self.figure(results.of(self.baseline.name, self.case))

    def is_met(self, results: Results) -> bool:
        ratio = self.ratio(results)
        return ratio >= self.bound if self.at_least else ratio <= self.bound

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        return f"{sign} {self.bound:g}" + (f" (reach for {self.reach:g})" if self.reach else "")


def _rate(figures: Figures) -> float:
    return figures.rate


def _p50(figures: Figures) -> float:
    return figures.percentile(50)


def _p99(figures: Figures) -> float:
    return figures.percentile(99)


TARGETS: Final = (
    Target(what="calls/s", case=SATURATION, baseline=B1, figure=_rate, bound=5, at_least=True, reach=10),
    Target(what="calls/s", case=SATURATION, baseline=B2, figure=_rate, bound=8, at_least=True, reach=16),
    Target(what="p50", case=AT_50, baseline=B1, figure=_p50, bound=0.75),
    Target(what="p99", case=AT_50, baseline=B1, figure=_p99, bound=1.0),
    Target(what="p50", case=AT_200, baseline=B1, figure=_p50, bound=0.75),
    Target(what="p99", case=AT_200, baseline=B1, figure=_p99, bound=1.0),
    Target(what="p99", case=AT_200_SLOW, baseline=B1, figure=_p99, bound=0.25),
)


def print_report(results: Results, console: Console) -> None:
    """Print everything for people."""
    console.print(_setting(results))
    for program in PROGRAMS:
        console.print(f"{program.name}: {program.about}")
    for case in CASES:
        console.print(_case_table(case, results))
    console.print("others: the share of the program's core that something else took, in the worst round")
    console.print(_memory_table(results))
    console.print(_target_table(results))


def _setting(results: Results) -> str:
    machine, effort = results.machine, results.effort
    pinned = "program on one core, load and upstream on another" if machine.pinned else "nothing pinned"
    rounds = f"{effort.rounds} round{'s' if effort.rounds > 1 else ''}"
    return (
        f"Python {machine.python}, {machine.cores} cores, {pinned}; load average before {machine.load_before:.2f}, "
        f"fsync {machine.fsync_ms:.2f} ms, {machine.rested_fsync_ms:.2f} ms after a pause; {rounds}"
    )


def _case_table(case: Case, results: Results) -> Table:
    count = results.effort.calls[case.name]
    compared = "calls/s to B1" if case is SATURATION else "p50, p99 to B1"
    table = _table(
        f"{case.name}: {count} calls per round",
        ("program", "calls/s", "CPU ms/call", "p50 ms", "p99 ms", compared, "others"),
    )
    for program in PROGRAMS:
        figures = results.of(program.name, case)
        table.add_row(
            program.name,
            f"{figures.rate:,.0f}",
            _known(figures.cpu_per_call, ".2f"),
            f"{figures.percentile(50):,.2f}",
            f"{figures.percentile(99):,.2f}",
            _compared(case, figures, results.of(B1.name, case)),
            _known(figures.disturbance, ".0%"),
        )
    return table


def _compared(case: Case, figures: Figures, first: Figures) -> str:
    """The program's ratios to B1, of what the case is about."""
    if case is SATURATION:
        return f"{figures.rate / first.rate:.2f}"
    return f"{_p50(figures) / _p50(first):.2f}, {_p99(figures) / _p99(first):.2f}"


def _memory_table(results: Results) -> Table:
    table = _table("resident memory, MB", ("program", "idle", "after all calls"))
    for program in PROGRAMS:
        memory = results.memory[program.name]
        table.add_row(program.name, _known(memory.idle, ".0f"), _known(memory.after, ".0f"))
    return table


def _target_table(results: Results) -> Table:
    table = _table("gateway beside its targets", ("case", "figure", "to", "ratio", "target", ""))
    for target in TARGETS:
        met = "met" if target.is_met(results) else "missed"
        ratio = f"{target.ratio(results):.2f}"
        table.add_row(target.case.name, target.what, target.baseline.name, ratio, str(target), met)
    return table


def _table(title: str, columns: tuple[str, ...]) -> Table:
    """A table whose columns of words are on the left and whose numbers line up on the right."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, justify="left" if column in _WORDS else "right")
    return table


_WORDS: Final = ("program", "case", "figure", "to", "target", "")


def _known(figure: float, form: str) -> str:
    return "–" if math.isnan(figure) else format(figure, form)


def as_json(results: Results) -> dict[str, Any]:
    """The same for programs: times in ms, rates per second, memory in MB."""
    return {
        "machine": asdict(results.machine),
        "effort": asdict(results.effort),
        "cases": {case.name: {p.name: _as_json(results.of(p.name, case)) for p in PROGRAMS} for case in CASES},
        "memory": {
            name: {"idle": _or_null(memory.idle), "after": _or_null(memory.after)}
            for name, memory in results.memory.items()
        },
        "targets": list(_targets_as_json(results)),
    }


def _as_json(figures: Figures) -> dict[str, Any]:
    return {
        "calls_per_second": figures.rate,
        "calls_per_second_by_round": figures.rates,
        "cpu_ms_per_call": _or_null(figures.cpu_per_call),
        "core_used_by_others": _or_null(figures.disturbance),
        "p50_ms": figures.percentile(50),
        "p99_ms": figures.percentile(99),
        "samples": len(figures.latencies),
    }


def _or_null(figure: float) -> float | None:
    """JSON has no word for `nan`."""
    return None if math.isnan(figure) else figure


def _targets_as_json(results: Results) -> Iterator[dict[str, Any]]:
    for target in TARGETS:
        yield {
            "case": target.case.name,
            "figure": target.what,
            "baseline": target.baseline.name,
            "ratio": target.ratio(results),
            "target": str(target),
            "met": target.is_met(results),
        }
