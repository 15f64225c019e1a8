"""Reading HDF5 files whose content is not trusted: what fails is one clear line.

Only what a file itself holds is read. A link, or an array whose numbers lie in another file, could
lead to anything that this process may read.
"""

from __future__ import annotations

import contextlib
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import h5py

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
ZIP_MAGIC = b"PK\x03\x04"
# What libhdf5 says where a file ends before the length that its first bytes tell.
_CUT_OFF = re.compile(r"truncated file: .*stored_eof = (\d+)")


class WeightFileError(ValueError):
    """A weight file cannot be used; the message is one line that says why."""


class ContentError(Exception):
    """Something inside of a file cannot be used; the message does not name the file."""


@contextlib.contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """Open `path` for reading; raises WeightFileError where it is no HDF5 file."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise WeightFileError(f"{path}: is a folder; name the .h5 file in it")
        if not stat.S_ISREG(mode):
            raise WeightFileError(f"{path}: is no regular file")
        with path.open("rb") as file:
            start = file.read(len(HDF5_MAGIC))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise WeightFileError(f"{path}: there is no such file") from error
    except OSError as error:
        raise WeightFileError(f"{path}: cannot be read: {error.strerror}") from error
    if start.startswith(ZIP_MAGIC):
        raise WeightFileError(f"{path.name}: a zip archive, perhaps .keras, not HDF5")
    if start != HDF5_MAGIC:
        size = path.stat().st_size
        raise WeightFileError(f"{path.name}: not an HDF5 file ({size} bytes, other signature)")
    with damage_told(path):
        opened = h5py.File(path, "r")
    with opened:
        yield opened


@contextlib.contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """Name the file in whatever is wrong inside of it, also in what h5py raises for damage."""
    try:
        yield
    except ContentError as error:
        raise WeightFileError(f"{path.name}: {error}") from error
    except (OSError, KeyError, RuntimeError, AttributeError, TypeError, ValueError) as error:
        line = " ".join(str(error).split())
        if cut := _CUT_OFF.search(line):
            there = f"{path.stat().st_size:,} of {int(cut[1]):,} bytes are there"
            raise WeightFileError(f"{path.name}: cut off: {there}; copy it again") from error
        raise WeightFileError(f"{path.name}: truncated or damaged HDF5 file: {line}") from error


def names(group: h5py.Group, attribute: str) -> list[str]:
    """Return an attribute that lists names; Keras splits long ones into name0, name1, ..."""
    chunks: list[object] = []
    if attribute in group.attrs:
        chunks = list(group.attrs[attribute])
    index = 0
    while f"{attribute}{index}" in group.attrs:
        chunks += list(group.attrs[f"{attribute}{index}"])
        index += 1
    return [c.decode("utf-8") if isinstance(c, bytes) else str(c) for c in chunks]


def member(group: h5py.Group, path: str) -> h5py.Group | h5py.Dataset | None:
    """Return what lies at `path` under a group; None where nothing does.

    Raises ContentError where a link stands in the way: none is followed.
    """
    found = group
    for name in filter(None, path.split("/")):
        if not isinstance(found, h5py.Group) or not found.id.links.exists(name.encode()):
            return None
        if found.id.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
            link = f"{found.name}/{name}".lstrip("/")
            raise ContentError(f"{link} is a link; a weight file has to hold its arrays itself")
        found = found[name]
    return found
