"""Takes inputs from the spool to the bucket or the folder that keeps them, and erases them there.

A folder's inputs end with their days; a bucket has a rule of its own for that (`docs/privacy.md`).
fsspec is imported where there is a bucket.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from app import log
from app.records.errors import RecordsError
from app.records.settings import RecordSettings
from app.records.spool import spool_of

_DIGEST = re.compile("[0-9a-f]{64}")
_EACH_S, _AFTER_FAILURE_S, _EXPIRY_EACH_S = 1.0, 30.0, 600.0
_DAY_S = 86400.0


def keep_moving(settings: RecordSettings, stopping: threading.Event) -> None:
    """Take inputs away as they come until told to stop, and then what is there."""
    assert settings.prediction_log is not None
    assert settings.inputs_to is not None
    spool, is_failing, expire_at = spool_of(settings.prediction_log), False, 0.0
    while True:
        is_last = stopping.is_set()
        try:
            move(spool, settings.inputs_to)
            if time.monotonic() >= expire_at:
                expire(settings.inputs_to, settings.inputs_days, time.time())
                expire_at = time.monotonic() + _EXPIRY_EACH_S
        except RecordsError as error:
            if not is_failing:
                log.event("inputs_not_kept", "ERROR", error=str(error))
            is_failing = True
        else:
            if is_failing:
                log.event("inputs_kept_again")
            is_failing = False
        if is_last:
            return
        stopping.wait(_AFTER_FAILURE_S if is_failing else _EACH_S)


def move(spool: Path, to: Path | str) -> int:
    """Take away what lies in the spool; return how many inputs. Raises RecordsError."""
    files = sorted(spool.iterdir()) if spool.is_dir() else []
    moved = 0
    for file in files:
        if not _DIGEST.fullmatch(file.name):
            # One that was being written when its process ended would stay for ever.
            with contextlib.suppress(FileNotFoundError):
                if file.stat().st_mtime < time.time() - _DAY_S:
                    file.unlink()
            continue
        try:
            _copy(file, to)
            file.unlink(missing_ok=True)
        except RecordsError:
            raise
        # Each store's driver has errors of its own.
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            raise RecordsError(f"{to}: {' '.join(told.split())}") from error
        moved += 1
    return moved


def expire(to: Path | str, days: int, now: float) -> int:
    """Delete what a folder has kept for longer than its days; return how many inputs.

    `now` is in seconds since 1970. Raises RecordsError.
    """
    if not isinstance(to, Path):
        return 0
    expired = 0
    try:
        for file in to.glob("??/*"):
            if _DIGEST.fullmatch(file.name) and file.stat().st_mtime < now - days * _DAY_S:
                file.unlink(missing_ok=True)
                expired += 1
    except OSError as error:
        raise RecordsError(f"{to}: {error}") from error
    return expired


def inputs_of(connection: sqlite3.Connection, prediction_id: str) -> list[str]:
    """Return the digests that a prediction's rows in the log name: one, or none."""
    found = connection.execute(
        "SELECT DISTINCT json_extract(detail, '$.input') FROM main.predictions "
        "WHERE prediction_id = ?",
        (prediction_id,),
    )
    return [digest for (digest,) in found if digest is not None]


def erase_input(settings: RecordSettings, digest: str) -> bool:
    """Erase an input wherever it is, for all predictions of it; say whether it was anywhere.

    Raises RecordsError.
    """
    if not _DIGEST.fullmatch(digest):
        raise RecordsError(f"{digest!r} is no digest of an input")
    to, places = settings.inputs_to, []
    if settings.prediction_log is not None:
        places.append(spool_of(settings.prediction_log) / digest)
    if isinstance(to, Path):
        places.append(to / _path_of(digest))
    try:
        found = [place for place in places if place.exists()]
        for place in found:
            place.unlink(missing_ok=True)
        is_in_bucket = isinstance(to, str) and _erase_from(to, digest)
    except RecordsError:
        raise
    except Exception as error:
        raise RecordsError(f"{to}: {type(error).__name__}: {error}") from error
    return bool(found) or is_in_bucket


def _copy(file: Path, to: Path | str) -> None:
    if isinstance(to, str):
        store, root = _store(to)
        store.put_file(str(file), f"{root}/{_path_of(file.name)}")
        return
    path = to / _path_of(file.name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    # Its days are counted from now on, whenever it was written.
    shutil.copyfile(file, part)
    os.chmod(part, 0o600)
    os.replace(part, path)


def _erase_from(bucket: str, digest: str) -> bool:
    store, root = _store(bucket)
    path = f"{root}/{_path_of(digest)}"
    if not store.exists(path):
        return False
    store.rm_file(path)
    return True


def _store(bucket: str) -> tuple[Any, str]:
    # Else gcsfs asks by gRPC how a bucket is laid out, which takes a further right.
    os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    try:
        import fsspec

        store, root = fsspec.url_to_fs(bucket)
    except ImportError as error:
        raise RecordsError(f"{bucket}: {error}: ./setup.sh fetch") from error
    return store, root.rstrip("/")


def _path_of(digest: str) -> str:
    """Return where an input lies: not all in one folder, which may be listed."""
    return f"{digest[:2]}/{digest}"
