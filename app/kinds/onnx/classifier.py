"""An ONNX graph that takes one picture and gives a number a class (`task: classify`)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.kinds.batches import Port
from app.kinds.classes import OUTPUTS, PICTURE
from app.kinds.kind import Field, ModelError, ModelSource, Signature
from app.kinds.onnx import files
from app.kinds.onnx.reading import OnnxFile
from app.kinds.onnx.scaling import Scaling, scaling_of
from app.kinds.onnx.session import OnnxSession
from app.kinds.tensors import Tensors

# The likeliest first.
_CHANNELS = (3, 1, 4)
_SIDES = ("height", "width", "channels")
# What leaves numbers as they are, or as good as: in the order of classes.
_SAME = frozenset({"Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Cast", "Dropout"})
_MOST_STEPS = 20


@dataclass(frozen=True)
class Frame:
    """How a graph takes pictures: their size, and whether channels come before the pixels."""

    height: int
    width: int
    channels: int
    is_channels_first: bool

    def array(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return pixels [batch, height, width, channels] in the graph's order."""
        return np.moveaxis(pixels, -1, 1) if self.is_channels_first else pixels


def load(source: ModelSource) -> OnnxClassifier:
    """Give the graph to ONNX Runtime, and see what its pictures and classes are."""
    file = files.check(source.path)
    session = OnnxSession(source.path, threads=source.threads)
    return OnnxClassifier(session, file, source)


