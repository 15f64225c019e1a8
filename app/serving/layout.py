"""Finds the models in a repository folder by their places alone; no file of a model is opened.

`<name>/<version>/` holds one model, `<name>.h5` directly in the folder is version 1. A model is a
file, or a folder with a certain file in it, such as `saved_model.pb`. What is wrong with a place is
told in one line, and never keeps the other models from being found.
"""

from __future__ import annotations

import errno
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.kinds.registry import markers, suffixes
from app.serving import strays
from app.serving.contents import name_of
from app.serving.references import absence, is_reference
from app.serving.split import Part
from app.serving.versions import VersionsError, served

MODEL_SUFFIXES, MARKERS = suffixes(), markers()
MODELS_TEXT = ", ".join([*(f"*{suffix}" for suffix in MODEL_SUFFIXES), *MARKERS])
SAMPLE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")

VERSION = re.compile(r"[1-9][0-9]{0,17}")
# What file systems and archive tools leave; and what belongs to bare model files.
_NO_MODELS = frozenset({"lost+found", "__MACOSX", "@eaDir"})
_BESIDE_BARE_FILES = frozenset({"samples", "golden", "goldens", "calibration"})
_PARTS_OF_A_SAVED_MODEL = frozenset({"variables", "assets", "transform"})
# Of a folder with no version, so many entries are looked at for a hint.
_MOST_LOOKED_AT = 100


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
    version_labels: tuple[str, ...] = ()
    part: Part = field(default_factory=Part)

    def samples(self) -> list[Path]:
        """Return the pictures in the folder `samples` beside the model; raises OSError."""
        folder = self.folder / "samples"
        if not folder.is_dir():
            return []
        return sorted(path for path in folder.iterdir() if path.suffix.lower() in SAMPLE_SUFFIXES)


#: Finds models in a repository's folder; raises OSError.
Find = Callable[[Path], list[Found]]


@dataclass(frozen=True)
class Model:
    """One model's bare file or folder, and its versions, the latest last."""

    place: Path
    versions: tuple[Found, ...]

    @property
    def latest(self) -> Found:
        """The highest version."""
        return self.versions[-1]


def find_models(repository: Path) -> list[Found]:
    """Return the versions of every model that are to be served, sorted; raises OSError."""
    return sorted((one for model in models_in(repository) for one in _served(model)), key=order)


def _served(model: Model) -> list[Found]:
    """Return the versions that are to be served, or one error."""
    there = {found.version: found for found in model.versions}
    try:
        wanted = served(model.place, [*there])
    except VersionsError as error:
        return [Found(model.latest.name, 0, model.place, error=str(error))]
    return [
        replace(there[version], version_labels=standing.labels, part=standing.part)
        for version, standing in wanted.items()
    ]


def is_model_folder(repository: Path) -> bool:
    """Say whether the folder is itself a model's: numbered folders that hold a model each."""
    folders = [path for path in visible(repository) if path.is_dir()]
    versions = [path for path in folders if version_of(path) and models_inside(path)]
    return bool(versions) and not any(map(_has_versions, folders))


def version_of(folder: Path) -> int | None:
    """Return the version that a folder is by its name; zeros may lead, as in TensorFlow Serving."""
    name = folder.name.lstrip("0")
    return int(name) if VERSION.fullmatch(name) else None


def visible(folder: Path) -> list[Path]:
    """Return what lies in a folder, sorted, without what is hidden or the system's own."""
    entries = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(path for path in entries if path.name not in _NO_MODELS)


def order(found: Found) -> tuple[str, int]:
    """Sort by name and version."""
    return found.name, found.version


def models_in(repository: Path) -> Iterator[Model]:
    """Yield every model; a second one of a name, bare file beside folder, as an error."""
    entries = visible(repository)
    bare = [path for path in entries if is_model_file(path)]
    if is_marked(repository):
        return
    places: dict[str, Path] = {}
    for model in (
        *_bare_models(repository, bare),
        *_absent_models(repository, entries, bare),
        *_models_in_folders(repository, entries, bare),
    ):
        name, version = model.latest.name, model.latest.version
        other = places.setdefault(name, model.place)
        if other == model.place:
            yield model
        else:
            this = "a folder" if model.place.is_dir() else model.place.name
            error = f"{name} is there twice: as {other.name} and as {this}; keep one"
            yield Model(model.place, (Found(name, version, model.place, error=error),))


