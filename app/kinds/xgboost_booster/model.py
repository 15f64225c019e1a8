"""A booster: examined by its files, and loaded. XGBoost is imported by `load` alone."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from app.kinds.arrays import zeros
from app.kinds.batches import Port, Served, batch_of, predict
from app.kinds.kind import InputError, ModelError, ModelSource, Signature
from app.kinds.tensors import Tensors
from app.kinds.vocabulary import MOST_VALUES, Vocabulary
from app.kinds.xgboost_booster import columns, files
from app.kinds.xgboost_booster.columns import Column, Export
from app.kinds.xgboost_booster.trying import Tried, tried

if TYPE_CHECKING:
    from app.kinds.saved_model.running import Run

NAME = "serving_default"
_SCORES = frozenset({"binary:logistic", "multi:softprob"})


def examine(source: ModelSource) -> dict[str, Any]:
    """Return the file's size and format; raises ModelError for what is wrong with the files."""
    path = files.check(source.path)
    export = columns.read(source.path)
    if export and source.labels:
        raise ModelError(
            f"labels are given, which nothing reads: assets/{files.METADATA} names the classes"
        )
    try:
        return {"bytes": path.stat().st_size, "format": files.format_of(path)}
    except OSError as error:
        raise ModelError(f"{path.name} cannot be read: {error.strerror}") from error


def load(source: ModelSource) -> LoadedBooster:
    """Load trees, vocabularies and BigQuery ML's transform; raises ModelError."""
    told = examine(source)
    path = files.check(source.path)
    found = tried(path)
    export = columns.read(source.path) or _plain(found, source.labels)
    head = _head(export, found, path.name)
    width = sum(column.width for column in export.columns)
    if width > found.features:
        raise ModelError(
            f"the columns of {path.name} make {width:,} numbers; its trees take {found.features:,}"
        )
    return LoadedBooster(
        Trees(path, source.threads),
        Columns(export.columns, _transform(source), allow_unseen=_allows_unseen(source)),
        head,
        {**told, **_told(found, export)},
    )


