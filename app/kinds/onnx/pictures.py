"""A graph that takes pictures, as every task about them has it: size, layout, scale, and output."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.kinds.batches import Port
from app.kinds.classes import PICTURE
from app.kinds.kind import ModelError, ModelSource
from app.kinds.onnx import files
from app.kinds.onnx.session import OnnxSession
from app.kinds.scaling import Scale, scale_of
from app.kinds.tensors import Tensors

# The likeliest first.
_CHANNELS = (3, 1, 4)
#: Of a picture.
SIDES = ("height", "width", "channels")
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


class PictureGraph:
    """A graph in memory that takes one picture, and gives one output that is meant.

    Args:
        source: the file, with what its `model.yaml` says.
        task: what it is served for.
        dtypes: the sorts of numbers that the output may have, as numpy has them.
    """

    def __init__(self, source: ModelSource, task: str, *, dtypes: str = "f") -> None:
        name, options = source.path.name, source.options
        self.file = files.check(source.path)
        self.told = files.told(self.file, source.path)
        self._session = OnnxSession(source.path, threads=source.threads)
        self.warnings = list(self._session.warnings)
        self._input = _picture_of(self._session, name, task)
        self.frame = _frame_of(self._input, options.get("input", {}), name)
        _check_pixels(self.frame, source)
        self.output = _output_of(self._session, options.get("output"), name, dtypes)
        self._scale = _scale(self._input, self.frame, source, self.warnings)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of its pictures."""
        return self.frame.height, self.frame.width, self.frame.channels

    @property
    def input(self) -> dict[str, int]:
        """The same by their names."""
        return dict(zip(SIDES, self.shape, strict=True))

    @property
    def can_share(self) -> bool:
        """Whether several pictures may go through it at once."""
        return self._session.served.can_share

    def run(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[Any]:
        """Return the output for pictures of its size, with the axis of the batch."""
        if len(pictures) > 1 and not self.can_share:
            return np.concatenate([self.run([one]) for one in pictures])
        pixels = self.frame.array(self._scale(np.stack(pictures)))
        found = self._session.run({self._input.name: pixels.astype(self._input.dtype)})
        return found[self.output.name]

    def last_op(self) -> str:
        """Return the op that makes the numbers of the output; "" where none does."""
        tensor = self.output.tensor
        for _ in range(_MOST_STEPS):
            node = self.file.maker_of(tensor)
            if node is None:
                return ""
            if node.op not in _SAME or not node.inputs:
                return node.op
            tensor = node.inputs[0]
        return ""


class LabelledGraph:
    """What every task about pictures says of itself, once it is loaded."""

    def __init__(self, graph: PictureGraph) -> None:
        self._graph = graph
        self.facts: dict[str, Any] = {}

    def describe(self) -> dict[str, Any]:
        """Return exporter, opset and sizes, and how pictures are taken."""
        return {**self._graph.told, "num_classes": len(self.facts["labels"]), **self.facts["input"]}

    def warm_up(self) -> None:
        """Do nothing: loading has asked it for a picture already."""

    def check(self, inputs: Tensors) -> None:
        """Take every picture: the face has made it of the graph's size."""

    def together(self, inputs: Tensors, asked: Mapping[str, Any]) -> Hashable | None:
        """Return one key for all pictures; None where the graph takes one at a time."""
        return PICTURE if self._graph.can_share else None


def labels_of(source: ModelSource, count: int, warnings: list[str]) -> list[str]:
    """Return a name for each class; raises ModelError where there are more, or fewer, labels."""
    given = source.labels
    if given is None:
        warnings.append(f"there are no labels: the {count} classes are called by their numbers")
        return [f"class {index}" for index in range(count)]
    if len(given) != count:
        raise ModelError(f"{len(given)} labels for {count} classes of {source.path.name}")
    return list(given)


def _picture_of(session: OnnxSession, name: str, task: str) -> Port:
    ports = session.served.inputs
    pictures = [port for port in ports if port.shape is not None and len(port.shape) == 4]
    if len(ports) != 1 or not pictures or pictures[0].dtype.kind not in "fu":
        told = ", ".join(f"{port.name} {list(port.shape or ())}" for port in ports)
        raise ModelError(
            f"{name} takes {told}: `task: {task}` needs one input of numbers with four axes, a "
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
    known = dict(zip(("channels", "height", "width") if is_first else SIDES, sides, strict=True))
    found: dict[str, int] = {}
    for side in SIDES:
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


def _check_pixels(frame: Frame, source: ModelSource) -> None:
    if frame.height * frame.width > source.max_molded_pixels:
        raise ModelError(
            f"{source.path.name} takes pictures of {frame.width:,} x {frame.height:,} pixels; "
            f"MAX_MOLDED_PIXELS allows {source.max_molded_pixels:,}"
        )


def _output_of(session: OnnxSession, asked: str | None, name: str, dtypes: str) -> Port:
    ports = [port for port in session.served.outputs if port.dtype.kind in dtypes]
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


def _scale(port: Port, frame: Frame, source: ModelSource, warnings: list[str]) -> Scale:
    told = source.options.get("preprocessing")
    if told is None:
        told = "none" if port.dtype.kind == "u" else "unit"
        if told == "unit":
            warnings.append(
                "pixels are divided by 255: the file does not say how they are scaled; "
                "`preprocessing` in model.yaml does: none, unit, tf, caffe, torch, or numbers"
            )
    return scale_of(told, frame.channels, source.path.name)


def _is_channels_first(sides: Sequence[int | None], asked: int | None) -> bool:
    """Say which axis has the channels: the likelier one, of equals the first, as in PyTorch."""
    allowed = (asked,) if asked else _CHANNELS
    first, last = (
        allowed.index(side) if side in allowed else len(allowed) for side in (sides[0], sides[2])
    )
    return first <= last
