"""A `.keras` archive whose content is not trusted.

Nothing is unpacked onto the disk under a name of the archive's own, and nothing becomes larger than
the archive could honestly hold.
"""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from app.kinds.kind import ModelError

_WEIGHTS = "model.weights.h5"
_MOST_MEMBERS = 10_000
_BLOCK = 1024 * 1024
# Weights hardly shrink; a member that grows by more than this was made to.
_FREE_BYTES, _MOST_GROWTH = 64 * 1024 * 1024, 20
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


class Archive:
    """A zip archive, every member's name and size looked at."""

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self._archive = archive
        self._path = path
        self._check()

    def has(self, name: str) -> bool:
        """Say whether there is such a member."""
        return name in self._archive.NameToInfo

    @property
    def has_weights(self) -> bool:
        """Whether the arrays are there."""
        return self.has(_WEIGHTS)

    def read(self, name: str, most: int) -> bytes:
        """Return a member of at most so many bytes; raises ModelError."""
        if not self.has(name):
            raise ModelError(
                f"{self._path.name}: a zip archive without {name}, so no .keras of Keras; save the "
                f"model with model.save('name.keras')"
            )
        if self._archive.getinfo(name).file_size > most:
            raise ModelError(f"{self._path.name}: {name} in it is larger than any network's")
        with self._archive.open(name) as member:
            return member.read(most)

    def copy_weights(self, content: IO[bytes]) -> None:
        """Write the arrays' HDF5 file into `content`."""
        if not self.has_weights:
            raise ModelError(
                f"{self._path.name}: a zip archive without {_WEIGHTS}; save the model with "
                f"model.save('name.keras')"
            )
        with self._archive.open(_WEIGHTS) as member:
            while block := member.read(_BLOCK):
                content.write(block)
        content.flush()

    def _check(self) -> None:
        members = self._archive.infolist()
        size = self._path.stat().st_size
        if len(members) > _MOST_MEMBERS:
            raise ModelError(f"{self._path.name}: a zip archive of {len(members):,} members")
        if len(self._archive.NameToInfo) < len(members):
            raise ModelError(f"{self._path.name}: a zip archive that has a member twice")
        for member in members:
            parts = member.filename.replace("\\", "/").split("/")
            if ".." in parts or parts[0] == "" or ":" in parts[0]:
                raise ModelError(
                    f"{self._path.name}: its member {member.filename[:80]!r} leads out of the "
                    f"archive"
                )
        unpacked = sum(member.file_size for member in members)
        if unpacked > _FREE_BYTES + _MOST_GROWTH * size:
            raise ModelError(
                f"{self._path.name}: its {size:,} bytes would become {unpacked:,}; no weights are "
                f"packed as densely"
            )


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Open a zip archive; raises ModelError for what is damaged in it, then and later."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield Archive(archive, path)
    except _DAMAGE as error:
        raise ModelError(
            f"{path.name}: a zip archive, cut off or damaged; copy it again"
        ) from error
