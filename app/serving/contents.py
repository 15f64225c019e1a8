"""What a model's bytes are: its file's, or those of all files in its folder; what lies beside."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from app.kinds.registry import companion_suffixes, markers
from app.names import REFERENCE
from app.serving import strays


def name_of(path: Path) -> str:
    """Return what a model's file is called; a folder's is the one that makes a model of it."""
    if not path.is_dir():
        return path.name
    return next((marker for marker in markers() if (path / marker).exists()), path.name)


def companions_of(path: Path | None) -> list[Path]:
    """Return the files that lie beside a model's and may belong to it, such as forms of it."""
    if path is None or path.is_dir():
        return []
    there = (path.with_name(path.stem + suffix) for suffix in companion_suffixes())
    return [companion for companion in there if companion.is_file()]


def stamp_of(path: Path) -> tuple[tuple[str, int, int], ...]:
    """Return what changes when a model's files do: their names, sizes and times.

    Of a file that is not there it is the name alone.
    """
    return tuple((str(file), *_times(file)) for file in _files(path))


def _times(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return -1, 0
    # The inode's own time changes too where another file is put in the place of one.
    return found.st_size, max(found.st_mtime_ns, found.st_ctime_ns)


def size_of(path: Path) -> int:
    """Return how many bytes a model has; raises OSError."""
    return sum(file.stat().st_size for file in _files(path))


def sha256_of(path: Path) -> str:
    """Return the digest of a model's file; of a folder that of what `sha256sum` prints of it.

    That is a line a file, sorted by their paths in the folder, hidden ones and the reference for
    drift aside. Raises OSError.
    """
    if not path.is_dir():
        return _digest(path)
    lines = (f"{_digest(file)}  {file.relative_to(path).as_posix()}\n" for file in _files(path))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def no_content(path: Path) -> str | None:
    """Say by its first bytes why a model cannot be what its name says; None where it may be.

    Raises OSError.
    """
    if not path.is_dir():
        return strays.no_content(path)
    there = (path / marker for marker in markers())
    told = (strays.no_content(file) for file in there if file.is_symlink() or file.exists())
    return next(filter(None, told), None)


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for file in sorted(path.rglob("*")):
        if file == path / REFERENCE:
            # It lies in the folder, and is no part of the model.
            continue
        is_hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
        if file.is_file() and not is_hidden:
            yield file


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
