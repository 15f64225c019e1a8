"""What else a machine does while something is measured: what keeps two sides from being compared.

A load average holds the bench's own work too; so beside it stands how many cores others kept busy,
which is all of the machine's work but that of this process and those that it has started.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

#: Of each core: sides whose others differ by more were not measured under the same load.
_MOST_DIFFERENCE = 0.1
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Load:
    """The machine while one side had its turn."""

    average: float
    """The load average of a minute, at the end."""
    others: float
    """Cores that the work of others kept busy; what a hypervisor took counts."""


@contextmanager
def watched(loads: list[Load]) -> Iterator[None]:
    """Add what else the machine did in the block to `loads`."""
    began, busy, own = time.monotonic(), _busy_s(), _own_s(os.getpid())
    yield
    took = time.monotonic() - began
    others = (_busy_s() - busy) - (_own_s(os.getpid()) - own)
    loads.append(Load(os.getloadavg()[0], max(0.0, others / max(took, 1 / _TICKS))))


def difference(sides: Mapping[str, Sequence[Load]]) -> str | None:
    """Say why sides cannot be compared: others did more beside one than beside another."""
    means = {name: fmean(load.others for load in loads) for name, loads in sides.items()}
    least, most = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    limit = _MOST_DIFFERENCE * (os.cpu_count() or 1)
    if means[most] - means[least] <= limit:
        return None
    return (
        f"no ratio: others kept {means[most]:.2f} cores busy beside {most}, {means[least]:.2f} "
        f"beside {least}; at most {limit:.2f} may lie between them"
    )


def stated(sides: Mapping[str, Sequence[Load]]) -> str:
    """Return the line that stands under a table: the load under which its sides were measured."""
    averages = [load.average for loads in sides.values() for load in loads]
    beside = ", ".join(
        f"{name} {fmean(load.others for load in loads):.2f}" for name, loads in sides.items()
    )
    span = f"{min(averages):.1f} to {max(averages):.1f}"
    return f"load average {span}, this bench included; cores that others kept busy: {beside}"


def _busy_s() -> float:
    """Return the seconds that all cores have worked, for whomever."""
    user, nice, system, _, _, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text().split(maxsplit=9)[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / _TICKS


def _own_s(process: int) -> float:
    """Return the CPU seconds of a process and of all that it has started, ended ones too."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        children = [
            int(child)
            for path in Path(f"/proc/{process}/task").glob("*/children")
            for child in path.read_text().split()
        ]
    except OSError:
        return 0.0  # it has just ended, and its parent has its seconds
    return sum(map(int, fields[11:15])) / _TICKS + sum(map(_own_s, children))
