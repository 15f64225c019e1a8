"""The structure of an HDF5 file of Keras' and the numbers in it, both not trusted.

Links lead out of a file, arrays may lie in other files, and a few bytes may declare gigabytes: all
are refused before anything is read.
"""

from __future__ import annotations

from collections.abc import Iterator

import h5py
import numpy as np
from numpy.typing import NDArray

#: What h5py raises for a damaged file.
DAMAGE = (OSError, KeyError, RuntimeError, AttributeError, TypeError, ValueError)

_MOST_OBJECTS = 200_000
_DEEPEST = 64
# Zeros pack well, weights do not.
_FREE_BYTES, _MOST_GROWTH = 64 * 1024 * 1024, 20


class UnfitError(Exception):
    """Something inside of a file cannot be used; the message does not name the file."""


def check(file: h5py.File, size: int) -> None:
    """Raise UnfitError for links, for arrays that lie elsewhere, and for more than `size` holds."""
    total = 0
    for array in _walk(file):
        if array.is_virtual or array.external:
            raise UnfitError(f"{array.name[1:]} lies in another file; a model has to hold it")
        if array.shape is None:
            continue
        total += array.nbytes
        is_packed = array.id.get_create_plist().get_nfilters() > 0
        stored = array.id.get_storage_size()
        if not is_packed and array.chunks is None and 0 < stored < array.nbytes:
            raise UnfitError(f"{array.name[1:]} is cut off")
    if total > _FREE_BYTES + _MOST_GROWTH * size:
        raise UnfitError(
            f"it declares {total:,} bytes of arrays in a file of {size:,}: such a model was never "
            f"saved"
        )


def numbers(array: h5py.Dataset, layer: str) -> NDArray[np.generic]:
    """Return an array of weights; raises UnfitError where it holds none to work with."""
    what = f"layer {layer}: {array.name.rpartition('/')[2].removesuffix(':0')}"
    if array.dtype.kind not in "fiub":
        raise UnfitError(f"{what} holds {array.dtype} values; weights are numbers")
    if array.size and not array.id.get_storage_size():
        raise UnfitError(f"{what} was never written")
    values: NDArray[np.generic] = np.asarray(array[()])
    if values.dtype.kind == "f" and values.size and not np.isfinite(values).all():
        nan, infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
        raise UnfitError(
            f"{what} holds {nan:,} NaN and {infinite:,} infinite among {values.size:,} numbers: "
            f"training had diverged when it was saved"
        )
    return values


def weights_in(file: h5py.File) -> Iterator[tuple[str, h5py.Dataset]]:
    """Yield (layer, array) of a file that `check` let pass; a training's own are left out."""
    for array in _walk(file):
        groups = array.name.strip("/").split("/")
        if groups[0] in ("optimizer_weights", "optimizer", "metrics", "loss", "compile_metrics"):
            continue
        at = 1 if groups[0] in ("model_weights", "layers", "_layer_checkpoint_dependencies") else 0
        yield groups[min(at, len(groups) - 1)], array


def _walk(group: h5py.Group, depth: int = 0) -> Iterator[h5py.Dataset]:
    """Yield every array, no link followed; raises UnfitError."""
    count = 0
    waiting = [(group, depth)]
    while waiting:
        found, depth = waiting.pop()
        for key in found:
            link = found.id.links.get_info(key.encode())
            where = f"{found.name}/{key}".lstrip("/")
            if link.type != h5py.h5l.TYPE_HARD:
                raise UnfitError(f"{where} is a link; a model has to hold its arrays itself")
            count += 1
            if count > _MOST_OBJECTS or depth > _DEEPEST:
                raise UnfitError("it has more groups within groups than any model")
            inner = found[key]
            if isinstance(inner, h5py.Dataset):
                yield inner
            elif isinstance(inner, h5py.Group):
                waiting.append((inner, depth + 1))
