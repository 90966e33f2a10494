"""The machine under the benchmark: which core does what, who uses it, and what its disk costs.

What the system does not tell (`/proc` is Linux's) is `nan`.
"""

import math
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """Where it was measured: figures of two machines do not compare."""

    python: str
    cores: int
    pinned: bool  # the program to one core, load and upstream to another
    load_before: float  # the load average of the last minute: what else was going on
    fsync_ms: float  # the price of making a commit durable, one after the other
    rested_fsync_ms: float  # the same when nothing was written for a while, as between calls at 50 a second


def this_machine(directory: Path) -> Machine:
    """This machine, with the disk under `directory`."""
    return Machine(
        python=sys.version.split()[0],
        cores=os.cpu_count() or 1,
        pinned=cores() != (None, None),
        load_before=os.getloadavg()[0],
        fsync_ms=_fsync_ms(directory, pause=0.0),
        rested_fsync_ms=_fsync_ms(directory, pause=0.02),
    )


def cores() -> tuple[int | None, int | None]:
    """The cores for the program and for the load; None and None on a machine with one, or where it cannot be chosen."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else (None, None)


def pin(pid: int, core: int | None) -> None:
    """Keep a process (0: this one) and the threads it will start on one core."""
    if core is not None:
        os.sched_setaffinity(pid, {core})


def process_seconds(pid: int) -> float:
    """Processor time that a process has used, all threads together."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    except OSError:
        return math.nan
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime, stime


def resident_mb(pid: int) -> float:
    """Resident memory of a process in MB (10^6 bytes)."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    except OSError:
        return math.nan
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Meter:
    """Who uses a core while one process, which is pinned to it, is under load."""

    def __init__(self, pid: int, core: int | None) -> None:
        self._pid = pid
        self._core = core
        self._started = time.perf_counter()
        self._process = process_seconds(pid)
        self._busy = _busy_seconds(core)
        self.used = math.nan  # seconds, by the process, until all its work was done
        self.others = math.nan  # share of the core, by everybody else, while the load was on

    def loaded(self) -> None:
        """The load is over."""
        others = (_busy_seconds(self._core) - self._busy) - (process_seconds(self._pid) - self._process)
        self.others = max(others, 0.0) / (time.perf_counter() - self._started)

    def settled(self) -> None:
        """The process has finished what followed."""
        self.used = process_seconds(self._pid) - self._process


def _busy_seconds(core: int | None) -> float:
    """Time that a core has worked for anyone since the system started."""
    try:
        lines = Path("/proc/stat").read_text("ascii").splitlines()
    except OSError:
        return math.nan
    for line in lines:
        if line.startswith(f"cpu{core} "):
            user, nice, system, _idle, _waiting, irq, softirq, steal = map(int, line.split()[1:9])
            return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    return math.nan


def _fsync_ms(directory: Path, *, pause: float) -> float:
    """The median time that the disk takes to make 4 KiB durable, after `pause` seconds each."""
    times = []
    with (directory / "fsync").open("wb", buffering=0) as file:
        for _ in range(50):
            time.sleep(pause)
            file.write(bytes(4096))
            started = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - started)
    return sorted(times)[len(times) // 2] * 1e3
