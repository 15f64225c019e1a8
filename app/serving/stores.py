"""The stores that models by reference lie in, as fsspec's drivers reach them.

Without the drivers (`./setup.sh fetch`) none is reached, and that is said.
"""

from __future__ import annotations

import os
from typing import Any

from app.serving.references import shown

_STALLED_S = 60.0
_ABSENT = frozenset({401, 403, 404, 410})


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
        needs = f"{uri.partition(':')[0]}:// needs a driver that is not installed"
        raise StoreError(f"{shown(uri)}: {needs}; ./setup.sh fetch installs it") from error
    except Exception as error:
        raise StoreError(f"{shown(uri)}: {words_of(error)}") from error
    return files, path


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
