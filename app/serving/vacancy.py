"""Why a model repository serves nothing: it is not there, or what lies in it is no model.

Both are told where a person looks, before anything is started. The standard library alone.
"""

from __future__ import annotations

import os
from pathlib import Path

from app.serving import strays
from app.serving.layout import (
    MODEL_SUFFIXES,
    MODELS_TEXT,
    find_models,
    is_marked,
    is_model_folder,
    visible,
)
from app.serving.settings import ServingSettings
from app.serving.stores import missing_driver
from app.variables import SettingsError

#: What is said of a bucket that has not been mirrored yet.
BEING_BROUGHT = "is being brought"

_HDF5 = b"\x89HDF\r\n\x1a\n"
_MOST_NAMED = 3


def check_repository(settings: ServingSettings) -> None:
    """Raise SettingsError, with what to do, where a server could not get at its models."""
    if settings.model_bucket is None:
        check_folder(settings.model_repository)
        return
    told = f"MODEL_REPOSITORY={settings.model_bucket!r}"
    if missing := missing_driver(settings.model_bucket):
        raise SettingsError(f"{told}: {missing}")
    try:
        settings.model_repository.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = f"cannot be made: {error.strerror}; name another place in MODEL_MIRROR"
        raise SettingsError(f"{told}: its mirror {settings.model_repository} {why}") from error


def check_here(settings: ServingSettings) -> None:
    """Raise SettingsError where there is no folder with the models on this machine."""
    folder, bucket = settings.model_repository, settings.model_bucket
    if bucket is not None and not folder.is_dir():
        told = f"nothing of it is in {folder} yet; slipway fetch brings it"
        raise SettingsError(f"MODEL_REPOSITORY={bucket!r}: {told}")
    check_folder(folder)


def check_folder(folder: Path) -> None:
    """Raise SettingsError, with what to do, where a repository's folder cannot be read."""
    problem = None
    try:
        with os.scandir(folder):
            pass
        # Entries can be listed, and none of them opened, where the folder may not be entered.
        os.stat(os.path.join(folder, os.curdir))
    except FileNotFoundError:
        problem = _missing(folder)
    except NotADirectoryError:
        problem = _no_folder(folder)
    except PermissionError as error:
        who = f"user {os.getuid()}"
        problem = f"cannot be read by {who}: {error.strerror}; allow it: chmod -R a+rX {folder}"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}; name another folder"
    if problem:
        raise SettingsError(f"MODEL_REPOSITORY={str(folder)!r}: {problem}")


def _missing(folder: Path) -> str:
    if folder.is_symlink():
        return f"is a link to {os.readlink(folder)}, which is not there; name another folder"
    return f"there is no folder {folder.absolute()}; make it and put a model there, or name another"


def _no_folder(folder: Path) -> str:
    if folder.is_file():
        return f"is a file; name the folder that it lies in: {folder.parent}"
    return "is no folder; name the one that holds the models"


def no_model(folder: Path) -> str | None:
    """Say that a repository holds no model, why, and what to do; None where it holds one.

    Raises OSError.
    """
    if find_models(folder):
        return None
    here = folder.absolute()
    if is_model_folder(folder):
        above = f"name the folder above: {here.parent}"
        why = f"it is a model's own folder, with its versions in it; {above}"
    elif is_marked(folder):
        why = f"it is a model itself; name the folder above: {here.parent}"
    else:
        there = f"put one there, such as {here / 'balloon.h5'}"
        why = f"{_contents(folder)}; {there}"
    return f"MODEL_REPOSITORY={str(folder)!r} holds no model: {why}"


def _contents(folder: Path) -> str:
    """Say what lies in a folder that holds no model."""
    files = [path for path in visible(folder) if not path.is_dir()]
    if told := strays.others(files):
        return _some(told)
    if told := [line for line in map(strays.to_unpack, files) if line]:
        return _some(told)
    if unnamed := [path.name for path in files if _is_hdf5(path)]:
        name = unnamed[0].rpartition(".")[0] or unnamed[0]
        name = name if name.lower().endswith(MODEL_SUFFIXES) else f"{name}.h5"
        return f"{unnamed[0]} is an HDF5 file by another name: name it {name}"
    if files:
        return f"it holds {_some([path.name for path in files])}, and no {MODELS_TEXT}"
    return "it holds nothing but hidden files" if any(folder.iterdir()) else "it is empty"


def _some(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _is_hdf5(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_HDF5)) == _HDF5
    except OSError:
        return False
