"""How long to wait before a sink that failed is tried again."""

from __future__ import annotations

import random


class BackOff:
    """Doubles with each failure, half of it by chance: pods that failed together part ways."""

    def __init__(self, first_s: float = 0.5, longest_s: float = 30.0) -> None:
        self._first_s, self._longest_s = first_s, longest_s
        self._failures = 0

    def next_s(self, least_s: float = 0.0) -> float:
        """Return the wait after one more failure; not less than the sink asks for."""
        wait_s = min(self._longest_s, self._first_s * 2.0**self._failures)
        self._failures = min(self._failures + 1, 32)
        return max(least_s, wait_s * random.uniform(0.5, 1.0))

    def reset(self) -> None:
        """Begin anew: it works again."""
        self._failures = 0
