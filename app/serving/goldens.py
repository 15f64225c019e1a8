"""Makes a model reproduce its goldens: inputs with the answers that they must give.

An answer is the JSON that `POST /predict` gave; a model that has drifted from it must not serve.
How much may differ is for the kind's face to say.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.images import ImageError, ImageLimits
from app.kinds.face import Face, GivenError, Limits, Outcome
from app.kinds.kind import InputError, LoadedModel, ModelError, ModelSource
from app.kinds.pictures import PictureError
from app.serving.signatures import check_inputs
from app.serving.strays import is_pointer, pointer_text

# A golden is the owner's own file; the limits keep a broken one from taking the memory.
_LIMITS = Limits(ImageLimits(max_bytes=1 << 28, max_pixels=1 << 28), 1 << 28)


class GoldenError(ModelError):
    """A model does not give one of its golden answers, or the golden cannot be read."""


def check_goldens(face: Face, source: ModelSource) -> None:
    """Raise GoldenError where a golden of the model's options cannot be read."""
    for golden in source.options.get("golden", []):
        with _named(golden):
            _read_answer(face, source.folder / golden["output"])
            _given(face, source, golden)


def reproduce_goldens(face: Face, model: LoadedModel, source: ModelSource) -> int:
    """Run every golden of the model's options and return how many there are.

    Raises GoldenError, naming the input and what differs.
    """
    goldens = source.options.get("golden", [])
    for golden in goldens:
        with _named(golden):
            expected = _read_answer(face, source.folder / golden["output"])
            parsed = face.parse(_given(face, source, golden), model.facts, _LIMITS)
            check_inputs(model.signature, parsed.inputs)
            model.check(parsed.inputs)
            (result,) = model.predict([parsed.inputs], [face.parameters().asked()])
            outcome = Outcome(result, model.facts, parsed.picture)
            difference = face.difference(expected, outcome)
        if difference:
            raise GoldenError(f"golden {golden['input']}: {difference}")
    return len(goldens)


@contextlib.contextmanager
def _named(golden: Mapping[str, str]) -> Iterator[None]:
    """Say which golden it is that cannot be read."""
    try:
        yield
    except (OSError, ImageError, PictureError, GivenError, InputError, ValueError) as error:
        raise GoldenError(f"golden {golden['input']}: {error}") from error


def _given(face: Face, source: ModelSource, golden: Mapping[str, str]) -> Any:
    """Return what the input's file gives, its header looked at."""
    content = _read(source.folder / golden["input"])
    (given,) = face.read([content], [golden["input"]], _LIMITS, ahead=True)
    return given


def _read(path: Path) -> bytes:
    """Return a file's bytes; raises ValueError, which names it and not where it lies."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path.name}: {error.strerror}") from error
    if is_pointer(content):
        raise ValueError(pointer_text(path.name))
    return content


def _read_answer(face: Face, path: Path) -> Any:
    content = _read(path)
    try:
        document = json.loads(content)
    except ValueError as error:
        raise ValueError(f"{path.name} is no JSON: {error}") from error
    try:
        return face.golden(document)
    except ValueError as error:
        raise ValueError(f"{path.name} is {error}") from error
