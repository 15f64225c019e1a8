"""How many cores this process may use: frameworks look at the machine and ignore the quota."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

from app.serving.cgroups import Cgroups


def available_cores(cgroups: Cgroups = Cgroups()) -> int:  # noqa: B008 - a frozen value
    """Return the least of affinity and cgroup quotas (version 2 and 1), at least 1."""
    cores = float(len(os.sched_getaffinity(0)))
    quotas = [quota for folder in cgroups.folders("cpu") for quota in _quota(folder)]
    return max(1, math.ceil(min([cores, *quotas])))


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
