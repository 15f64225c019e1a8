"""What tests of a model's form in eight bits share."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import yaml
from PIL import Image

from app.serving.local_client import LocalClient
from app.settings import Settings
from mrcnn.demo.scenes import make_scene

PICTURES = 24


class Made(NamedTuple):
    """A repository of the demo model with its form, and what the command said."""

    models: Path
    images: Path
    worst: Path
    status: int
    out: str
    told: str


def described(models: Path) -> Mapping[str, Any]:
    """Load the only model as a server does and return what `/models` says of it."""
    (one,) = all_described(models).values()
    return one


def all_described(models: Path) -> dict[str, Mapping[str, Any]]:
    """Load models as a server does and return what `/models` says of each, by its name."""
    settings = Settings.from_environment({"MODEL_REPOSITORY": str(models)}).serving
    with contextlib.closing(LocalClient.start(settings)) as client:
        client.wait_until_loaded()
        return {one.name: {"error": one.error, **one.description} for one in client.models()}


def write_pictures(folder: Path, count: int) -> None:
    """Write scenes that the demo model has never seen."""
    folder.mkdir(parents=True)
    for seed in range(count):
        scene = make_scene(5_000_000 + seed, 320)
        Image.fromarray(scene.image).save(folder / f"{seed:02}.jpg", quality=95)


def spoil_for_eight_bits(weights: Path) -> None:
    """Leave answers in float32 as they are, and make a few channels of the mask head so large that
    256 steps hold no others."""
    with h5py.File(weights, "r+") as file:
        for layer in (1, 2, 3):
            _enlarge(file, f"mrcnn_mask_bn{layer}", f"mrcnn_mask_conv{layer + 1}")


def _enlarge(file: h5py.File, norm: str, behind: str) -> None:
    """Have a few channels be 4,096 times as large, and the layer behind take them as they were."""

    def change(name: str, array: object) -> None:
        if not isinstance(array, h5py.Dataset):
            return
        values = array[...]
        if f"{norm}/" in f"{name}/" and name.split("/")[-1].startswith(("gamma", "beta")):
            values[:4] *= 4096
            array[...] = values
        if f"{behind}/" in f"{name}/" and name.split("/")[-1].startswith("kernel"):
            values[:, :, :4] /= 4096
            array[...] = values

    file.visititems(change)


def with_options(models: Path, **options: object) -> Path:
    """Say more in the model's `model.yaml`; a value of None says less."""
    file = models / "shapes" / "1" / "model.yaml"
    said = {**yaml.safe_load(file.read_text()), **options}
    file.write_text(yaml.safe_dump({k: v for k, v in said.items() if v is not None}))
    return models


def form_in(models: Path) -> Path:
    """Return where the model's form lies."""
    return models / "shapes" / "1" / "shapes.int8.openvino"
