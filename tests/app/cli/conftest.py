"""The command `slipway` in this process, over repositories of small genuine models."""

from __future__ import annotations

import contextlib
import io
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from app.cli import main
from app.kinds import registry
from tests.app.cli.eight_bits import PICTURES, Made, form_in, write_pictures
from tests.app.serving.model_folder import Models
from tests.app.serving.thresholding import Thresholding

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Models]:
    """Return a repository with the model `street`, and the kind that reads it."""
    models = Models(tmp_path / "models")
    models.add("street/1/street.h5")
    monkeypatch.setenv("MODEL_REPOSITORY", str(models.folder))
    listed = {f"{Thresholding.__module__}:Thresholding": (".h5", ".hdf5")}
    monkeypatch.setattr(registry, "LISTED", listed)
    _forget_kinds()
    yield models
    _forget_kinds()


def _forget_kinds() -> None:
    """Have what is listed looked at again, and the faces of it."""
    registry.kinds.cache_clear()
    registry.faces.cache_clear()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs the command: exit status, stdout, stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        status = main([str(argument) for argument in arguments])
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Return two photos: a red rectangle, and a red and a blue one."""
    image = np.zeros((60, 80, 3), np.uint8)
    image[10:38, 20:48, 0] = 250
    paths = [tmp_path / "one.png", tmp_path / "two.png"]
    Image.fromarray(image).save(paths[0])
    image[40:55, 50:70, 2] = 200
    Image.fromarray(image).save(paths[1])
    return paths


@pytest.fixture
def weight_file(tmp_path: Path) -> Path:
    """Write a file with the layers by which a narrow network is told, and nothing else."""
    widths = {2: 16, 3: 32, 4: 64, 5: 96}
    shapes: dict[str, tuple[int, ...]] = {
        "conv1": (7, 7, 3, 16),
        **{
            f"res{stage}{block}_branch2a": (1, 1, 16, width)
            for stage, width in widths.items()
            for block in "ab"
        },
        "fpn_c5p5": (1, 1, 384, 64),
        "rpn_conv_shared": (3, 3, 64, 128),
        "rpn_class_raw": (1, 1, 128, 6),
        "mrcnn_class_conv1": (7, 7, 64, 256),
        "mrcnn_class_logits": (256, 11),
        "mrcnn_mask_conv1": (3, 3, 64, 64),
        "mrcnn_mask": (1, 1, 64, 11),
    }
    path = tmp_path / "narrow.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.encode() for layer in shapes]
        for layer, shape in shapes.items():
            name = f"{layer}/kernel:0"
            file.create_group(layer).attrs["weight_names"] = [name.encode()]
            file[layer].create_dataset(name, data=np.full(shape, 0.5, np.float32))
    return path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Made:
    """Quantize the demo model from scenes that it has never seen."""
    folder = tmp_path_factory.mktemp("quantized")
    models, images, worst = folder / "models", folder / "photos" / "deep", folder / "worst.png"
    shutil.copytree(root / "models" / "shapes", models / "shapes")
    write_pictures(images, PICTURES)
    (images / "notes.txt").write_text("no picture")
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    form_in(models).with_name(f".{form_in(models).name}.{killed.pid}").write_bytes(b"half of it")
    words = ["quantize", "shapes", "--models", models, "--images", images.parent, "--worst", worst]
    out, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(told):
        status = main([str(word) for word in words])
    return Made(models, images.parent, worst, status, out.getvalue(), told.getvalue())
