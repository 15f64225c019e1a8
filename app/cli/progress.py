"""How far what takes long has come, for a person who waits or for a log."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque

from app.cli.terminal import counted, megabytes, printable

_REDRAWN_S = 0.2
_TOLD_S = 10.0
_LATELY_S = 10.0


class Progress:
    """How much of all has come: a line that is redrawn, or where nobody looks one now and then."""

    def __init__(self, verb: str, size_bytes: int) -> None:
        self._verb = verb
        self._size_bytes = size_bytes
        self._is_for_a_person = sys.stderr.isatty()
        self._lock = threading.Lock()
        self._have_bytes = 0
        self._told_at = time.monotonic()
        # What came of late tells the rate: a connection may have got slower.
        self._lately = deque([(self._told_at, 0)])

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._erase()

    def add(self, count: int) -> None:
        """Count more bytes, and say so once in a while."""
        with self._lock:
            self._have_bytes += count
            now = time.monotonic()
            self._lately.append((now, self._have_bytes))
            while len(self._lately) > 1 and now - self._lately[0][0] > _LATELY_S:
                self._lately.popleft()
            pause_s = _REDRAWN_S if self._is_for_a_person else _TOLD_S
            if now - self._told_at < pause_s:
                return
            self._told_at = now
            before, after = ("\r\033[K", "") if self._is_for_a_person else ("", "\n")
            text = f"{before}{self._verb}: {self._state(now)}{after}"
            print(text, end="", file=sys.stderr, flush=True)

    def line(self, text: str) -> None:
        """Say that one is done."""
        with self._lock:
            self._erase()
            print(printable(text), flush=True)

    def _state(self, now: float) -> str:
        have, all_of_it = megabytes(self._have_bytes), megabytes(self._size_bytes)
        since, then_bytes = self._lately[0]
        rate = max(self._have_bytes - then_bytes, 0) / max(now - since, 0.001)
        left_s = (self._size_bytes - self._have_bytes) / max(rate, 1)
        return f"{have} of {all_of_it}, {megabytes(int(rate))}/s, {left_s:.0f} s left"

    def _erase(self) -> None:
        if self._is_for_a_person:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


class PictureProgress:
    """What is being done with pictures: a line that is redrawn, or for nobody one a step."""

    def __init__(self, title: str = "") -> None:
        self._title = f"{title}: " if title else ""
        self._is_for_a_person = sys.stderr.isatty()
        self._what = ""

    def __enter__(self) -> PictureProgress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_for_a_person:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def tell(self, what: str, count: int, of: int) -> None:
        """Say how far it has come."""
        if self._is_for_a_person:
            text = f"\r\033[K{self._title}{what} pictures: {count} of {of}"
            print(text, end="", file=sys.stderr, flush=True)
        elif what != self._what:
            print(f"{self._title}{what} {counted(of, 'picture')}", file=sys.stderr, flush=True)
        self._what = what
