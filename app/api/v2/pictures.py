"""Pictures as tensors, and what models find on them: the part of `/v2` that knows faces."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.api.problems import ProblemError
from app.api.signatures import Declared, Served, of_pictures, takes_values
from app.api.v2.datatypes import texts
from app.api.v2.reading import Infer, batch
from app.kinds.face import Face, Outcome, Parameters
from app.kinds.registry import faces
from app.serving.client import Chosen

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_SIDES = ("y_min", "x_min", "y_max", "x_max")


def declared(chosen: Chosen) -> Served | None:
    """Return the signature of a model of pictures; None where it is one of values."""
    if takes_values(chosen.facts):
        return None
    return of_pictures(_OUTPUTS[chosen.face](chosen) if chosen.face in _OUTPUTS else ())


def files(sent: Infer, chosen: Chosen) -> tuple[list[object], list[str]]:
    """Return the pictures' files and what they are called in the request; raises ProblemError.

    A tensor of numbers holds pixels [batch, height, width, channels].
    """
    if len(sent.tensors) != 1:
        raise _unfit(f"one input is taken, the pictures; there are {len(sent.tensors)}")
    ((name, tensor),) = sent.tensors.items()
    most = faces()[chosen.face].most_inputs if chosen.face in _OF_BATCHES else 1
    count = batch(sent.tensors, most)
    fields = [f"{name}[{index}]" for index in range(count)]
    if tensor.dtype == object:
        if tensor.size != count:
            raise _unfit(f"{name}: the shape is {[*tensor.shape]}; [-1] is expected")
        return [_file(one) for one in tensor.reshape(-1)], fields
    if tensor.dtype != np.uint8 or tensor.ndim != 4 or tensor.shape[3] not in _MODES:
        raise _unfit(f"{name}: BYTES [-1], or UINT8 [-1, -1, -1, 3], 4 or 1 is expected")
    if not tensor.size:
        raise _unfit(f"{name}: the pictures have no pixels")
    return [_file_of(pixels) for pixels in tensor], fields


def asked(sent: Infer, face: Face) -> dict[str, Any]:
    """Return the parameters of a request, without what would only be shown elsewhere."""
    own = face.parameters.model_fields
    # Masks are no tensor of the answer: to make them would be for nothing.
    return {**({"masks": "none"} if "masks" in own else {}), **sent.others}


def tensors(face: str, parameters: Parameters, outcome: Outcome) -> dict[str, NDArray[Any]]:
    """Return what was found on one picture."""
    make = _TENSORS.get(face)
    members = faces()[face].members(outcome, parameters)
    return make(members, outcome) if make else dict(outcome.result)


def joined(made: Sequence[dict[str, NDArray[Any]]], face: str) -> dict[str, NDArray[Any]]:
    """Return the tensors of all pictures of a request."""
    if face not in _OF_BATCHES:
        return made[0]
    return {name: np.stack([one[name] for one in made]) for name in made[0]}


def _instances(members: Mapping[str, Any], outcome: Outcome) -> dict[str, NDArray[Any]]:
    found = members["instances"]
    boxes = [[one["box"][side] for side in _SIDES] for one in found]
    return {
        "boxes_yxyx": np.array(boxes, np.int32).reshape(-1, 4),
        "class_ids": np.array([one["class_id"] for one in found], np.int32),
        "scores": np.array([one["score"] for one in found], np.float32),
        "labels": texts([one["label"].encode() for one in found]),
    }


def _classes(members: Mapping[str, Any], outcome: Outcome) -> dict[str, NDArray[Any]]:
    label = members["predictions"][0]["label"] if members["predictions"] else ""
    return {
        **outcome.result,
        "label": texts([label.encode()]).reshape(()),
    }


def _outputs_of_instances(chosen: Chosen) -> list[Declared]:
    return [
        _output("boxes_yxyx", "int32", 4),
        _output("class_ids", "int32"),
        _output("scores", "float32"),
        _output("labels", "bytes"),
    ]


def _outputs_of_classes(chosen: Chosen) -> list[Declared]:
    count = len(chosen.facts["labels"])
    is_one = str(chosen.facts["outputs"]).startswith("binary")
    return [_output("outputs", "float32", 1 if is_one else count), _output("label", "bytes")]


def _outputs_of_segments(chosen: Chosen) -> list[Declared]:
    return [_output("classes", "uint8", *chosen.facts["size"])]


def _output(name: str, dtype: str, *shape: int) -> Declared:
    return {"name": name, "dtype": dtype, "shape": [*shape]}


def _file(value: bytes) -> bytes:
    """Return a picture's file: itself, or the base64 that JSON had to hold."""
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        return value


def _file_of(pixels: NDArray[np.uint8]) -> bytes:
    """Return pixels as a file that is quickly written, and read as any other is."""
    buffer = io.BytesIO()
    single = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    Image.fromarray(single, _MODES[pixels.shape[2]]).save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


def _unfit(detail: str) -> ProblemError:
    return ProblemError("invalid-input", detail)


# What is found on one picture has an axis of its own: there is none for the batch.
_OF_BATCHES = ("classes", "segments")
_TENSORS = {"instances": _instances, "classes": _classes}
_OUTPUTS = {
    "instances": _outputs_of_instances,
    "classes": _outputs_of_classes,
    "segments": _outputs_of_segments,
}
