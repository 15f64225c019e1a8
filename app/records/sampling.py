"""Which of many are taken, by their ids alone: the same ones wherever and whenever it is asked."""

from __future__ import annotations

import zlib


def is_taken(key: str, share: float) -> bool:
    """Say whether what has this id is in the share, which is from 0 to 1."""
    return zlib.crc32(key.encode()) < share * 2**32
