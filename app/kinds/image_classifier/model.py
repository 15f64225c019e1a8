"""A Keras classifier in memory. TensorFlow is imported by `load` alone."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from app.kinds.classes import OUTPUTS, PICTURE, Numbers
from app.kinds.image_classifier.examination import Examined, examine
from app.kinds.image_classifier.labels import labels_for
from app.kinds.kind import Field, ModelError, ModelSource, Signature
from app.kinds.tensors import Tensors

if TYPE_CHECKING:
    from app.kinds.image_classifier.running import Program

logger = logging.getLogger(__name__)


def load(source: ModelSource) -> LoadedClassifier:
    """Build the network and fill it; raises ModelError."""
    examined = examine(source)
    # The first import of TensorFlow.
    from app.kinds.image_classifier.running import program_of

    program = program_of(
        examined,
        threads=source.threads,
        output=source.options.get("output"),
        allow_code=bool(source.options.get("allow_code")),
    )
    return LoadedClassifier(program, examined, source)


class LoadedClassifier:
    """A classifier, ready for pictures of its size."""

    def __init__(self, program: Program, examined: Examined, source: ModelSource) -> None:
        self._program = program
        self._examined = examined
        frame, name = examined.frame, source.path.name
        noise = np.random.default_rng(0).integers(
            0, 256, (2, frame.height, frame.width, frame.channels), np.uint8
        )
        numbers = self._checked(noise, name)
        outputs, warnings = _numbers(examined, numbers, name)
        count = 2 if outputs in ("binary", "binary_logit") else numbers.shape[1]
        self.signature = Signature(
            inputs=(Field(PICTURE, "uint8", noise.shape[1:], "picture"),),
            outputs=(Field(OUTPUTS, "float32", (numbers.shape[1],)),),
        )
        self.facts: dict[str, Any] = {
            "labels": labels_for(count, source.labels, name),
            "input": examined.input,
            "outputs": outputs,
            "signature": {
                "inputs": [_told(field) for field in self.signature.inputs],
                "outputs": [_told(field) for field in self.signature.outputs],
            },
            "warnings": [*examined.warnings, *warnings],
        }
        for warning in self.facts["warnings"]:
            logger.warning("%s: %s", name, warning)

    def describe(self) -> dict[str, Any]:
        """Return what file and options say the model is."""
        told = {"num_classes": len(self.facts["labels"]), "outputs": self.facts["outputs"]}
        return {**self._examined.described(), **told, "warnings": self.facts["warnings"]}

    def warm_up(self) -> None:
        """Run one picture, as the first request will."""
        shape = self.signature.inputs[0].shape
        self._program.run(np.zeros((1, *(side or 1 for side in shape)), np.uint8))

    def check(self, inputs: Tensors) -> None:
        """Let every picture of the signature's shape pass."""

    def together(self, inputs: Tensors, asked: Mapping[str, Any]) -> Hashable | None:
        """Return the same key for all: every picture has the model's size."""
        return PICTURE

    def predict(
        self, inputs: Sequence[Tensors], asked: Sequence[Mapping[str, Any]]
    ) -> list[Tensors]:
        """Run all pictures in one pass."""
        numbers = self._program.run(np.stack([one[PICTURE] for one in inputs]))
        return [{OUTPUTS: row} for row in numbers]

    def _checked(self, pictures: NDArray[np.uint8], name: str) -> NDArray[np.float32]:
        """Return what noise gives; raises ModelError where that is no row of numbers a picture."""
        numbers = self._program.run(pictures)
        if numbers.ndim != 2 or not numbers.shape[1]:
            given = " x ".join(map(str, numbers.shape[1:])) or "one number"
            raise ModelError(
                f"{name} gives {given} for a picture; a classifier gives one row, a number a class"
            )
        if not np.isfinite(numbers).all():
            raise ModelError(
                f"{name}: its numbers are so large that no picture gives an answer: training had "
                f"diverged when it was saved"
            )
        return numbers


def _numbers(
    examined: Examined, found: NDArray[np.float32], name: str
) -> tuple[Numbers, list[str]]:
    """Return what the numbers are, by what noise gave where neither file nor options tell."""
    count = found.shape[1]
    if examined.outputs is not None:
        is_one = examined.outputs in ("binary", "binary_logit")
        if is_one != (count == 1):
            raise ModelError(f"{name} gives {count:,} numbers; outputs {examined.outputs} is not")
        return examined.outputs, []
    is_share = bool((found >= 0).all() and (found <= 1).all())
    if count == 1:
        guess: Numbers = "binary" if is_share else "binary_logit"
    elif is_share:
        guess = "probabilities" if np.allclose(found.sum(axis=1), 1, atol=1e-3) else "independent"
    else:
        guess = "logits"
    line = (
        f"the file does not tell what its last layer gives; by what it gave for noise it is "
        f"taken as outputs: {guess}; model.yaml says otherwise by outputs"
    )
    return guess, [line]


def _told(field: Field) -> dict[str, Any]:
    return {
        "name": field.name,
        "dtype": field.dtype,
        "shape": list(field.shape),
        "role": field.role,
    }
