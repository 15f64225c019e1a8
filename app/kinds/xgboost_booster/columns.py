"""The columns that BigQuery ML's export takes, and the numbers that the trees get for them.

`assets/model_metadata.json` names them in order; what encodes a column with the place `<i>` there
is in `assets/<i>_<encoding>.txt`. A missing number is NaN, as XGBoost has it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.kinds.batches import Port
from app.kinds.kind import InputError, ModelError
from app.kinds.vocabulary import Vocabulary
from app.kinds.xgboost_booster.files import METADATA

_MOST_BYTES = 16 * 2**20
# So many numbers may one value become.
_MOST_WIDTH = 100_000
# What older and newer exports call the same encoding.
_ENCODINGS = {"ohe": "categorical_label", "mhe": "array_one_hot", "numerical_identity": ""}
# Older exports name these files so.
_OLDER = {"categorical_label": "{}.txt", "array_one_hot": "{}_array.txt"}
_CATEGORIES = {"categorical_label", "categorical_one_hot", "array_one_hot"}
_TARGETS = {"categorical_target", "array_target"}
_LENGTHS = {"array_struct": "array_struct_dimension", "array_numerical": "array_numerical_length"}


@dataclass(frozen=True)
class Column:
    """One column: `encoding` is empty for a number; `width` numbers come of a value.

    `table` has the numbers that stand for each category, [categories, width], where they do. An
    optional one that is left out is missing, as XGBoost has it.
    """

    name: str
    encoding: str
    width: int
    vocabulary: Vocabulary | None = None
    table: NDArray[np.float64] | None = None
    is_optional: bool = False

    @property
    def takes_lists(self) -> bool:
        """Whether a value is a list."""
        return self.encoding.startswith("array")

    @property
    def port(self) -> Port:
        """What clients give for it, with the batch axis."""
        text, number = np.dtype(object), np.dtype(np.float64)
        if self.vocabulary is not None:
            sides = (None, None) if self.takes_lists else (None,)
            return Port(self.name, self.name, text, sides, "text")
        shapes: dict[str, tuple[int | None, ...]] = {
            "array_struct": (None, None, 2),
            "array_numerical": (None, self.width),
        }
        shape = shapes.get(self.encoding, (None,))
        return Port(self.name, self.name, number, shape, is_optional=self.is_optional)

    def encoded(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return float64 [batch, width] of a batch of values; raises InputError."""
        count = len(values)
        if self.encoding == "array_struct":
            return self._of_pairs(values.reshape(count, -1, 2))
        rows = values.reshape(count, -1)
        expected = self.width if self.vocabulary is None else 1
        if rows.shape[1] != expected and not (self.vocabulary and self.takes_lists):
            told = f"{self.name} has {rows.shape[1]} values, not {expected}"
            raise InputError(told, name=self.name)
        return rows.astype(np.float64) if self.vocabulary is None else self._of_categories(rows)

    def _of_categories(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """Return what stands for [batch, values] categories; of one never seen that is nothing."""
        assert self.vocabulary is not None
        places = self.vocabulary.places(rows)
        if self.encoding == "categorical_label":
            return np.where(places < 0, np.nan, places)
        if self.table is None:
            found = np.full((len(rows), self.width), np.nan)
            row, nth = np.nonzero(places >= 0)
            found[row, places[row, nth]] = 1.0
            return found
        absent = 0.0 if self.takes_lists else np.nan
        found = np.where(places[..., np.newaxis] < 0, absent, self.table[places]).mean(axis=1)
        # In BigQuery ML a class that was never met with a category has no number there.
        return np.where(found == 0, np.nan, found) if self.width > 1 else found

    def _of_pairs(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return [batch, width] of [batch, pairs, 2] keys and numbers."""
        keys, found = values[..., 0], np.full((len(values), self.width), np.nan)
        unfit = ~((keys >= 0) & (keys < self.width) & (keys == np.floor(keys)))
        if unfit.any():
            raise InputError(
                f"{self.name} has the key {keys[unfit][0]:g}; a whole number from 0 to "
                f"{self.width - 1} is expected",
                name=self.name,
            )
        rows = np.arange(len(values))[:, np.newaxis]
        found[rows, keys.astype(np.int64)] = values[..., 1]
        return found


@dataclass(frozen=True)
class Export:
    """What BigQuery ML says of a model: its columns, what it tells, and of which classes."""

    model_type: str
    label: str
    classes: tuple[str, ...]
    columns: tuple[Column, ...]


def read(folder: Path) -> Export | None:
    """Return what `assets/` says; None where there is nothing. Raises ModelError."""
    assets = folder / "assets"
    path = assets / METADATA
    try:
        if not path.exists():
            return None
        return _export(json.loads(_text(path)), assets)
    except OSError as error:
        raise ModelError(f"assets/ cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"assets/{METADATA} is no JSON, or cut short: {error}") from error


def _export(told: Any, assets: Path) -> Export:
    if not isinstance(told, dict):
        raise _UnfitError("is no mapping")
    model_type, label = told.get("model_type"), told.get("label_col")
    if not isinstance(model_type, str) or not isinstance(label, str) or not label:
        raise _UnfitError("lacks model_type or label_col")
    names, features = _texts(told, "feature_names"), told.get("features")
    if len(set(names)) != len(names) or not isinstance(features, dict):
        raise _UnfitError("has a feature twice, or no features")
    classes = _texts(told, "class_names") if model_type.endswith("classifier") else []
    columns = (_column(index, name, features, assets) for index, name in enumerate(names))
    return Export(model_type, label, tuple(classes), tuple(columns))


def _column(index: int, name: str, features: Mapping[str, Any], assets: Path) -> Column:
    feature = features.get(name)
    if not isinstance(feature, dict):
        raise _UnfitError(f"says nothing of the feature {name}")
    told = feature.get("encode_type") or ""
    encoding = _ENCODINGS.get(told, told) if isinstance(told, str) else str(told)
    if not encoding:
        return Column(name, "", 1)
    if encoding in _LENGTHS:
        path = _asset(assets, index, _LENGTHS[encoding])
        text = _text(path).strip()
        if not text.isdecimal() or not 0 < int(text[:9]) <= _MOST_WIDTH:
            raise ModelError(f"assets/{path.name} is {text[:20]!r}; a length is expected")
        return Column(name, encoding, int(text[:9]))
    if encoding not in _CATEGORIES | _TARGETS:
        raise _UnfitError(f"encodes {name} by {told!r}, which is not known")
    path = _asset(assets, index, encoding)
    lines = _text(path).removesuffix("\n").split("\n")
    if encoding in _TARGETS:
        return _of_targets(name, encoding, path, lines)
    return _of_places(name, encoding, lines)


def _of_places(name: str, encoding: str, lines: Sequence[str]) -> Column:
    vocabulary = Vocabulary(tuple(line.encode() for line in lines))
    if encoding == "categorical_label":
        return Column(name, encoding, 1, vocabulary)
    if len(lines) > _MOST_WIDTH:
        raise ModelError(f"{name} has {len(lines):,} categories; {_MOST_WIDTH:,} are allowed")
    return Column(name, encoding, len(lines), vocabulary)


def _of_targets(name: str, encoding: str, path: Path, lines: Sequence[str]) -> Column:
    """Return the column of a table with numbers for each category, one a class."""
    parts = [line.rsplit(",", line.count(",")) for line in lines]
    try:
        numbers = np.array([[float(one) for one in part[1:]] for part in parts])
    except ValueError:
        numbers = np.empty(0)
    if numbers.ndim != 2 or not numbers.size:
        raise ModelError(f"assets/{path.name} is no table of categories and numbers")
    vocabulary = Vocabulary(tuple(part[0].encode() for part in parts))
    return Column(name, encoding, numbers.shape[1], vocabulary, numbers)


def _asset(assets: Path, index: int, encoding: str) -> Path:
    names = [f"{index}_{encoding}.txt"]
    if encoding in _OLDER:
        names.append(_OLDER[encoding].format(index))
    path = next((assets / name for name in names if (assets / name).is_file()), None)
    if path is None:
        raise ModelError(f"assets/{names[0]} is not there; copy the whole folder")
    return path


def _text(path: Path) -> str:
    if path.stat().st_size > _MOST_BYTES:
        raise ModelError(f"assets/{path.name} is larger than {_MOST_BYTES >> 20} MiB")
    return path.read_text("utf-8")


def _texts(told: Mapping[str, Any], key: str) -> list[str]:
    value = told.get(key)
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return value
    raise _UnfitError(f"has no {key} that is a list of texts")


class _UnfitError(ModelError):
    def __init__(self, told: str) -> None:
        super().__init__(f"assets/{METADATA} {told}")
