"""Files that are taken for models and are none: told by their names, or by their first bytes.

What is silently left out, or refused in the words of another format, keeps a person searching.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_OTHER_FORMATS = {
    ".pb": "a graph of TensorFlow",
    ".tflite": "a model of TensorFlow Lite",
    ".ckpt": "a checkpoint of TensorFlow",
    ".pt": "a model of PyTorch",
    ".pth": "a model of PyTorch",
    ".pkl": "a pickle of Python",
    ".joblib": "a pickle of Python",
    ".safetensors": "weights of another framework",
}
# A booster is the folder that it lies in, with what BigQuery ML writes beside it.
_BOOSTER_SUFFIXES = frozenset({".bst", ".ubj"})
_MAY_BE_BOOSTER = "model.json"
_ARCHIVE_SUFFIXES = frozenset({".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar"})
_UNFINISHED_SUFFIXES = frozenset({".part", ".partial", ".crdownload", ".download", ".tmp"})
_POINTER = b"version https://git-lfs.github.com/spec/v1"
_ARCHIVES = {b"PK\x03\x04": "a ZIP archive", b"\x1f\x8b": "compressed with gzip"}
_THEMSELVES_ARCHIVES = frozenset({".keras"})
_MARKUP = (b"<!doctype html", b"<html")
LONGEST_START = 64


def other_format(path: Path) -> str | None:
    """Say by its name that a file is a model of a format, or under a name, that is not served."""
    if path.suffix.lower() in _BOOSTER_SUFFIXES:
        return f"{path.name} is a booster of XGBoost: name it model.bst, in its version's folder"
    what = _OTHER_FORMATS.get(path.suffix.lower())
    if what is None:
        return None
    return f"{path.name} is {what}, which is not served"


def others(paths: Iterable[Path]) -> list[str]:
    """Say of each file that may have been meant as a model what it is, hidden ones aside."""
    told = (_meant(path) for path in sorted(paths) if not path.name.startswith("."))
    return [line for line in told if line]


def _meant(path: Path) -> str | None:
    if path.name == _MAY_BE_BOOSTER:
        return f"{path.name} may be a booster of XGBoost: then name it model.bst"
    return other_format(path)


def to_unpack(path: Path) -> str | None:
    """Say by a file's name that a model may be inside, or not yet all of it; else None."""
    suffix = path.suffix.lower()
    if suffix in _ARCHIVE_SUFFIXES:
        return f"{path.name} is an archive, which has to be unpacked"
    return f"{path.name} is an unfinished download" if suffix in _UNFINISHED_SUFFIXES else None


def no_content(path: Path) -> str | None:
    """Say by a file's first bytes why it cannot be what its name says; None where it may be.

    Raises OSError.
    """
    if path.is_symlink() and not path.exists():
        return f"{path.name} is a link that leads nowhere"
    with path.open("rb") as file:
        start = file.read(LONGEST_START)
    if not start:
        return f"{path.name} is empty: it has 0 bytes"
    if is_pointer(start):
        return pointer_text(path.name)
    for magic, what in _ARCHIVES.items():
        if start.startswith(magic) and path.suffix.lower() not in _THEMSELVES_ARCHIVES:
            return f"{path.name} is {what}; unpack it"
    if start.lstrip().lower().startswith(_MARKUP):
        return f"{path.name} is a web page: the download gave that in place of the file"
    return None


def is_pointer(content: bytes) -> bool:
    """Say whether this is what stands for a large file where Git LFS has not brought it."""
    return content.startswith(_POINTER)


def pointer_text(name: str) -> str:
    """Say that a file of that name is a pointer, and how to get the file."""
    return f"{name} is a Git LFS pointer, not the file itself; git lfs pull brings it"