class OnnxClassifier:
    """A classifier in memory."""

    def __init__(self, session: OnnxSession, file: OnnxFile, source: ModelSource) -> None:
        name, options = source.path.name, source.options
        self._session, self._told = session, files.told(file, source.path)
        self._input = _picture_of(session, name)
        self._frame = _frame_of(self._input, options.get("input", {}), name)
        self._output = _output_of(session, options.get("output"), name)
        warnings = list(session.warnings)
        self._scaling = _scaling(self._input, self._frame, options, warnings)
        found = self._run([np.zeros(self._shape, np.uint8)])
        self._classes = found.shape[1]
        numbers = options.get("outputs") or _numbers(file, self._output.tensor, self._classes)
        self.facts: dict[str, Any] = {
            "labels": _labels(source.labels, self._classes, numbers, name, warnings),
            "input": {
                **{side: getattr(self._frame, side) for side in _SIDES},
                "resize": options.get("resize") or "stretch",
            },
            "outputs": numbers,
            "warnings": warnings,
        }

    @property
    def signature(self) -> Signature:
        """A picture of the graph's size in, a number a class out."""
        return Signature(
            (Field(PICTURE, "uint8", self._shape, "picture"),),
            (Field(OUTPUTS, "float32", (self._classes,)),),
        )

    def describe(self) -> dict[str, Any]:
        """Return exporter, opset and sizes, and how pictures are taken."""
        return {**self._told, "num_classes": len(self.facts["labels"]), **self.facts["input"]}

    def warm_up(self) -> None:
        """Do nothing: loading has asked it for a picture already."""

    def check(self, inputs: Tensors) -> None:
        """Take every picture: the face has made it of the graph's size."""

    def together(self, inputs: Tensors, asked: Mapping[str, Any]) -> Hashable | None:
        """Return one key for all pictures; None where the graph takes one at a time."""
        return PICTURE if self._session.served.can_share else None

    def predict(
        self, inputs: Sequence[Tensors], asked: Sequence[Mapping[str, Any]]
    ) -> list[Tensors]:
        """Return a number a class for each picture."""
        pictures = [one[PICTURE] for one in inputs]
        if len(pictures) > 1 and not self._session.served.can_share:
            rows = [self._run([one])[0] for one in pictures]
        else:
            rows = list(self._run(pictures))
        return [{OUTPUTS: row} for row in rows]

    @property
    def _shape(self) -> tuple[int, int, int]:
        return self._frame.height, self._frame.width, self._frame.channels

    def _run(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return float32 [pictures, classes]."""
        pixels = self._frame.array(self._scaling(np.stack(pictures)))
        found = self._session.run({self._input.name: pixels.astype(self._input.dtype)})
        return found[self._output.name].reshape(len(pictures), -1).astype(np.float32)


def _picture_of(session: OnnxSession, name: str) -> Port:
    ports = session.served.inputs
    pictures = [port for port in ports if port.shape is not None and len(port.shape) == 4]
    if len(ports) != 1 or not pictures or pictures[0].dtype.kind not in "fu":
        told = ", ".join(f"{port.name} {list(port.shape or ())}" for port in ports)
        raise ModelError(
            f"{name} takes {told}: `task: classify` needs one input of numbers with four axes, a "
            f"batch of pictures; without `task` it is served by its inputs' names"
        )
    batch = (pictures[0].shape or (None,))[0]
    if batch not in (None, 1):
        raise ModelError(f"{name} takes {batch} pictures at once; export it with a batch of 1")
    return pictures[0]


def _frame_of(port: Port, given: Mapping[str, Any], name: str) -> Frame:
    """Return how pictures go in; raises ModelError where neither file nor options say it."""
    _, *sides = port.shape or (None,) * 4
    is_first = _is_channels_first(sides, given.get("channels"))
    known = dict(zip(("channels", "height", "width") if is_first else _SIDES, sides, strict=True))
    found: dict[str, int] = {}
    for side in _SIDES:
        asked = given.get(side)
        if known[side] is not None and asked not in (None, known[side]):
            raise ModelError(f"input: {side} is {asked}; {name} takes {known[side]}")
        value = known[side] or asked
        if value is None:
            raise ModelError(
                f"{name} leaves the {side} of its pictures open: say it in model.yaml, as "
                f"`input: {{height: 224, width: 224, channels: 3}}`"
            )
        found[side] = value
    if found["channels"] not in _CHANNELS:
        raise ModelError(
            f"{name} takes pictures of {found['channels']} channels; a picture that is sent has 1, "
            f"3 or 4"
        )
    return Frame(found["height"], found["width"], found["channels"], is_first)


def _is_channels_first(sides: Sequence[int | None], asked: int | None) -> bool:
    """Say which axis has the channels: the likelier one, of equals the first, as in PyTorch."""
    allowed = (asked,) if asked else _CHANNELS
    first, last = (
        allowed.index(side) if side in allowed else len(allowed) for side in (sides[0], sides[2])
    )
    return first <= last


def _output_of(session: OnnxSession, asked: str | None, name: str) -> Port:
    ports = [port for port in session.served.outputs if port.dtype.kind == "f"]
    told = ", ".join(port.name for port in ports) or "none"
    if asked is not None:
        ports = [port for port in ports if port.name == asked]
        if not ports:
            raise ModelError(f"output is {asked!r}; the outputs of numbers of {name} are {told}")
    if len(ports) != 1:
        raise ModelError(
            f"{name} has the outputs {told}: name that of the classes in model.yaml, `output:`"
        )
    return ports[0]


def _scaling(port: Port, frame: Frame, options: Mapping[str, Any], warnings: list[str]) -> Scaling:
    told = options.get("preprocessing")
    if told is None:
        told = "none" if port.dtype.kind == "u" else "unit"
        if told == "unit":
            warnings.append(
                "pixels are divided by 255: the file does not say how they are scaled; "
                "`preprocessing` in model.yaml does: none, unit, tf, caffe, torch, or numbers"
            )
    return scaling_of(told, frame.channels)


def _numbers(file: OnnxFile, tensor: str, classes: int) -> str:
    """Say by the op that makes the numbers what they are."""
    op = _last_op(file, tensor)
    if classes == 1:
        return "binary" if op == "Sigmoid" else "binary_logit"
    return {"Softmax": "probabilities", "Sigmoid": "independent"}.get(op, "logits")


def _last_op(file: OnnxFile, tensor: str) -> str:
    for _ in range(_MOST_STEPS):
        node = file.maker_of(tensor)
        if node is None:
            return ""
        if node.op not in _SAME or not node.inputs:
            return node.op
        tensor = node.inputs[0]
    return ""


def _labels(
    given: Sequence[str] | None, classes: int, numbers: str, name: str, warnings: list[str]
) -> list[str]:
    """Return a name for each class; one unit tells two classes apart. Raises ModelError."""
    count = 2 if numbers in ("binary", "binary_logit") else classes
    if given is None:
        warnings.append(f"there are no labels: the {count} classes are called by their numbers")
        return [f"class {index}" for index in range(count)]
    if len(given) != count:
        raise ModelError(f"{len(given)} labels for {count} classes of {name}")
    return list(given)
