"""All that is known of a classifier without a framework, from its file, its options and labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.kinds.classes import Numbers
from app.kinds.image_classifier import arrays
from app.kinds.image_classifier.configuration import rewritten
from app.kinds.image_classifier.files import ModelFile, told_of
from app.kinds.image_classifier.labels import is_numbered, labels_for
from app.kinds.image_classifier.network import Network, network_of
from app.kinds.image_classifier.pixels import Frame, frame_of
from app.kinds.image_classifier.vocabulary import check_classes
from app.kinds.kind import ModelError, ModelSource
from app.kinds.requisites import TENSORFLOW, check_installed
from app.kinds.scaling import Scale, scale_of

# The side of Teachable Machine's pictures.
_TEACHABLE_SIDE = 224


@dataclass(frozen=True)
class Examined:
    """A classifier as far as its file and its options tell."""

    file: ModelFile
    config: dict[str, Any]
    network: Network
    frame: Frame
    scale: Scale
    resize: str
    outputs: Numbers | None
    warnings: tuple[str, ...]
    parameters: int

    def described(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        version = ".".join(map(str, self.file.keras_version))
        return {
            **({"num_classes": classes} if (classes := self.classes) else {}),
            "input": self.input,
            **({"outputs": self.outputs} if self.outputs else {}),
            "preprocessing": self.scale.name,
            "keras_version": version or None,
            "parameters": self.parameters,
            "layers": len(self.network.layers),
            "warnings": list(self.warnings),
        }

    @property
    def input(self) -> dict[str, Any]:
        """The pictures, as the face has to know of them."""
        frame = self.frame
        size = {"height": frame.height, "width": frame.width, "channels": frame.channels}
        return {**size, "resize": self.resize}

    @property
    def classes(self) -> int | None:
        """How many labels there are, None where the configuration does not tell."""
        count = self.network.classes
        return 2 if count == 1 and self.outputs in ("binary", "binary_logit") else count


def examine(source: ModelSource) -> Examined:
    """Look at everything but what the network computes; raises ModelError."""
    file, options = ModelFile.open(source.path), source.options
    name = source.path.name
    check_installed(TENSORFLOW, name)
    with told_of(source.path):
        check_classes(file.config, allow_code=bool(options.get("allow_code")))
        config = rewritten(file.config, file.keras_version)
        network = network_of(config, options.get("output"))
    _check_output(network, options.get("output"), name)
    frame = frame_of(network, options, name)
    _check_pixels(frame, source)
    parameters = _read_all(file, network)
    is_teachable = network.is_teachable_machine or _looks_teachable(frame, source)
    scale, warnings = _scale(network, frame, options.get("preprocessing"), is_teachable, name)
    outputs, more = _numbers(network, options.get("outputs"), name)
    warnings += [frame.warning] if frame.warning else []
    examined = Examined(
        file,
        config,
        network,
        frame,
        scale,
        options.get("resize") or ("crop" if is_teachable else "stretch"),
        outputs,
        tuple(warnings + more),
        parameters,
    )
    if examined.classes is not None:
        labels_for(examined.classes, source.labels, name)
    return examined


def _check_output(network: Network, wanted: str | None, name: str) -> None:
    there = ", ".join(network.outputs)
    if wanted is not None and wanted not in network.outputs:
        raise ModelError(f"{name} has no output {wanted!r}; output in model.yaml is one of {there}")
    if wanted is None and len(network.outputs) > 1:
        raise ModelError(
            f"{name} has {len(network.outputs)} outputs; say in model.yaml which one is told, as "
            f"in output: {network.outputs[0]} (there are {there})"
        )


def _check_pixels(frame: Frame, source: ModelSource) -> None:
    pixels, limit = frame.height * frame.width, source.max_molded_pixels
    if pixels > limit:
        raise ModelError(
            f"{source.path.name} takes pictures of {frame.width:,} x {frame.height:,} pixels; "
            f"MAX_MOLDED_PIXELS allows {limit:,}"
        )


def _read_all(file: ModelFile, network: Network) -> int:
    """Read every number; returns how many there are."""
    count, largest = 0, 0
    with file.weights() as root:
        for layer, array in arrays.weights_in(root):
            values = arrays.numbers(array, layer)
            count += values.size
            largest = max(largest, *values.shape, 0)
    for layer, units in network.widths:
        if units > largest:
            raise ModelError(
                f"{file.path.name}: layer {layer} says {units:,} units or filters, and no array of "
                f"the file is as large"
            )
    return count


def _looks_teachable(frame: Frame, source: ModelSource) -> bool:
    size = frame.height, frame.width, frame.channels
    is_size = size == (_TEACHABLE_SIDE, _TEACHABLE_SIDE, 3)
    return is_size and source.labels is not None and is_numbered(source.labels)


def _scale(
    network: Network, frame: Frame, wanted: Any, is_teachable: bool, name: str
) -> tuple[Scale, list[str]]:
    if wanted is not None:
        scale = scale_of(wanted, frame.channels, name)
        if network.scales and scale.name != "none":
            line = (
                "the network scales pixels itself, and preprocessing in model.yaml does so before "
                "it; without that key pixels go in as they are"
            )
            return scale, [line]
        return scale, []
    if network.scales:
        return scale_of("none", frame.channels, name), []
    if is_teachable:
        return scale_of("tf", frame.channels, name), []
    line = (
        "the file does not say how pixels are scaled; from 0 to 1 is assumed (preprocessing: unit);"
        " model.yaml says otherwise by preprocessing: none, unit, tf, caffe, torch or a mapping"
    )
    return scale_of("unit", frame.channels, name), [line]


def _numbers(
    network: Network, wanted: Numbers | None, name: str
) -> tuple[Numbers | None, list[str]]:
    """Return what comes out, None where only running the network tells."""
    classes, activation = network.classes, network.activation
    is_one = classes == 1
    if wanted is not None:
        if classes is not None and is_one != (wanted in ("binary", "binary_logit")):
            raise ModelError(
                f"{name} gives {classes:,} numbers; outputs: {wanted} in model.yaml does not fit"
            )
        return wanted, []
    if activation is None or (classes is None and activation not in ("softmax",)):
        return None, []
    if activation == "softmax":
        return "probabilities", []
    is_sigmoid = activation in ("sigmoid", "hard_sigmoid", "hard_sigmoid_of_keras_2")
    if is_sigmoid:
        return ("binary" if is_one else "independent"), []
    if is_one:
        line = (
            "the network gives one raw number; it is assumed to tell two classes apart by its "
            "sigmoid (outputs: binary_logit); model.yaml says otherwise by outputs"
        )
        return "binary_logit", [line]
    if activation == "linear":
        return "logits", []
    line = (
        f"the last activation is {activation}; its numbers are assumed to be logits, for a "
        f"softmax; model.yaml says otherwise by outputs"
    )
    return "logits", [line]
