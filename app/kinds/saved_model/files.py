"""A SavedModel's folder, looked at without TensorFlow: all is there, and none of it is outside.

A link that leads out of the folder would have the server read what is not the model's.
"""

from __future__ import annotations

import os
from pathlib import Path

from app.kinds.kind import ModelError

GRAPH = "saved_model.pb"
TRANSFORM = "transform"
_VARIABLES = "variables"
# More is no SavedModel's: the look at it has to end.
_MOST_ENTRIES = 10_000


def is_saved_model(path: Path) -> bool:
    """Say whether the folder holds a graph; never raises."""
    try:
        return (path / GRAPH).is_file()
    except OSError:
        return False


def transform_of(folder: Path) -> Path | None:
    """Return the folder of BigQuery ML's transform, where there is one."""
    transform = folder / TRANSFORM
    return transform if is_saved_model(transform) else None


def check(folder: Path) -> None:
    """Raise ModelError where a graph is absent or empty, or anything leads out of the folder."""
    try:
        check_links(folder)
        graph = folder / GRAPH
        if not graph.is_file():
            raise ModelError(f"{folder.name}/ holds no {GRAPH}")
        if not graph.stat().st_size:
            raise ModelError(f"{GRAPH} is empty; copy it again")
    except OSError as error:
        raise ModelError(f"{folder.name}/ cannot be read: {error.strerror}") from error


def variables_of(folder: Path) -> Path | None:
    """Return what the names of the variables' files begin with; None where there is no index."""
    prefix = folder / _VARIABLES / "variables"
    return prefix if prefix.with_name("variables.index").is_file() else None


def variables_bytes(prefix: Path) -> int:
    """Return how many bytes the files of values have together; raises OSError."""
    return sum(path.stat().st_size for path in prefix.parent.glob(f"{prefix.name}.data-*"))


def asset(folder: Path, name: str) -> Path:
    """Return an asset's path; raises ModelError where it is outside of the folder, or absent."""
    assets = folder / "assets"
    path = assets / name
    if not path.resolve().is_relative_to(assets.resolve()):
        raise ModelError(f"{GRAPH} names the asset {name!r}, which lies outside of assets/")
    if not path.is_file():
        raise ModelError(f"assets/{name} is not there; copy the whole folder")
    return path


def sizes(folder: Path) -> dict[str, int]:
    """Return the bytes of each file of the folder by its path in it, sorted; raises OSError."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.stat().st_size for path in paths}


def check_links(folder: Path) -> None:
    """Raise ModelError where a link leads out of the folder; or OSError."""
    inside, seen = folder.resolve(), 0
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            seen += 1
            path = Path(place, name)
            if seen > _MOST_ENTRIES:
                raise ModelError(f"{folder.name}/ holds more than {_MOST_ENTRIES:,} files")
            if path.is_symlink() and not path.resolve().is_relative_to(inside):
                told = path.relative_to(folder)
                raise ModelError(f"{told} is a link out of the model's folder; copy the file there")
