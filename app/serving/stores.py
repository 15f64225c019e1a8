"""The stores that models lie in, as fsspec's drivers reach them; a file is read by ranges.

Without the drivers (`./setup.sh fetch`) none is reached, and that is said.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from app.serving.references import shown

BLOCK_BYTES = 16 << 20

_STALLED_S = 60.0
_ATTEMPTS = 6
_FIRST_PAUSE_S = 0.5
# Trying again changes nothing.
_FINAL = (FileNotFoundError, PermissionError, NotImplementedError)
_ABSENT = frozenset({401, 403, 404, 410})

_DRIVERS = {"gs": "gcsfs", "s3": "s3fs", "az": "adlfs"}

_Answer = TypeVar("_Answer")


class StoreError(Exception):
    """A store that cannot be reached; its text is one line that begins with the address."""


def store_of(uri: str) -> tuple[Any, str]:
    """Return fsspec's file system for an address, and the path in it. Raises StoreError."""
    # Else gcsfs asks by gRPC how a bucket is laid out, which takes a further right.
    os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    try:
        import fsspec

        options: dict[str, Any] = {}
        if uri.startswith("http"):
            import aiohttp

            waits = aiohttp.ClientTimeout(total=None, connect=_STALLED_S, sock_read=_STALLED_S)
            options["client_kwargs"] = {"timeout": waits, "trust_env": True}
        files, path = fsspec.url_to_fs(uri, **options)
    except ImportError as error:
        raise StoreError(f"{shown(uri)}: {_needs_driver(uri)}") from error
    except Exception as error:
        raise StoreError(f"{shown(uri)}: {words_of(error)}") from error
    return files, path


def blocks_of(
    files: Any, path: str, have: int, size_bytes: int, *, shown_as: str | None = None
) -> Iterator[bytes]:
    """Yield a file of a store from its byte `have` on; raises StoreError."""
    while have < size_bytes:
        end = min(have + BLOCK_BYTES, size_bytes)
        block = tried(shown_as or path, partial(_range, files, path, have, end, size_bytes))
        yield block
        have += len(block)


def _range(files: Any, path: str, start: int, end: int, size_bytes: int) -> bytes:
    """Return the bytes from `start` to `end`, or all that follow where a server sends no ranges."""
    block: bytes = files.cat_file(path, start=start, end=end)
    if len(block) == end - start:
        return block
    if len(block) == size_bytes:
        return block[start:]
    raise ConnectionError(f"{len(block):,} bytes came in place of {end - start:,}")


def tried(uri: str, ask: Callable[[], _Answer], *, attempts: int = _ATTEMPTS) -> _Answer:
    """Ask until there is an answer. Raises StoreError where there will be none."""
    pause_s = _FIRST_PAUSE_S
    for attempt in range(1, attempts + 1):
        try:
            return ask()
        except Exception as error:
            if _is_final(error) or attempts == 1:
                raise StoreError(f"{shown(uri)}: {words_of(error)}") from error
            # Each driver has errors of its own; what has come is kept for the next run too.
            if attempt == attempts:
                told = f"{attempts} attempts; what has come is kept: {words_of(error)}"
                raise StoreError(f"{shown(uri)}: {told}") from error
        time.sleep(pause_s)
        pause_s *= 2
    raise AssertionError


def _is_final(error: Exception) -> bool:
    """Say whether trying again changes nothing. fsspec calls any failure one to find a file."""
    cause = error.__cause__
    if isinstance(cause, FileNotFoundError):
        return _is_final(cause)
    if isinstance(error, FileNotFoundError) and cause is not None:
        return getattr(cause, "status", None) in _ABSENT
    return isinstance(error, _FINAL)


def missing_driver(uri: str) -> str | None:
    """Say that the driver for a bucket is not installed; None where it is."""
    wanted = ("fsspec", _DRIVERS[uri.partition(":")[0]])
    is_here = all(importlib.util.find_spec(name) for name in wanted)
    return None if is_here else _needs_driver(uri)


def _needs_driver(uri: str) -> str:
    scheme = uri.partition(":")[0]
    return f"{scheme}:// needs a driver that is not installed; ./setup.sh fetch installs it"


def words_of(error: BaseException) -> str:
    """Return an error of a driver on one line."""
    words = " ".join(str(error).split())
    cause = error.__cause__
    if isinstance(error, FileNotFoundError):
        # fsspec calls any failure one to find a file; what was behind it may be none.
        if cause is not None and getattr(cause, "status", 0) not in _ABSENT:
            return words_of(cause)
        return "it is not there, or not to be seen by whoever asks"
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
