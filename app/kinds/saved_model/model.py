"""A SavedModel: examined by its files, and loaded. TensorFlow is imported by `load` alone."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.kinds.arrays import zeros
from app.kinds.batches import batch_of, predict
from app.kinds.kind import InputError, ModelError, ModelSource, Signature
from app.kinds.requisites import TENSORFLOW, check_installed
from app.kinds.saved_model import files, pictures
from app.kinds.tensors import Tensors

if TYPE_CHECKING:
    from app.kinds.saved_model.program import Program
    from app.kinds.saved_model.reading import Reading
    from app.kinds.saved_model.running import Run
    from app.kinds.vocabulary import Vocabulary


def examine(source: ModelSource) -> dict[str, Any]:
    """Return the folder's size; raises ModelError for what is wrong with its files."""
    if source.labels:
        raise ModelError("labels are given, which nothing reads: a SavedModel names its outputs")
    files.check(source.path)
    check_installed(TENSORFLOW, files.GRAPH)
    try:
        return {"bytes": sum(files.sizes(source.path).values())}
    except OSError as error:
        raise ModelError(f"{source.path.name}/ cannot be read: {error.strerror}") from error


def load(source: ModelSource) -> LoadedSavedModel:
    """Load graph, variables and tables, and those of the transform; raises ModelError."""
    examine(source)
    try:
        return _load(source)
    except (OSError, MemoryError) as error:
        raise ModelError(f"{source.path.name}/ cannot be read: {error}") from error
    except (LookupError, ValueError, TypeError, RecursionError) as error:
        # A graph whose parts name what is not there; nobody can list all that may be wrong in one.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ModelError(f"{files.GRAPH} has a graph that does not hold: {reason}") from error


def _load(source: ModelSource) -> LoadedSavedModel:
    # The first import of TensorFlow.
    from app.kinds.saved_model.program import Program
    from app.kinds.saved_model.reading import read
    from app.kinds.saved_model.running import Run
    from app.kinds.saved_model.signatures import default_of, signatures_of
    from app.kinds.saved_model.vocabularies import vocabularies

    folder = source.path
    reading = read(folder)
    program = Program(reading, folder, threads=source.threads)
    served = signatures_of(program, reading.signatures)
    default = default_of(served, source.options.get("signature"))
    before = transform_run(source)
    runs = {name: Run(program, one, before) for name, one in served.items()}
    known: Mapping[str, Vocabulary] = {}
    if not source.options.get("allow_unseen"):
        known = vocabularies(program.graph, reading, folder, program.reached)
    return LoadedSavedModel(
        {name: Entry(run, known, source.max_molded_pixels) for name, run in runs.items()},
        default,
        _told(reading, program, before),
    )


def transform_run(source: ModelSource) -> Run | None:
    """Return what makes the main model's inputs, where there is such a graph and it is wanted."""
    folder = files.transform_of(source.path)
    if folder is None or not source.options.get("transform", True):
        return None
    check_installed(TENSORFLOW, f"{files.TRANSFORM}/{files.GRAPH}")
    from app.kinds.saved_model.program import Program, UnknownOpError
    from app.kinds.saved_model.reading import read
    from app.kinds.saved_model.running import Run
    from app.kinds.saved_model.signatures import default_of, signatures_of

    try:
        files.check(folder)
        reading = read(folder)
        program = Program(reading, folder, threads=source.threads)
        served = signatures_of(program, reading.signatures)
        return Run(program, served[default_of(served, None)])
    except UnknownOpError as error:
        raise ModelError(
            f"{files.TRANSFORM}/{files.GRAPH} uses the op {error.op}, which TensorFlow does not "
            f"have; export the model without it, or serve the main model alone: `transform: false` "
            f"in model.yaml, with columns that are transformed already"
        ) from error
    except ModelError as error:
        raise ModelError(f"{files.TRANSFORM}/{error}") from error


def _told(reading: Reading, program: Program, before: Run | None) -> dict[str, Any]:
    about = reading.meta_graph.meta_info_def
    return {
        "tensorflow": about.tensorflow_version,
        "nodes": len(program.reached),
        "has_transform": before is not None,
    }


