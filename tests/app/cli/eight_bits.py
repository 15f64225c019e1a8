"""What tests of a model's form in eight bits share."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py

from app.serving.local_client import LocalClient
from app.settings import Settings


def described(models: Path) -> Mapping[str, Any]:
    """Load the demo model as a server does and return what `/models` says of it."""
    settings = Settings.from_environment({"MODEL_REPOSITORY": str(models)}).serving
    with contextlib.closing(LocalClient.start(settings)) as client:
        client.wait_until_loaded()
        (status,) = client.models()
    return {"error": status.error, **status.description}


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
