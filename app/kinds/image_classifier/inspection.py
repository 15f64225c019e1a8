"""What a classifier's file is, layer by layer. Builds no network."""

from __future__ import annotations

from pathlib import Path

from app.kinds.image_classifier import arrays
from app.kinds.image_classifier.configuration import rewritten
from app.kinds.image_classifier.files import ModelFile, told_of
from app.kinds.image_classifier.network import Network, network_of
from app.kinds.image_classifier.vocabulary import check_classes
from app.kinds.kind import Inspection


def inspect(path: Path) -> Inspection:
    """Return what the file is; raises ModelError."""
    file = ModelFile.open(path)
    with told_of(path):
        check_classes(file.config, allow_code=True)
        network = network_of(rewritten(file.config, file.keras_version))
        with file.weights() as root:
            rows = [
                (layer, array.name.rpartition("/")[2].removesuffix(":0"), array.shape, array)
                for layer, array in arrays.weights_in(root)
            ]
            parts = [("layer", "array", "shape", "numbers")]
            parts += [
                (layer, name, f"{_sides(shape)} {array.dtype}", f"{array.size:,}")
                for layer, name, shape, array in rows
            ]
            count = sum(array.size for *_, array in rows)
    facts = [*_facts(file, network), ("parameters", f"{count:,} in {len(rows)} arrays")]
    return Inspection("a classifier of Keras", facts, parts, right="   >")


def _facts(file: ModelFile, network: Network) -> list[tuple[str, str]]:
    version = ".".join(map(str, file.keras_version)) or "a version that it does not say"
    shape = network.input_shape
    order = ", channels first" if network.is_channels_first else ""
    return [
        ("saved by", f"Keras {version}"),
        ("input", f"{_sides(shape)}{order}" if shape else "any; model.yaml has to say input"),
        ("scaling", "in the network" if network.scales else "not told by the file"),
        ("classes", f"{network.classes:,}" if network.classes else "known when it is loaded"),
        ("last activation", network.activation or "known when it is loaded"),
        *([("outputs", ", ".join(network.outputs))] if len(network.outputs) > 1 else []),
        ("layers", f"{len(network.layers):,}"),
    ]


def _sides(shape: tuple[int | None, ...]) -> str:
    return " x ".join("any" if side is None else str(side) for side in shape) or "a number"
