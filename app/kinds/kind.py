"""What a kind of model has to do to be served.

The seam between the server and the frameworks. Importing this module, or a kind's, imports no
framework and no reader of model files; `Kind.load` and, where they have to, `recognises`,
`examine` and `inspect` do.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from PIL.Image import Image

from app.kinds.face import Face
from app.kinds.limits import Limits
from app.kinds.options import Options
from app.kinds.tensors import Facts, Tensors


class ModelError(Exception):
    """A model that cannot be loaded; its text is one line that names the cause."""


class LabelsError(Exception):
    """Labelled pictures that cannot be used; its text is one line: file, field, value."""


class InputError(Exception):
    """An input that a model cannot take, for a reason that lies in the input.

    `unit`, `value` and `limit` say by what it is too large, where that is the reason; `name` is the
    input's, where a model has several.
    """

    def __init__(
        self,
        reason: str,
        *,
        unit: str | None = None,
        value: int = 0,
        limit: int = 0,
        name: str | None = None,
    ) -> None:
        super().__init__(reason)
        self.unit, self.value, self.limit, self.name = unit, value, limit, name


@dataclass(frozen=True)
class Field:
    """One input or output: `shape` has None where any size fits; text is an array of bytes.

    An input that is optional may be left out.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    role: Literal["picture", "text", "number"] = "number"
    is_optional: bool = False


@dataclass(frozen=True)
class Signature:
    """What goes into a model, and what comes out."""

    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]


@dataclass(frozen=True)
class ModelSource:
    """One model as it was found on disk.

    `folder` is what paths in the options are relative to; `options` are those of `model.yaml`,
    already validated; `labels` are the lines as given, one a class; `threads` 0 means the
    framework's own choice; `max_molded_pixels` bounds what one picture may become for the network.
    """

    name: str
    version: int
    path: Path
    folder: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] | None = None
    threads: int = 0
    max_molded_pixels: int = 4_194_304


@dataclass(frozen=True)
class Inspection:
    """What a model file is, for a person: a title, facts about it, and a table of its parts.

    The table's first row names its columns; `right` has `>` for each that is aligned to the right.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    parts: Sequence[tuple[str, ...]] = ()
    right: str = ""


@dataclass(frozen=True)
class Quantization:
    """A model's form in eight bits: where it lies, and how near its answers are.

    `shortfall` says why it is not used unless asked for by name; `worst` shows the pictures on
    which it is farthest, in both forms; `remarks` say what else was judged, and what left out.
    """

    path: Path
    told: str
    shortfall: str | None
    worst: Image
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Labelled:
    """Pictures of which it is known what is on them: a COCO file, and the folder they lie in.

    At most so many are looked at, where `most` says so.
    """

    labels: Path
    images: Path
    most: int | None = None


@dataclass(frozen=True)
class Accuracy:
    """How good a model's answers are on labelled pictures.

    Attributes:
        program, precision, reason: what ran, and why that.
        pictures, instances: how many there were, and how many things to be found on them.
        picture_ms: what one picture took, in the median, decoded already.
        precisions: COCO's average precisions, 0 to 1, by their names, of `mask` and of `box`.
        by_class: how many instances a category has, and its mask AP.
        remarks: what is left out, a line each.
    """

    program: str
    precision: str
    reason: str
    pictures: int
    instances: int
    picture_ms: float
    precisions: Mapping[str, Mapping[str, float]]
    by_class: Mapping[str, tuple[int, float]]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Companion:
    """A file beside a model's that belongs to it, such as another form of it.

    `problem` says why it is of no use to this model with these options; `is_needed` whether they
    ask for it by name: without it the model cannot be loaded.
    """

    path: Path
    problem: str | None = None
    is_needed: bool = False


#: Is called with what is being done, how many pictures are done, and of how many.
Tell = Callable[[str, int, int], None]
#: Says of a model in eight bits why it must not be used, or None.
Check = Callable[["LoadedModel"], str | None]


@runtime_checkable
class Accompanied(Protocol):
    """A kind whose models may have further files beside their own; `COMPANIONS` lists the names."""

    def companions(self, source: ModelSource) -> Sequence[Companion]:
        """Return those that lie there; raises ModelError, or OSError."""


@runtime_checkable
class Quantizable(Protocol):
    """A kind whose models have a form in eight bits, which is a companion of theirs.

    Their `model.yaml` may name the pictures that it is made from: `quantize`.
    """

    def form_of(self, source: ModelSource) -> Companion | None:
        """Return the form that lies beside the model; raises ModelError, or OSError."""

    def load_original(self, source: ModelSource, facts: Facts, reason: str) -> LoadedModel | None:
        """Load a model as its file has it, where `facts` are of another form that was chosen.

        None where they are not, or where the options ask for the other one. `reason` says why, for
        people. Raises ModelError.
        """

    def quantize(
        self,
        source: ModelSource,
        pictures: Sequence[Path],
        limits: Limits,
        tell: Tell,
        check: Check,
        labelled: Labelled | None = None,
    ) -> Quantization:
        """Make it, judge it, and write it beside the model.

        Those that are labelled are among the pictures. Raises ModelError, LabelsError, or OSError.
        """


@runtime_checkable
class Evaluable(Protocol):
    """A kind whose models find instances on pictures, as COCO's files tell of them."""

    def evaluate(
        self, source: ModelSource, labelled: Labelled, limits: Limits, tell: Tell
    ) -> Accuracy:
        """Ask the model for every picture; raises ModelError, LabelsError, or OSError."""


