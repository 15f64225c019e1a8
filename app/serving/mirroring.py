"""A bucket's models in a folder: each version whole or not at all, and gone when it is gone there.

Only one process mirrors to a folder at a time. What is in the folder is never changed in place.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from app import log
from app.serving.layout import MARKERS, version_of
from app.serving.stores import StoreError, blocks_of, store_of, tried

# Beside the models, hidden: what is on its way, what was replaced, and what is here.
_OWN = ".mirror"
_RECORD = "record.json"
_MOST_FILES = 100_000
# What changes with an object's content, as the stores' drivers call it.
_STAMPS = ("generation", "ETag", "etag", "LastModified", "last_modified", "mtime")


class MirrorError(Exception):
    """A bucket that could not be mirrored; its text is one line."""


@dataclass(frozen=True)
class Remote:
    """A file in the bucket, as it is there now."""

    path: str
    size_bytes: int
    stamp: str
    md5: str | None = None


#: What appears at once, a version's folder or a file: its files by their paths in it.
Unit = Mapping[str, Remote]
#: The stamps of a unit's files, by their paths in it.
Stamps = Mapping[str, str]


class Mirror:
    """Mirrors what lies at an address, such as `gs://bucket/models`, to a folder."""

    def __init__(self, address: str, folder: Path) -> None:
        self._address, self._folder = address, folder
        self._own = folder / _OWN
        self._before: Mapping[str, Stamps] | None = None

    def sync(self, now: str | None = None) -> None:
        """Bring what is new in the bucket, and drop what is gone from there.

        What was not the same at the last call may still be on its way there, and is waited for:
        not at the first call, and not of the model `now`. Raises MirrorError; what could be brought
        is.
        """
        try:
            with self._alone():
                problem = self._sync(now)
        except OSError as error:
            raise MirrorError(f"{self._folder}: {error.strerror or error}") from error
        except StoreError as error:
            raise MirrorError(str(error)) from error
        if problem:
            raise MirrorError(problem)

    def _sync(self, now: str | None) -> str | None:
        """Do that; return what is wrong with the first version that could not be brought."""
        files, units = self._listed()
        stamps = {name: _stamps(unit) for name, unit in units.items()}
        before, self._before = self._before, stamps
        have = self._read()
        awaited: set[str] = set()
        problem = None
        for name, unit in units.items():
            if have.get(name) == stamps[name] and (self._folder / name).exists():
                continue
            awaited.add(name)
            is_settled = before is None or before.get(name) == stamps[name]
            if not (is_settled or _is_of(name, now)):
                continue
            try:
                self._bring(files, name, unit, have.get(name, {}))
            except StoreError as error:
                problem = problem or str(error)
            except OSError as error:
                problem = problem or f"{self._folder}: {name}: {error.strerror or error}"
            else:
                have = self._noted({**have, name: stamps[name]})
                awaited.discard(name)
        missing = {_model_of(name) for name in awaited}
        for name in [name for name in have if name not in units]:
            # As long as nothing has come in its place, it goes on.
            if _model_of(name) not in missing:
                self._drop(name, have[name], units)
                have = self._noted({one: have[one] for one in have if one != name})
        if not awaited:
            shutil.rmtree(self._own / "parts", ignore_errors=True)
        return problem

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from mirroring to the same folder; raises OSError."""
        self._own.mkdir(parents=True, exist_ok=True)
        with (self._own / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for left in ("coming", "gone"):
                shutil.rmtree(self._own / left, ignore_errors=True)
            yield

    def _listed(self) -> tuple[Any, dict[str, Unit]]:
        """Return the bucket's driver, and what lies there; raises StoreError."""
        files, root = store_of(self._address)
        root = root.rstrip("/") + "/"

        def find() -> Mapping[str, Mapping[str, Any]]:
            files.invalidate_cache()
            found: Mapping[str, Mapping[str, Any]] = files.find(root.rstrip("/"), detail=True)
            return found

        # The next look is the next attempt.
        found = tried(self._address, find, attempts=1)
        if len(found) > _MOST_FILES:
            told = f"{len(found):,} files lie there; at most {_MOST_FILES:,} are mirrored"
            raise StoreError(f"{self._address}: {told}")
        there = {
            path.removeprefix(root): _remote(path, info)
            for path, info in found.items()
            if path.startswith(root) and info.get("type") == "file"
        }
        return files, units_of({path: one for path, one in there.items() if _is_plain(path)})

    def _bring(self, files: Any, name: str, unit: Unit, have: Stamps) -> None:
        """Bring what is missing of a unit, and put it in its place whole.

        Raises OSError or StoreError; then its place is as it was.
        """
        target = self._folder / name
        kept = {
            inner: target / inner
            for inner, remote in unit.items()
            if have.get(inner) == remote.stamp and (target / inner).is_file()
        }
        parts = {inner: self._part(remote) for inner, remote in unit.items() if inner not in kept}
        self._check_room(unit, parts)
        for inner, part in parts.items():
            _fill(files, unit[inner], part)
        staged = self._own / "coming" / "unit"
        for inner, source in {**kept, **parts}.items():
            place = staged / inner if inner else staged
            place.parent.mkdir(parents=True, exist_ok=True)
            _link(source, place)
        self._clear(target)
        os.replace(staged, target)
        for part in parts.values():
            part.unlink()
        size_bytes = sum(remote.size_bytes for remote in unit.values())
        log.event("mirrored", place=name, bytes=size_bytes, files=len(unit))

    def _part(self, remote: Remote) -> Path:
        """Return where a file comes; what has come of another one is none of it."""
        name = hashlib.sha256(f"{remote.path}\0{remote.stamp}".encode()).hexdigest()[:40]
        return self._own / "parts" / name

    def _check_room(self, unit: Unit, parts: Mapping[str, Path]) -> None:
        """Raise StoreError where the disk has no room for what is missing of a unit."""
        (self._own / "parts").mkdir(exist_ok=True)
        missing = sum(
            unit[inner].size_bytes - (part.stat().st_size if part.exists() else 0)
            for inner, part in parts.items()
        )
        free = shutil.disk_usage(self._own).free
        if free < missing:
            told = f"it needs {missing:,} bytes more, and {free:,} are free"
            path = next(iter(unit.values())).path
            raise StoreError(f"{self._folder} has no room for {path}: {told}")

    def _clear(self, target: Path) -> None:
        """Put away what is in a place, or where its folder is to be."""
        for parent in target.relative_to(self._folder).parents:
            if (self._folder / parent).is_file():
                (self._folder / parent).unlink()
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            gone = self._own / "gone"
            gone.mkdir(exist_ok=True)
            os.replace(target, gone / hashlib.sha256(str(target).encode()).hexdigest()[:40])
            shutil.rmtree(gone)

    def _drop(self, name: str, stamps: Stamps, units: Mapping[str, Unit]) -> None:
        """Remove a unit that is gone from the bucket, and folders that hold nothing then."""
        target = self._folder / name
        if target.is_dir() and not any(other.startswith(f"{name}/") for other in units):
            self._clear(target)
        # Else others lie in it; what has become a folder is no file of this one.
        for file in (target / inner for inner in stamps):
            if file.is_file():
                file.unlink()
        parent = target.parent
        while parent != self._folder and parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()
            parent = parent.parent
        log.event("mirror_dropped", place=name)

    def _read(self) -> dict[str, Stamps]:
        """Return what was mirrored before; nothing where that cannot be read."""
        try:
            record = json.loads((self._own / _RECORD).read_bytes())
            return {name: dict(stamps) for name, stamps in record.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _noted(self, have: dict[str, Stamps]) -> dict[str, Stamps]:
        """Write down what is mirrored now; raises OSError."""
        new = self._own / f"{_RECORD}.new"
        new.write_text(json.dumps(have))
        os.replace(new, self._own / _RECORD)
        return have


def units_of(there: Mapping[str, Remote]) -> dict[str, Unit]:
    """Return what appears at once: a version's folder, a folder that is a model, any other file."""
    paths = {path: PurePosixPath(path).parts for path in sorted(there)}
    marked = {parts[0] for parts in paths.values() if len(parts) == 2 and parts[1] in MARKERS}
    units: dict[str, dict[str, Remote]] = {}
    for path, parts in paths.items():
        length = len(parts)
        if length > 1 and parts[0] in marked:
            length = 1
        elif length > 2 and version_of(Path(parts[1])):
            length = 2
        name, inner = "/".join(parts[:length]), "/".join(parts[length:])
        units.setdefault(name, {})[inner] = there[path]
    for unit in units.values():
        # A store can have a file and a folder of one name.
        if len(unit) > 1:
            unit.pop("", None)
    return {**units}


def _stamps(unit: Unit) -> Stamps:
    return {inner: remote.stamp for inner, remote in unit.items()}


def _model_of(name: str) -> str:
    return PurePosixPath(name).parts[0]


def _is_of(name: str, model: str | None) -> bool:
    """Say whether a unit is a model's: in its folder, or a file that is named for it."""
    return model is not None and (_model_of(name) == model or name.startswith(f"{model}."))


def _link(source: Path, place: Path) -> None:
    try:
        os.link(source, place)
    except OSError:
        # Not every disk has links.
        shutil.copyfile(source, place)


def _is_plain(path: str) -> bool:
    """Say whether a file of that path is mirrored: not what is hidden, nor what leads elsewhere."""
    parts = path.split("/")
    return path.isprintable() and not any(not one or one.startswith(".") for one in parts)


def _remote(path: str, info: Mapping[str, Any]) -> Remote:
    stamp = next((str(info[key]) for key in _STAMPS if info.get(key)), "")
    size_bytes = int(info.get("size") or 0)
    told = info.get("md5Hash")
    md5 = base64.b64decode(told).hex() if told else None
    return Remote(path, size_bytes, f"{stamp} {size_bytes}", md5)


def _fill(files: Any, remote: Remote, part: Path) -> None:
    """Bring what is missing of a file; raises OSError, or StoreError where another one came."""
    with part.open("ab") as file:
        if file.tell() > remote.size_bytes:
            file.truncate(0)
        for block in blocks_of(files, remote.path, file.tell(), remote.size_bytes):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    if remote.md5 is not None:
        with part.open("rb") as file:
            is_same = hashlib.file_digest(file, "md5").hexdigest() == remote.md5
    else:
        files.invalidate_cache()
        info = tried(remote.path, lambda: files.info(remote.path))
        is_same = _remote(remote.path, info).stamp == remote.stamp
    if not is_same:
        part.unlink()
        raise StoreError(f"{remote.path}: it was changed while it was brought")