def _absent_models(repository: Path, entries: list[Path], bare: list[Path]) -> Iterator[Model]:
    """Yield each model that a YAML file directly in the folder refers to, and that is not there."""
    there = {path.stem for path in bare}
    for path in references_in(entries):
        if path.stem not in there and (error := absence(path, repository, path.stem)):
            yield Model(path, (Found(path.stem, 1, repository, error=error),))


def references_in(entries: list[Path]) -> list[Path]:
    """Return the YAML files directly in a repository that refer to a model each."""
    named = (path for path in entries if path.suffix in (".yaml", ".yml") and path.stem != "model")
    return [path for path in named if path.is_file() and is_reference(path)]


def _models_in_folders(repository: Path, entries: list[Path], bare: list[Path]) -> Iterator[Model]:
    if not bare and is_model_folder(repository):
        return
    has_bare = bool(bare or references_in(entries))
    aside: frozenset[str] = _BESIDE_BARE_FILES if has_bare else frozenset()
    for path in entries:
        if path.is_dir() and (path.name not in aside or _versions_in(path)):
            yield Model(path, _versions(path))


def is_model_file(path: Path) -> bool:
    """Say by its name whether a file is a model's; it may be a link that leads nowhere."""
    return path.suffix.lower() in MODEL_SUFFIXES and not path.is_dir()


def is_marked(folder: Path) -> bool:
    """Say whether a folder is a model by a file in it; it may be a link that leads nowhere."""
    return any(_existing(folder / marker) for marker in MARKERS)


def _inside(folder: Path) -> list[Path]:
    """Return what is visible in a folder; nothing where it cannot be read."""
    try:
        return visible(folder)
    except OSError:
        return []


def models_inside(folder: Path) -> list[Path]:
    """Return the models in a folder, which may be one itself; none where it cannot be read."""
    entries = _inside(folder)
    files = [path for path in entries if is_model_file(path)]
    if any(path.name in MARKERS for path in entries):
        return [folder, *files]
    return [*files, *(path for path in entries if path.is_dir() and _is_marked_inside(path))]


def _is_marked_inside(folder: Path) -> bool:
    return any(path.name in MARKERS for path in _inside(folder))


def _has_versions(folder: Path) -> bool:
    """Say whether a numbered folder in it holds a model."""
    numbered = (path for path in _inside(folder) if version_of(path))
    return any(models_inside(path) for path in numbered if path.is_dir())


def _existing(path: Path) -> Path | None:
    # A link that leads nowhere is there: left out, the model would be served without it.
    try:
        return path if path.is_file() or path.is_symlink() else None
    except OSError as failure:
        if failure.errno == errno.ENAMETOOLONG:
            return None
        raise


def _no_file(path: Path) -> str | None:
    """Say of a pipe, a socket or a device that it is one: reading it may wait for ever."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    return None if stat.S_ISREG(mode) else f"{path.name} is neither a file nor a folder"


def _bare_models(repository: Path, paths: list[Path]) -> Iterator[Model]:
    """Yield each model file lying directly in the folder, as version 1 of its stem."""
    for path in paths:
        yield Model(path, (_bare_model(repository, path, len(paths)),))


def _bare_model(repository: Path, path: Path, count: int) -> Found:
    """Return one of `count` bare model files."""
    stem = path.stem
    options_path = _existing(repository / f"{stem}.yaml")
    labels_path = _existing(repository / f"{stem}.labels.txt")
    shared = [one for name in ("model.yaml", "labels.txt") if (one := _existing(repository / name))]
    error = _no_file(path) or _misnamed(repository, {f"{stem}.yml": f"{stem}.yaml"})
    if count == 1:
        options_path = options_path or _existing(repository / "model.yaml")
        labels_path = labels_path or _existing(repository / "labels.txt")
        error = error or _misnamed(repository, {"model.yml": "model.yaml"})
    elif shared:
        own = f"{stem}{'.yaml' if shared[0].name == 'model.yaml' else '.labels.txt'}"
        error = f"{shared[0].name} beside {count} model files: name it {own}"
    if error:
        return Found(stem, 1, repository, error=error)
    return Found(stem, 1, repository, path, options_path, labels_path)


def _misnamed(folder: Path, names: dict[str, str]) -> str | None:
    """Say of a file that nobody would read how it has to be named.

    Ignoring it would serve the model with other settings than its owner wrote down.
    """
    for wrong, right in names.items():
        if _existing(folder / wrong):
            return f"{wrong} is not read; name it {right}"
    return None


def _versions_in(model: Path) -> dict[int, Path]:
    """Return the folders of a model's versions, by their numbers in rising order."""
    folders: dict[int, Path] = {}
    for path in sorted(model.iterdir()):
        if path.is_dir() and (version := version_of(path)):
            folders.setdefault(version, path)
    return dict(sorted(folders.items()))


