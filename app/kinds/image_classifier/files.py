"""A Keras file as it lies on disk: its network's configuration and its arrays, without Keras.

Content is not trusted. What is read is bounded by the file's own size, nothing outside of the file
is looked at, and whatever is wrong is one line.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from app.kinds.image_classifier import archives, arrays
from app.kinds.kind import ModelError
from mrcnn.hdf5 import HDF5_MAGIC, ZIP_MAGIC, WeightFileError, member, names, open_hdf5

#: Bytes that a configuration may have; those of the largest networks have three million.
_LONGEST_CONFIG = 32 * 1024 * 1024
_DEEPEST = 100


@dataclass(frozen=True)
class ModelFile:
    """A file with a whole model.

    Attributes:
        path: where it lies.
        is_archive: a `.keras` by its content; else HDF5.
        config: the network as Keras wrote it down, `class_name` and `config` at its top.
        keras_version: what wrote it, as `(2, 4, 0)`; () where the file does not say.
        backend: the framework under Keras, where the file says it.
    """

    path: Path
    is_archive: bool
    config: dict[str, Any]
    keras_version: tuple[int, ...]
    backend: str | None

    @classmethod
    def open(cls, path: Path) -> ModelFile:
        """Read what `path` holds beside its arrays; raises ModelError."""
        start = _start(path)
        with told_of(path):
            if start.startswith(ZIP_MAGIC):
                return cls._of_archive(path)
            with open_hdf5(path) as file:
                return cls._of_hdf5(path, file)

    @classmethod
    def _of_archive(cls, path: Path) -> ModelFile:
        with archives.opened(path) as archive:
            config = _parsed(archive.read("config.json", _LONGEST_CONFIG), "config.json")
            metadata = {}
            if archive.has("metadata.json"):
                metadata = _parsed(archive.read("metadata.json", 65536), "metadata.json")
        version = _version(metadata.get("keras_version"))
        return cls(path, True, _network(config, path), version, None)

    @classmethod
    def _of_hdf5(cls, path: Path, file: h5py.File) -> ModelFile:
        text = _attribute(file, "model_config")
        if text is None:
            raise ModelError(_weights_alone(file, path))
        root = member(file, "model_weights")
        places = [file, root] if isinstance(root, h5py.Group) else [file]
        version = _said(places, "keras_version")
        backend = _said(places, "backend")
        config = _parsed(text, "model_config")
        # Keras 1 wrote no version.
        return cls(path, False, _network(config, path), _version(version or "1"), backend)

    @contextlib.contextmanager
    def unpacked(self) -> Iterator[Path]:
        """Yield the HDF5 file of an archive, in a folder that goes again; raises ModelError."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.weights.h5"
            with archives.opened(self.path) as archive, path.open("wb") as content:
                archive.copy_weights(content)
            yield path

    @contextlib.contextmanager
    def weights(self) -> Iterator[h5py.File]:
        """Open the part with the arrays, its structure checked; raises ModelError."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(told_of(self.path))
            if self.is_archive:
                file = stack.enter_context(h5py.File(stack.enter_context(self.unpacked()), "r"))
            else:
                file = stack.enter_context(open_hdf5(self.path))
            arrays.check(file, self.path.stat().st_size)
            yield file


def is_whole_model(path: Path) -> bool:
    """Say by the content whether a file holds a network of Keras; never raises."""
    try:
        if _start(path).startswith(ZIP_MAGIC):
            with archives.opened(path) as archive:
                return archive.has("config.json") and archive.has_weights
        with open_hdf5(path) as file:
            return _attribute(file, "model_config") is not None and not _has_regions(file)
    except (ModelError, WeightFileError, arrays.UnfitError, *arrays.DAMAGE):
        return False


def refusal(path: Path) -> str:
    """Say in one line why a file is none that this kind serves; never raises."""
    try:
        ModelFile.open(path)
    except ModelError as error:
        return str(error)
    except OSError as error:
        return f"{path.name}: cannot be read: {error.strerror}"
    return f"{path.name}: holds a network that finds regions, which is of another kind"


def _has_regions(file: h5py.File) -> bool:
    """Say whether the network has the layers of one that is served by a kind of its own."""
    root = member(file, "model_weights")
    found = names(root, "layer_names") if isinstance(root, h5py.Group) else []
    return any(name.startswith("mrcnn_") for name in found)


def _start(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise ModelError(f"{path.name}: is a folder; a model of Keras is one file")
        with path.open("rb") as file:
            start = file.read(8)
    except FileNotFoundError as error:
        raise ModelError(f"{path.name}: there is no such file") from error
    except OSError as error:
        raise ModelError(f"{path.name}: cannot be read: {error.strerror}") from error
    if not start.startswith((ZIP_MAGIC, HDF5_MAGIC)):
        raise ModelError(
            f"{path.name}: is neither a .keras archive nor HDF5 ({path.stat().st_size:,} bytes of "
            f"something else); copy it again, or save the model with model.save('name.keras')"
        )
    return start


@contextlib.contextmanager
def told_of(path: Path) -> Iterator[None]:
    """Name the file in whatever is wrong inside of it."""
    try:
        yield
    except WeightFileError as error:
        raise ModelError(str(error).replace(str(path), path.name)) from error
    except arrays.UnfitError as error:
        raise ModelError(f"{path.name}: {error}") from error
    except arrays.DAMAGE as error:
        line = " ".join(str(error).split())
        raise ModelError(f"{path.name}: truncated or damaged: {line}; copy it again") from error


def _said(places: list[h5py.Group], name: str) -> str | None:
    """Return the first text attribute of that name."""
    for place in places:
        if found := _attribute(place, name):
            return found.decode("utf-8", "replace")
    return None


def _attribute(group: h5py.Group, name: str) -> bytes | None:
    """Return a text attribute, put together where it was split; None where there is none."""
    wanted = [name] if name in group.attrs else []
    while name not in wanted and f"{name}{len(wanted)}" in group.attrs:
        wanted.append(f"{name}{len(wanted)}")
    if not wanted:
        return None
    if sum(group.attrs.get_id(one).get_storage_size() for one in wanted) > _LONGEST_CONFIG:
        raise arrays.UnfitError(f"its attribute {name} is larger than any network's")
    parts = [group.attrs[one] for one in wanted]
    if any(not isinstance(part, str | bytes) for part in parts):
        raise arrays.UnfitError(f"its attribute {name} is no text")
    return b"".join(part.encode() if isinstance(part, str) else bytes(part) for part in parts)


def _parsed(text: bytes, what: str) -> dict[str, Any]:
    """Return the JSON object in `text`, of a bounded depth; raises UnfitError."""
    try:
        value = json.loads(text.decode("utf-8"))
    except RecursionError:
        raise arrays.UnfitError(f"its {what} is nested deeper than any network's") from None
    except ValueError as error:
        raise arrays.UnfitError(f"its {what} is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise arrays.UnfitError(f"its {what} is no JSON object")
    level: list[Any] = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    if level:
        raise arrays.UnfitError(f"its {what} is nested deeper than any network's")
    return value


def _network(config: dict[str, Any], path: Path) -> dict[str, Any]:
    if not isinstance(config.get("class_name"), str) or "config" not in config:
        raise ModelError(f"{path.name}: its configuration is none of a Keras model's")
    return config


def _version(text: object) -> tuple[int, ...]:
    digits = str(text).partition("-")[0].split(".")
    return tuple(int(digit) for digit in digits[:3] if digit.isdecimal())


def _weights_alone(file: h5py.File, path: Path) -> str:
    is_weights = "layer_names" in file.attrs or any(
        name in file for name in ("layers", "vars", "_layer_checkpoint_dependencies")
    )
    if not is_weights:
        return f"{path.name}: an HDF5 file, but none of a Keras model"
    return (
        f"{path.name}: holds weights alone, without the network; save the whole model with "
        f"model.save('name.keras')"
    )
