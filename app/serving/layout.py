"""Finds the models in a repository folder by their places alone; no file is opened.

`<name>/<version>/` holds one model file, `<name>.h5` directly in the folder is version 1. What is
wrong with a place is told in one line, and never keeps the other models from being found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MODEL_SUFFIXES = (".h5", ".hdf5")

# One spelling a number: "01" beside "1" would be the same version twice.
_VERSION = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True)
class Found:
    """One model's place, or what is wrong with it.

    `version` is 0 where no numbered version was found. `folder` is what paths in the options are
    relative to; `path` is None exactly where there is an `error`.
    """

    name: str
    version: int
    folder: Path
    path: Path | None = None
    options_path: Path | None = None
    labels_path: Path | None = None
    error: str | None = None


def find_models(repository: Path) -> list[Found]:
    """Return the latest version of every model, sorted by name; raises OSError."""
    entries = sorted(entry for entry in repository.iterdir() if not entry.name.startswith("."))
    found = list(_bare_models(repository, [entry for entry in entries if _is_model_file(entry)]))
    found += [_latest_version(entry) for entry in entries if entry.is_dir()]
    return sorted(_without_doubles(found), key=lambda model: (model.name, model.version))


def _is_model_file(path: Path) -> bool:
    return path.suffix.lower() in MODEL_SUFFIXES and not path.is_dir()


def _existing(path: Path) -> Path | None:
    return path if path.is_file() else None


def _bare_models(repository: Path, paths: list[Path]) -> Iterator[Found]:
    """Yield each model file lying directly in the folder, as version 1 of its stem."""
    shared = [name for name in ("model.yaml", "labels.txt") if (repository / name).is_file()]
    for path in paths:
        options_path = _existing(path.with_name(f"{path.stem}.yaml"))
        labels_path = _existing(path.with_name(f"{path.stem}.labels.txt"))
        if len(paths) == 1:
            options_path = options_path or _existing(repository / "model.yaml")
            labels_path = labels_path or _existing(repository / "labels.txt")
        elif shared:
            # Ignoring it would serve the model with other settings than its owner wrote down.
            error = (
                f"{shared[0]} beside {len(paths)} model files: name it "
                f"{path.stem}{'.yaml' if shared[0] == 'model.yaml' else '.labels.txt'}"
            )
            yield Found(path.stem, 1, repository, error=error)
            continue
        yield Found(path.stem, 1, repository, path, options_path, labels_path)


def _latest_version(model: Path) -> Found:
    """Return the highest numbered version of one model's folder."""
    try:
        versions = [
            int(entry.name)
            for entry in model.iterdir()
            if _VERSION.fullmatch(entry.name) and entry.is_dir()
        ]
        if versions:
            return _version(model, max(versions))
        misplaced = [entry.name for entry in sorted(model.iterdir()) if _is_model_file(entry)]
    except OSError as error:
        return Found(model.name, 0, model, error=f"cannot be read: {error.strerror}")
    hint = f"; move {misplaced[0]} to {model.name}/1/" if misplaced else ""
    return Found(
        model.name, 0, model, error=f"{model.name}/ holds no numbered version folder{hint}"
    )


def _version(model: Path, version: int) -> Found:
    folder = model / str(version)
    paths = sorted(entry for entry in folder.iterdir() if _is_model_file(entry))
    paths = [path for path in paths if not path.name.startswith(".")]
    place = f"{model.name}/{version}/"
    if len(paths) != 1:
        names = ", ".join(path.name for path in paths)
        suffixes = " or ".join(f"*{suffix}" for suffix in MODEL_SUFFIXES)
        error = (
            f"{place} holds {len(paths)} model files ({names}); keep one"
            if paths
            else f"{place} holds no model file ({suffixes})"
        )
        return Found(model.name, version, folder, error=error)
    return Found(
        model.name,
        version,
        folder,
        paths[0],
        _existing(folder / "model.yaml"),
        _existing(folder / "labels.txt"),
    )


def _without_doubles(found: list[Found]) -> Iterator[Found]:
    """Yield the models; a second one of a name, bare file beside folder, as an error."""
    names: dict[str, Path] = {}
    for model in found:
        other = names.setdefault(model.name, model.path or model.folder)
        if other == (model.path or model.folder):
            yield model
        else:
            error = f"{model.name} is there twice: as {other.name} and as a folder; keep one"
            yield Found(model.name, model.version, model.folder, error=error)