def _versions(model: Path) -> tuple[Found, ...]:
    """Return the versions of one model's folder, or one error."""
    latest = 0
    try:
        folders = _versions_in(model)
        if is_marked(model):
            return (_without_version(model, folders),)
        latest = max(folders, default=0)
        error = _read_by_none(model, folders[latest]) if folders else _no_version(model)
    except OSError as failure:
        latest, error = 0, f"{model.name}/ cannot be read: {failure.strerror}"
    if error:
        return (Found(model.name, latest, model, error=error),)
    return tuple(_version(model.name, *one) for one in folders.items())


def _without_version(model: Path, folders: dict[int, Path]) -> Found:
    """Return a folder that is a model and has no versions: it is the first."""
    if folders:
        name = next(iter(folders.values())).name
        error = f"{model.name}/ is a model itself and holds version {name}/; keep one"
        return Found(model.name, 0, model, error=error)
    return _in_folder(model.name, 1, model, f"{model.name}/")


def _read_by_none(model: Path, latest: Path) -> str | None:
    """Say of options beside the version folders, where no version reads them, where to put them."""
    for name in ("model.yaml", "model.yml", "labels.txt"):
        if _existing(model / name):
            return (
                f"{model.name}/{name} is read by no version; move it to {model.name}/{latest.name}/"
            )
    return None


def _no_version(model: Path) -> str:
    """Say that a folder holds no version, and what it holds that may have been meant as one."""
    entries = visible(model)[:_MOST_LOOKED_AT]
    folders = [path for path in entries if path.is_dir()]
    hint = "".join(f"; {line}" for line in strays.others(entries))
    if files := [path for path in entries if is_model_file(path)]:
        hint = f"; move {files[0].name} to {model.name}/1/"
    elif inside := next(filter(models_inside, folders), None):
        hint = f"; rename {model.name}/{inside.name}/ to {model.name}/1/"
    elif inside := next(filter(_has_versions, folders), None):
        hint = f"; it holds models itself, such as {inside.name}: name it as the repository"
    return f"{model.name}/ holds no numbered version folder{hint}"


def _version(name: str, version: int, folder: Path) -> Found:
    place = f"{name}/{folder.name}/"
    twins = [path for path in folder.parent.iterdir() if version_of(path) == version]
    if len(twins) > 1:
        names = " and ".join(sorted(path.name for path in twins))
        error = f"{name}/ holds version {version} twice: as {names}; keep one"
        return Found(name, version, folder, error=error)
    return _in_folder(name, version, folder, place)


def _in_folder(name: str, version: int, folder: Path, place: str) -> Found:
    """Return the model of one version's folder; `place` is what a person knows it by."""
    try:
        entries = visible(folder)
    except OSError as failure:
        unread = f"{place} cannot be read: {failure.strerror}"
        return Found(name, version, folder, error=unread)
    paths = models_inside(folder)
    if error := _wrong_in(folder, entries, paths, place):
        return Found(name, version, folder, error=error)
    options_path = _existing(folder / "model.yaml")
    labels_path = _existing(folder / "labels.txt")
    return Found(name, version, folder, paths[0], options_path, labels_path)


def _wrong_in(folder: Path, entries: list[Path], paths: list[Path], place: str) -> str | None:
    """Say what keeps a version's folder from being served; None where it is as it should be."""
    if len(paths) > 1:
        names = ", ".join(name_of(path) for path in paths)
        return f"{place} holds {len(paths)} models ({names}); keep one"
    if not paths:
        there = (folder / name for name in ("model.yaml", "model.yml"))
        if error := next(filter(None, (absence(one, folder) for one in there)), None):
            return f"{place}{error}"
    if not paths:
        told = "".join(f"; {line}" for line in strays.others(entries))
        return f"{place} holds no model file ({MODELS_TEXT}){told}"
    if paths[0].is_dir():
        error = _misnamed(folder, {"model.yml": "model.yaml"})
        return f"{place}{error}" if error else None
    if error := _no_file(paths[0]):
        return error
    stem = paths[0].stem
    options = dict.fromkeys(("model.yml", f"{stem}.yaml", f"{stem}.yml"), "model.yaml")
    options.pop("model.yaml", None)
    error = _misnamed(folder, options | {f"{stem}.labels.txt": "labels.txt"})
    return f"{place}{error}" if error else None
