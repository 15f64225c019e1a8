"""Chance in tests: another seed in every run, which the run tells in its first lines.

`SLIPWAY_SEED` takes a run's seed again; `SLIPWAY_FUZZ` multiplies how much is tried, as `make fuzz`
does.
"""

from __future__ import annotations

import os
import random

_SEED = "SLIPWAY_SEED"


def choose_seed() -> int:
    """Return this run's seed; the processes that share its tests inherit it."""
    return int(os.environ.setdefault(_SEED, str(random.SystemRandom().getrandbits(32))))


def seed() -> int:
    """Return the seed that was chosen."""
    return int(os.environ[_SEED])


def times(count: int) -> int:
    """Return how many of something to try."""
    return count * int(os.environ.get("SLIPWAY_FUZZ") or 1)
