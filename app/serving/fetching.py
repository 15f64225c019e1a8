"""Brings the files that references name: resumed after a cut, verified, and moved into place whole.

A store is read by ranges, so that what has come stays.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from app.serving.layout import references_in, version_of, visible
from app.serving.references import Source, SourceError, misnamed, reference_in, shown
from app.serving.stores import BLOCK_BYTES, StoreError, blocks_of, store_of, tried

#: Hears how many more bytes are there.
Told = Callable[[int], None]


class FetchError(Exception):
    """A file that could not be brought; its text is one line."""


class _OtherFileError(Exception):
    """What is at the source is not what the reference says."""


@dataclass(frozen=True)
class Wanted:
    """A file that a `model.yaml` refers to, and where it belongs; a model's own, or a companion."""

    name: str
    version: int
    options: Path
    source: Source
    target: Path
    is_companion: bool = False

    @property
    def title(self) -> str:
        """How it is called in lines for people."""
        title = f"{self.name} version {self.version}"
        return f"{title}, {self.target.name}" if self.is_companion else title

    @property
    def aside(self) -> Path:
        """Where another file goes that is in its place: somebody may have trained it."""
        return self.target.with_name(f".{self.target.name}.before")

    def is_here(self) -> bool:
        """Say whether the file is there, and the one that is meant. Raises OSError."""
        return self.target.is_file() and self.source.difference(self.target) is None


def find_wanted(repository: Path) -> tuple[list[Wanted], list[str]]:
    """Return the files that the models of a repository refer to, and what is wrong in a line each.

    Raises OSError.
    """
    wanted: list[Wanted] = []
    problems: list[str] = []
    for name, version, options in _options_in(repository):
        is_bare = options.parent == repository
        if problem := misnamed(options):
            problems.append(f"{name} version {version}: {problem}")
            continue
        try:
            reference = reference_in(options)
        except SourceError as error:
            problems.append(f"{name} version {version}: {error}")
            continue
        files = reference.targets(options.parent, name if is_bare else None) if reference else []
        for source, target in files:
            is_companion = target != files[0][1]
            wanted.append(Wanted(name, version, options, source, target, is_companion))
    return wanted, problems


def _options_in(repository: Path) -> Iterator[tuple[str, int, Path]]:
    """Yield name, version and `model.yaml` of what may be a reference."""
    entries = visible(repository)
    for path in references_in(entries):
        yield path.stem, 1, path
    for folder in entries:
        if not folder.is_dir():
            continue
        for version in _inside(folder):
            options = version / "model.yaml"
            if (number := version_of(version)) and options.is_file():
                yield folder.name, number, options


def _inside(folder: Path) -> list[Path]:
    # One that cannot be read is told by whoever loads it, and keeps no other from being fetched.
    try:
        return visible(folder)
    except OSError:
        return []


def bring(wanted: Wanted, told: Told = lambda count: None) -> bool:
    """Bring a file; return False where it is there already.

    Raises FetchError; then nothing half is in its place.
    """
    try:
        if wanted.is_here():
            told(wanted.source.size_bytes)
            return False
        with _part_of(wanted) as part:
            if part is None:
                told(wanted.source.size_bytes)
                return False
            _fill(wanted, part, told)
            if wanted.target.exists():
                os.replace(wanted.target, wanted.aside)
            os.replace(part.name, wanted.target)
            return True
    except OSError as error:
        raise FetchError(f"{wanted.target}: {error.strerror or error}") from error


@contextmanager
def _part_of(wanted: Wanted) -> Iterator[IO[bytes] | None]:
    """Open what has come so far, for one process at a time; None where another brought all."""
    # With the digest in its name: what has come of another file is none of this one.
    name = f".{wanted.target.name}.{wanted.source.sha256[:16]}.part"
    path = wanted.target.with_name(name)
    while True:
        with path.open("a+b") as part:
            fcntl.flock(part, fcntl.LOCK_EX)
            if not path.exists() or path.stat().st_ino != os.fstat(part.fileno()).st_ino:
                if wanted.is_here():
                    yield None
                    return
                continue
            try:
                yield part
            finally:
                part.flush()
                if path.exists() and not path.stat().st_size:
                    path.unlink()
            return


def _fill(wanted: Wanted, part: IO[bytes], told: Told) -> None:
    """Bring what is missing of a file, and look whether it is the one that is meant."""
    source = wanted.source
    part.seek(0)
    digest = hashlib.sha256()
    while block := part.read(BLOCK_BYTES):
        digest.update(block)
    have = part.tell()
    if have > source.size_bytes:
        part.truncate(0)
        digest, have = hashlib.sha256(), 0
    told(have)
    free = shutil.disk_usage(wanted.target.parent).free
    if free < source.size_bytes - have:
        missing = f"{source.size_bytes - have:,} bytes more, and {free:,} are free"
        raise FetchError(f"{wanted.target.parent} has no room for it: it needs {missing}")
    try:
        for block in _blocks(wanted, have):
            part.write(block)
            digest.update(block)
            told(len(block))
        if digest.hexdigest() != source.sha256:
            told_by = f"{wanted.options.name} says {source.sha256}"
            raise _OtherFileError(f"has sha256 {digest.hexdigest()}, and {told_by}")
    except _OtherFileError as error:
        os.unlink(part.name)
        raise FetchError(f"{shown(source.uri)} {error}") from None
    part.flush()
    os.fsync(part.fileno())


def _blocks(wanted: Wanted, have: int) -> Iterator[bytes]:
    """Yield a file from its byte `have` on."""
    source = wanted.source
    if have == source.size_bytes:
        return
    try:
        files, path = store_of(source.uri)
        size = tried(source.uri, lambda: files.info(path)).get("size")
        if size is not None and size != source.size_bytes:
            told = f"{wanted.options.name} says {source.size_bytes:,}"
            raise _OtherFileError(f"has {size:,} bytes, and {told}")
        yield from blocks_of(files, path, have, source.size_bytes, shown_as=source.uri)
    except StoreError as error:
        raise FetchError(str(error)) from error