class Trees:
    """A booster in memory; raises ModelError."""

    def __init__(self, path: Path, threads: int) -> None:
        import xgboost

        self._threads = threads or None
        self._matrix = xgboost.DMatrix
        parameters = {"nthread": threads} if threads else {}
        try:
            # Else it remarks on the age of the format.
            with xgboost.config_context(verbosity=0):
                content = bytearray(path.read_bytes())
                self._booster = xgboost.Booster(parameters, model_file=content)
        except (OSError, MemoryError, ValueError) as error:
            raise ModelError(f"{path.name} cannot be read: {error}") from error

    def __call__(self, rows: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return [batch], or [batch, outputs], of [batch, columns] with NaN for what is missing."""
        matrix = self._matrix(rows, missing=np.nan, nthread=self._threads)
        found: NDArray[np.float32] = self._booster.predict(matrix, validate_features=False)
        return found


class Columns:
    """What clients give, and what the trees get for it.

    Args:
        columns: those of the trees.
        before: what makes some of them by their names: BigQuery ML's transform.
        allow_unseen: whether a category that the training never saw counts as missing.
    """

    def __init__(
        self, columns: Sequence[Column], before: Run | None, *, allow_unseen: bool
    ) -> None:
        self._columns = columns
        made = {port.name for port in before.served.outputs} if before else set()
        if before and not made & {column.name for column in columns}:
            before, made = None, set()
        self._before = before
        self._given: dict[str, Vocabulary] = {}
        self._made: dict[str, Vocabulary] = {}
        for column in () if allow_unseen else columns:
            if column.vocabulary is None:
                continue
            raw = before.passed_on(column.name) if before and column.name in made else column.name
            (self._made if raw is None else self._given)[raw or column.name] = column.vocabulary
        own = {column.name: column.port for column in columns if column.name not in made}
        raw_ports = {port.name: port for port in before.served.inputs} if before else {}
        self.ports: tuple[Port, ...] = tuple((own | raw_ports).values())

    @property
    def categories(self) -> dict[str, list[str]]:
        """The categories that each input may have, where they are not too many to be told."""
        few = {name: one for name, one in self._given.items() if len(one.values) <= MOST_VALUES}
        return {name: one.texts() for name, one in few.items()}

    def check(self, inputs: Tensors) -> None:
        """Raise InputError for a category that the training never saw, or where all is missing."""
        if not inputs:
            raise InputError("every column is left out; at least one is expected")
        for name, vocabulary in self._given.items():
            if name in inputs:
                vocabulary.check(name, inputs[name], name)

    def __call__(self, batch: Tensors) -> NDArray[np.float64]:
        """Return [batch, columns]; raises InputError."""
        given = {**batch, **self._before(batch)} if self._before else batch
        for name, vocabulary in self._made.items():
            vocabulary.check(f"{name}, which transform/ makes,", given[name])
        count = len(next(iter(given.values())))
        parts = [
            column.encoded(given[column.name])
            if column.name in given
            else np.full((count, column.width), np.nan)
            for column in self._columns
        ]
        # Where there are fewer than the trees know, XGBoost takes the last ones as missing.
        return np.concatenate(parts, axis=1)


class Head:
    """What is told of the numbers that come out, in BigQuery ML's names."""

    def __init__(self, label: str, classes: Sequence[str], shape: Sequence[int]) -> None:
        self._names = f"predicted_{label}", f"{label}_values", f"{label}_probs"
        self._classes = np.array([name.encode() for name in classes], object)
        number, text = np.dtype(np.float32), np.dtype(object)
        predicted, values, scores = self._names
        if classes:
            count = len(classes)
            self.ports: tuple[Port, ...] = (
                Port(predicted, predicted, text, (None,), "text"),
                Port(values, values, text, (None, count), "text"),
                Port(scores, scores, number, (None, count)),
            )
        else:
            self.ports = (Port(predicted, predicted, number, (None, *shape)),)

    def __call__(self, found: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """Return the outputs of a batch, with its axis."""
        if not len(self._classes):
            return {self._names[0]: found}
        if found.ndim == 1:
            found = np.stack([1 - found, found], axis=1)
        best = self._classes[found.argmax(axis=1)]
        values = np.tile(self._classes, (len(found), 1))
        return dict(zip(self._names, (best, values, found), strict=True))


class LoadedBooster:
    """A booster with its columns, in memory."""

    def __init__(self, trees: Trees, columns: Columns, head: Head, told: dict[str, Any]) -> None:
        self._trees, self._columns, self._head, self._told = trees, columns, head, told
        self._served = Served(NAME, (), head.ports).with_inputs(columns.ports)
        facts = self._served.facts(columns.categories)
        self._made_up = {one["name"]: zeros(one) for one in facts["inputs"]}
        self.facts: dict[str, Any] = {"signatures": {NAME: facts}, "default_signature": NAME}

    @property
    def signature(self) -> Signature:
        """The columns in, and what is predicted."""
        return self._served.signature

    def describe(self) -> dict[str, Any]:
        """Return what the booster is, and what BigQuery ML says of it."""
        return self._told

    def warm_up(self) -> None:
        """Run once; what is made up need not be what it takes."""
        with suppress(InputError):
            self._run(batch_of(self._served, self._made_up))

    def check(self, inputs: Tensors) -> None:
        """Raise InputError for a category that the model has never seen."""
        self._columns.check(inputs)

    def together(self, inputs: Tensors, asked: Mapping[str, Any]) -> Hashable | None:
        """Return the inputs' shapes: those of equal ones share a pass."""
        return self._served.together(inputs)

    def predict(
        self, inputs: Sequence[Tensors], asked: Sequence[Mapping[str, Any]]
    ) -> list[Tensors]:
        """Return the outputs for each of the inputs; raises InputError."""
        return predict(self._served, self._run, inputs)

    def _run(self, batch: Tensors) -> dict[str, NDArray[Any]]:
        return self._head(self._trees(self._columns(batch)))


def _plain(found: Tried, labels: Sequence[str] | None) -> Export:
    """Return the columns of a booster of which it alone tells: by their names, or in one list."""
    if found.names:
        numbers = tuple(Column(name, "", 1, is_optional=True) for name in found.names)
    else:
        numbers = (Column("features", "array_numerical", found.features),)
    return Export("", "label" if labels else "", tuple(labels or ()), numbers)


def _head(export: Export, found: Tried, name: str) -> Head:
    classes, shape = export.classes, found.shape
    if classes:
        count = shape[0] if shape else 2
        if found.objective not in _SCORES:
            raise ModelError(
                f"{name} has the objective {found.objective}, which gives no score a class: "
                f"classes need {' or '.join(sorted(_SCORES))}"
            )
        if count != len(classes):
            raise ModelError(f"{len(classes)} classes are named; {name} tells {count} apart")
    return Head(export.label or "value", classes, shape)


def _transform(source: ModelSource) -> Run | None:
    from app.kinds.saved_model.model import transform_run

    return transform_run(source)


def _allows_unseen(source: ModelSource) -> bool:
    return bool(source.options.get("allow_unseen"))


def _told(found: Tried, export: Export) -> dict[str, Any]:
    told = {
        "xgboost": found.xgboost,
        "objective": found.objective,
        "booster": found.booster,
        "trees": found.trees,
        "columns": found.features,
    }
    return {**told, "model_type": export.model_type} if export.model_type else told
