"""What is written beside its place until it is whole, and what killed processes have left of it."""

from __future__ import annotations

import glob
import os
import shutil
from pathlib import Path


def partial_path(path: Path) -> Path:
    """Return where this process writes what is to lie at `path`, hidden beside it."""
    return path.with_name(f".{path.name}.{os.getpid()}")


def remove_leftovers(path: Path) -> None:
    """Remove what processes that are no more have left of what was to lie at `path`."""
    for partial in path.parent.glob(f".{glob.escape(path.name)}.*"):
        process = partial.name.removeprefix(f".{path.name}.")
        if process.isdecimal() and not _runs(int(process)):
            remove(partial)


def remove(path: Path) -> None:
    """Remove a file, a link, or a folder with all in it; says nothing of what it cannot."""
    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)


def _runs(process: int) -> bool:
    if process == os.getpid():  # of before: in a container every process has the number of the last
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True