@dataclass(frozen=True)
class Export:
    """What is to be written of a model for other programs: a folder `path` in the format `to`.

    `masks` says whether those that a model draws lie over the picture, or each over its box;
    `replaces` whether what lies there may go.
    """

    to: Literal["saved_model", "openvino", "onnx"]
    path: Path
    precision: Literal["f32", "int8"] = "f32"
    masks: Literal["picture", "box"] = "picture"
    replaces: bool = False


@dataclass(frozen=True)
class Exported:
    """How near the answers of what was written are to the model's.

    `shortfall` says in which way they are too far from them; None where they are not.
    """

    told: str
    shortfall: str | None


@runtime_checkable
class Exportable(Protocol):
    """A kind whose models can be written for other programs."""

    def export(
        self,
        source: ModelSource,
        export: Export,
        pictures: Sequence[Path],
        limits: Limits,
        tell: Tell,
    ) -> Exported:
        """Write it, run it as others would, and compare; raises ModelError, or OSError.

        Without pictures it is compared on some that are drawn.
        """


class LoadedModel(Protocol):
    """A model in memory. One thread at a time calls `predict`, with what `check` let pass."""

    @property
    def signature(self) -> Signature:
        """What goes in and what comes out."""

    @property
    def facts(self) -> Facts:
        """What its face has to know of it, such as the classes' names; plain JSON values."""

    def describe(self) -> dict[str, Any]:
        """Return what the file says the model is, as plain JSON values."""

    def warm_up(self) -> None:
        """Run once what is slow the first time."""

    def check(self, inputs: Tensors) -> None:
        """Raise InputError where `predict` cannot take the inputs; from any thread, and quick."""

    def together(self, inputs: Tensors, asked: Mapping[str, Any]) -> Hashable | None:
        """Return a key: predictions with equal ones may share a pass. None: it goes alone."""

    def predict(
        self, inputs: Sequence[Tensors], asked: Sequence[Mapping[str, Any]]
    ) -> list[Tensors]:
        """Return the outputs for each of the inputs, by what each request asked of the model.

        Raises InputError where the model itself finds that it cannot take one of them.

        What is asked are plain JSON values, those that the face's `Parameters.asked` returned.
        """


@runtime_checkable
class Bounded(Protocol):
    """A model in memory that gains nothing where more predictions than so many share a pass."""

    @property
    def most_together(self) -> int:
        """How many; what comes beyond is better off in the next pass."""


class Kind(Protocol):
    """One kind of model file."""

    @property
    def name(self) -> str:
        """The name that `kind:` in `model.yaml` and `/models` use."""

    @property
    def faces(self) -> tuple[Face, ...]:
        """How clients may see its models."""

    def face_of(self, options: Mapping[str, Any]) -> Face:
        """Return how they see a model with such a `model.yaml`."""

    @property
    def options(self) -> type[Options]:
        """What a `model.yaml` of its models may hold."""

    def recognises(self, path: Path) -> bool:
        """Say by the file's content whether it is of this kind; never raises."""

    def refusal(self, path: Path) -> str:
        """Say in one line why the file is not recognised; never raises.

        Nothing where the kind's files have other names: it is not one that was meant.
        """

    def inspect(self, path: Path) -> Inspection:
        """Return what the file is; raises ModelError, or OSError."""

    def examine(self, source: ModelSource) -> dict[str, Any]:
        """Return what is known of the model without a framework, as plain JSON values.

        Raises ModelError for all that can be seen to be wrong with the file, the options and the
        labels: `load` sees the same, in the same words.
        """

    def load(self, source: ModelSource) -> LoadedModel:
        """Load the model; raises ModelError."""
