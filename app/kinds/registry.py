"""The list of kinds, asked in this order whether they recognise a file.

Nothing is imported until it is asked for: where models are only found or fetched, none is run.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.kinds.face import Face
    from app.kinds.kind import Kind

#: Where each kind is, and what the names of its files end in. A name without a dot in front is that
#: of a file which makes a model of the folder in which it lies.
LISTED: dict[str, tuple[str, ...]] = {
    "app.kinds.mask_rcnn:MaskRcnn": (".h5", ".hdf5"),
    "app.kinds.image_classifier:ImageClassifier": (".keras", ".h5", ".hdf5"),
    "app.kinds.saved_model:SavedModel": ("saved_model.pb",),
    "app.kinds.xgboost_booster:XgboostBooster": ("model.bst", "model.ubj"),
    "app.kinds.onnx:Onnx": (".onnx",),
}
#: What the names of files end in that may belong beside a kind's, after the same stem.
COMPANIONS: dict[str, tuple[str, ...]] = {
    "app.kinds.mask_rcnn:MaskRcnn": (".int8.openvino",),
}


@cache
def kinds() -> tuple[Kind, ...]:
    """Return every kind."""
    return tuple(_kind(place) for place in LISTED)


@cache
def faces() -> dict[str, Face]:
    """Return what clients may meet, by its name."""
    return {face.name: face for kind in kinds() for face in kind.faces}


def suffixes() -> tuple[str, ...]:
    """Return what the names of model files end in."""
    return tuple(name for name in _names() if name.startswith("."))


def markers() -> tuple[str, ...]:
    """Return the files that make a model of their folder."""
    return tuple(name for name in _names() if not name.startswith("."))


def companion_suffixes() -> tuple[str, ...]:
    """Return what the names of files end in that may belong beside a model's."""
    return tuple(dict.fromkeys(name for those in COMPANIONS.values() for name in those))


def _names() -> Iterable[str]:
    return dict.fromkeys(name for those in LISTED.values() for name in those)


def _kind(place: str) -> Kind:
    module, _, name = place.partition(":")
    kind: Kind = getattr(import_module(module), name)()
    return kind
