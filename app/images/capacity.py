"""How much is decoded at once in one process.

A picture takes up to 20 bytes a pixel while it is decoded: as many of the largest as there are
threads would take the machine's memory.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Capacity:
    """Pixels that may be in work together: first come, first served."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._changed = threading.Condition()
        self._pixels = 0

    @contextmanager
    def held(self, pixels: int, most: int) -> Iterator[None]:
        """Wait until there is room for `pixels`, of `most` in all, and hold it.

        What is larger than `most` waits until it is alone.
        """
        # Who waits for room has the turn, so that no stream of small pictures passes a large one.
        with self._turn, self._changed:
            self._changed.wait_for(lambda: not self._pixels or self._pixels + pixels <= most)
            self._pixels += pixels
        try:
            yield
        finally:
            with self._changed:
                self._pixels -= pixels
                self._changed.notify()
