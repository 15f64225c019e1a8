"""What the last look for drift found, in a file beside the prediction log: what metrics tell."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.records.errors import RecordsError
from app.records.locking import BusyError, FileLock

_LOCK_S = 5.0
# What nobody looks at any more is told no more.
_KEPT_US = 30 * 24 * 3600 * 1_000_000


@dataclass(frozen=True)
class Verdict:
    """What was found of a version at a time: each column's distance, and whether that is far."""

    model: str
    version: str
    at: int
    columns: Mapping[str, tuple[float, bool]]


def place_of(log: Path) -> Path:
    """Return the file of the verdicts beside a log."""
    return log.with_name(f"{log.name}.drift.json")


def note(log: Path, verdict: Verdict) -> None:
    """Put a verdict in the place of the version's last one; raises RecordsError."""
    path = place_of(log)
    try:
        lock = FileLock(log.with_name(f"{log.name}.lock"))
        try:
            with lock.held(_LOCK_S):
                kept = [
                    one
                    for one in noted(log)
                    if (one.model, one.version) != (verdict.model, verdict.version)
                    and one.at > verdict.at - _KEPT_US
                ]
                _write(path, [*kept, verdict])
        finally:
            lock.close()
    except (OSError, BusyError) as error:
        raise RecordsError(f"{path}: {error or 'busy'}") from error


def noted(log: Path) -> list[Verdict]:
    """Return the verdicts beside a log; none where there is no file, or none that can be read."""
    try:
        return [*_read(json.loads(place_of(log).read_bytes()))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _read(document: Mapping[str, list[Mapping[str, object]]]) -> Iterator[Verdict]:
    for one in document["verdicts"]:
        columns = {
            str(name): (float(found["score"]), bool(found["detected"]))
            for name, found in one["columns"].items()  # type: ignore[attr-defined]
        }
        yield Verdict(str(one["model"]), str(one["version"]), int(str(one["at"])), columns)


def _write(path: Path, verdicts: list[Verdict]) -> None:
    document = {
        "verdicts": [
            {
                "model": one.model,
                "version": one.version,
                "at": one.at,
                "columns": {
                    name: {"score": score, "detected": is_far}
                    for name, (score, is_far) in one.columns.items()
                },
            }
            for one in verdicts
        ]
    }
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(document))
    os.replace(part, path)
