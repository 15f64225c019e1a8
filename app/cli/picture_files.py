"""The pictures of commands that try a model on some: the option `--images FOLDER`, or a key."""

from __future__ import annotations

from pathlib import Path

from app.cli.terminal import CommandError, counted
from app.serving.strays import LONGEST_START, is_pointer, pointer_text

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".tif", ".tiff", ".bmp")


def pictures_in(folder: Path, least: int, advice: str = "", what: str = "--images") -> list[Path]:
    """Return the pictures in a folder, in any depth; raises CommandError where they are fewer.

    `what` is where the folder is named.
    """
    if not folder.is_dir():
        raise CommandError(f"{what} {folder}: there is no such folder", 2)
    there = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".") and path.is_file()
    ]
    if len(there) < least:
        told = counted(len(there), "picture")
        more = f", {advice}" if advice else ""
        raise CommandError(
            f"{what} {folder}: has {told} ({', '.join(_SUFFIXES)}); {least} or more are "
            f"needed{more}",
            2,
        )
    if pointer := next(filter(_is_pointer, there), None):
        raise CommandError(f"{what} {folder}: {pointer_text(pointer.name)}")
    return there


def _is_pointer(path: Path) -> bool:
    with path.open("rb") as file:
        return is_pointer(file.read(LONGEST_START))
