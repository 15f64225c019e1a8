"""All versions of all models, and what lies among them that was meant to be read and is not.

The server goes by the latest versions alone. Who asks what a repository holds has to hear of a
file that the server leaves out: its owner believes that it is served.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from app.serving import strays
from app.serving.layout import (
    Found,
    Model,
    is_marked,
    is_model_file,
    models_in,
    models_inside,
    order,
    references_in,
    version_of,
    visible,
)

_OPTIONS = ("model.yaml", "model.yml", "labels.txt")
_ENDINGS = (".labels.txt", ".yaml", ".yml")


def find_versions(repository: Path) -> list[Found]:
    """Return every version of every model, and as errors the files that nobody reads.

    Sorted by name and version; raises OSError.
    """
    versions = (version for model in models_in(repository) for version in model.versions)
    return sorted((*versions, *find_left_out(repository)), key=order)


def find_left_out(repository: Path) -> list[Found]:
    """Return, as errors, the files that nobody reads; raises OSError."""
    found = [one for model in models_in(repository) for one in _beside_versions(model)]
    return [*found, *_beside_models(repository)]


def _beside_versions(model: Model) -> Iterator[Found]:
    """Yield the model files in a model's folder that are no version of it."""
    place = model.place
    if model.latest.version == 0 or not place.is_dir() or is_marked(place):
        return
    for path in visible(place):
        if is_model_file(path):
            error = f"{place.name}/{path.name} is no version: move it to a numbered folder"
        elif path.is_dir() and version_of(path) is None and models_inside(path):
            error = f"{place.name}/{path.name}/ is no version: name it by a whole number"
        else:
            continue
        yield Found(place.name, 0, place, error=error)


def _beside_models(repository: Path) -> Iterator[Found]:
    """Yield models of other formats, and options and labels that belong to no model file."""
    files = [path for path in visible(repository) if not path.is_dir()]
    bare = [path for path in files if is_model_file(path)]
    referring = references_in(files)
    for path in files:
        if path in referring:
            continue
        error = strays.other_format(path) or _read_by_none(path.name, bare)
        if error:
            yield Found(path.stem, 0, repository, error=error)


def _read_by_none(name: str, bare: list[Path]) -> str | None:
    """Say of options or labels beside the models that no model reads them."""
    if name in _OPTIONS:
        told = f"{name} is read by no model; move it to a version's folder"
        return None if bare else told
    ending = next((one for one in _ENDINGS if name.endswith(one)), None)
    if not bare or ending is None or name.removesuffix(ending) in {path.stem for path in bare}:
        return None
    return f"{name} is read by no model; there is {', '.join(path.name for path in bare)}"
