"""The ids of requests and predictions."""

from __future__ import annotations

import os
import time

from ulid import ULID


def new_id() -> str:
    """Return a new ULID (github.com/ulid/spec): 26 letters and digits that sort by their time.

    Within a millisecond they are in no order: the library's generator keeps one, behind a lock for
    which a hundred threads would queue.
    """
    milliseconds = time.time_ns() // 1_000_000
    return str(ULID.from_bytes(milliseconds.to_bytes(6, "big") + os.urandom(10)))
