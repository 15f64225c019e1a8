"""A booster's folder, looked at without XGBoost: which file it is, and in which format."""

from __future__ import annotations

from pathlib import Path

from app.kinds.kind import ModelError
from app.kinds.saved_model.files import check_links

#: As BigQuery ML and KServe name the file, whatever its format. A `model.json` is many a program's.
NAMES = ("model.bst", "model.ubj")
#: What BigQuery ML writes of the columns, in the folder `assets`.
METADATA = "model_metadata.json"
BINARY, UBJSON, JSON = "XGBoost's binary format", "UBJSON", "JSON"


def is_booster(folder: Path) -> bool:
    """Say whether the folder holds a booster; never raises."""
    try:
        return any((folder / name).is_file() for name in NAMES)
    except OSError:
        return False


def check(folder: Path) -> Path:
    """Return the booster's file; raises ModelError where it is empty, or one of several."""
    try:
        check_links(folder)
        there = [name for name in NAMES if (folder / name).is_file()]
        if len(there) != 1:
            told = " and ".join(there) or f"none of {', '.join(NAMES)}"
            raise ModelError(f"{folder.name}/ holds {told}; keep one")
        if not (folder / there[0]).stat().st_size:
            raise ModelError(f"{there[0]} is empty; copy it again")
    except OSError as error:
        raise ModelError(f"{folder.name}/ cannot be read: {error.strerror}") from error
    return folder / there[0]


def format_of(path: Path) -> str:
    """Return which of its three formats XGBoost takes a file for; raises OSError."""
    with path.open("rb") as file:
        start = file.read(2)
    if not start.startswith(b"{"):
        return BINARY
    return JSON if start[1:] in (b'"', b" ", b"\n", b"\r", b"\t") else UBJSON
