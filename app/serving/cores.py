"""How many cores this process may use: frameworks look at the machine and ignore the quota."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path


def available_cores(
    cgroups: Path = Path("/sys/fs/cgroup"), own_cgroups: Path = Path("/proc/self/cgroup")
) -> int:
    """Return the least of affinity and cgroup quotas (version 2 and 1), at least 1."""
    cores = float(len(os.sched_getaffinity(0)))
    return max(1, math.ceil(min([cores, *_quotas(cgroups, own_cgroups)])))


def _quotas(cgroups: Path, own_cgroups: Path) -> Iterator[float]:
    """Yield every quota above this process, in cores."""
    try:
        lines = own_cgroups.read_text().splitlines()
    except OSError:
        lines = ["0::/"]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        root = cgroups if not controllers else cgroups / "cpu"
        if controllers and "cpu" not in controllers.split(","):
            continue
        folder = root / path.lstrip("/")
        while True:
            yield from _quota(folder)
            if folder == root or root not in folder.parents:
                break
            folder = folder.parent


def _quota(folder: Path) -> Iterator[float]:
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu.cfs_period_us").read_text().strip()
        if quota not in ("max", "-1"):
            yield int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return