class Entry:
    """One signature with what is known of its inputs."""

    def __init__(self, run: Run, known: Mapping[str, Vocabulary], max_molded_pixels: int) -> None:
        from app.kinds.saved_model.vocabularies import of_inputs

        self.run = run
        self.served = run.whole
        self.names = {port.name for port in self.served.inputs}
        self._pictures = [port.name for port in self.served.inputs if port.role == "picture"]
        self._max_molded_pixels = max_molded_pixels
        found = of_inputs({port.name: port.tensor for port in run.served.inputs}, known)
        self._given: dict[str, Vocabulary] = {}
        self._made: dict[str, Vocabulary] = {}
        for name, vocabulary in found.items():
            raw = run.raw_name(name)
            (self._made if raw is None else self._given)[raw or name] = vocabulary
        self.facts = self.served.facts({name: one.texts() for name, one in self._given.items()})

    def check(self, inputs: Tensors) -> None:
        """Raise InputError for a category that its vocabulary lacks, or what is no picture.

        What the transform makes categories of is known when it has run: so it does.
        """
        for name in self._pictures:
            if name in inputs:
                pictures.check(name, inputs[name], self._max_molded_pixels)
        for name, vocabulary in self._given.items():
            if name in inputs:
                vocabulary.check(name, inputs[name], name)
        if self._made:
            made = self.run.inputs(batch_of(self.served, inputs))
            for name, vocabulary in self._made.items():
                vocabulary.check(f"{name}, which {files.TRANSFORM}/ makes,", made[name])

    def predict(self, inputs: Sequence[Tensors]) -> list[Tensors]:
        """Return the outputs for each instance; raises InputError for what the graph refuses."""
        from app.kinds.frameworks import tf
        from app.kinds.saved_model.program import line

        try:
            return predict(self.served, self.run, inputs)
        except tf.errors.InvalidArgumentError as error:
            raise InputError(f"the model refuses it: {line(error)}") from error

    def made_up(self) -> Tensors:
        """Return inputs that might have been sent: zeros, first categories, empty texts."""
        return {one["name"]: zeros(one) for one in self.facts["inputs"]}


class LoadedSavedModel:
    """A SavedModel in memory."""

    def __init__(self, entries: dict[str, Entry], default: str, told: dict[str, Any]) -> None:
        self._entries, self._default, self._told = entries, default, told
        self.facts = {
            "signatures": {name: entry.facts for name, entry in entries.items()},
            "default_signature": default,
        }

    @property
    def signature(self) -> Signature:
        """The signature of requests that name none."""
        return self._entries[self._default].served.signature

    def describe(self) -> dict[str, Any]:
        """Return the TensorFlow that exported it, its signatures, and whether it transforms."""
        return {**self._told, "signatures": list(self._entries), "signature": self._default}

    def warm_up(self) -> None:
        """Run the default signature once; raises ModelError where it cannot run at all."""
        from app.kinds.frameworks import tf
        from app.kinds.saved_model.program import line

        entry = self._entries[self._default]
        try:
            entry.predict([entry.made_up()])
        except InputError:
            pass  # What is made up need not be what it takes.
        except tf.errors.OpError as error:
            raise ModelError(f"{files.GRAPH} does not run: {line(error)}") from error

    def check(self, inputs: Tensors) -> None:
        """Raise InputError for a category that the model has never seen."""
        entry = self._entry_of(inputs)
        entry.check(inputs)

    def together(self, inputs: Tensors, asked: Mapping[str, Any]) -> Hashable | None:
        """Return the signature and the inputs' shapes; None where it takes one at a time."""
        return self._entries[self._name(asked)].served.together(inputs)

    def predict(
        self, inputs: Sequence[Tensors], asked: Sequence[Mapping[str, Any]]
    ) -> list[Tensors]:
        """Return the outputs for each of the inputs, which share a key of `together`."""
        return self._entries[self._name(asked[0])].predict(inputs)

    def _name(self, asked: Mapping[str, Any]) -> str:
        name: str = asked.get("signature") or self._default
        if name not in self._entries:
            raise InputError(f"there is no signature {name!r}; there is {', '.join(self._entries)}")
        return name

    def _entry_of(self, inputs: Tensors) -> Entry:
        """Return the signature that the inputs are for: `check` is not told which was asked."""
        names = set(inputs)
        fits = (one for one in self._entries.values() if names <= one.names)
        default = self._entries[self._default]
        return default if names <= default.names else next(fits, default)
