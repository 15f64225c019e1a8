"""Gets what benchmarks need from outside: weight file, photo, environments of other projects."""

from __future__ import annotations

import multiprocessing
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from bench.contender import ROOT

#: Kept between runs; `make clean` removes it.
BUILD = ROOT / "build" / "bench"
#: Its builds know no GPU and are a tenth of the size; not every machine reaches it.
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
_COCO_SIZED = ["--backbone", "resnet101", "--classes", "81", "--seed", "1"]
_PHOTO = "2502287818_41e4b0c4fb_z.jpg"


def golden_folder() -> Path:
    """Return the folder that SLIPWAY_GOLDENS names; exits with one line where there is none."""
    folder = Path(os.environ.get("SLIPWAY_GOLDENS", ""))
    if not (folder / "weights.py").is_file():
        sys.exit("SLIPWAY_GOLDENS must name the folder with weights.py and photos/")
    return folder


def photo() -> Path:
    """Return the photo, 640 x 480."""
    return golden_folder() / "photos" / _PHOTO


def weight_file() -> Path:
    """Return a weight file of the size of Matterport's COCO model, made at the first call."""
    path = BUILD / "coco-sized.h5"
    if not path.is_file():
        print("making a weight file of 258 MB", file=sys.stderr)
        BUILD.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        generator = str(golden_folder() / "weights.py")
        subprocess.run([sys.executable, generator, *_COCO_SIZED, str(partial)], check=True)
        partial.replace(path)
    return path


def quantized_weight_file() -> Path:
    """Return that file with its form in eight bits beside it, made from the golden photos."""
    weights = weight_file()
    photos = [_pixels(path) for path in sorted((golden_folder() / "photos").glob("*.jpg"))]
    quantize(weights, {}, photos, [photo[:, ::-1].copy() for photo in photos])
    return weights


def quantized_demo() -> Path:
    """Return a copy of the demo model's file with its form in eight bits, made from 200 scenes."""
    from mrcnn.demo.recipe import serving_settings
    from mrcnn.demo.scenes import make_scene

    weights = BUILD / "demo" / "shapes.h5"
    weights.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "models" / "shapes" / "1" / "shapes.h5", weights)
    scenes = [make_scene(2_000_000 + seed, 320).image for seed in range(240)]
    quantize(weights, serving_settings(), scenes[:200], scenes[200:])
    return weights


def quantize(
    weights: Path, settings: Mapping[str, object], made_from: Sequence[Any], judged: Sequence[Any]
) -> None:
    """Make a weight file's form in eight bits where there is none of it.

    In a process of its own: what it takes would count as the peak of all that are started later.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        pool.submit(_quantize, weights, settings, made_from, judged).result()


def _quantize(
    weights: Path, settings: Mapping[str, object], made_from: Sequence[Any], judged: Sequence[Any]
) -> None:
    from mrcnn.forms import FormError
    from mrcnn.programs.choice import Wishes, choose
    from mrcnn.quantizing import quantize as made
    from mrcnn.settings import settings_for
    from mrcnn.weights import WeightFile

    config = settings_for(WeightFile.open(weights).architecture, settings, weights.name)
    try:
        choose(weights, config, Wishes(precision="int8"))
    except FormError:
        print(f"making the form in eight bits of {weights.name}", file=sys.stderr)
        print(made(weights, settings, made_from, judged).told, file=sys.stderr)


def _pixels(path: Path) -> Any:
    from mrcnn.pictures.files import load

    return load(path)


def torchvision_python() -> Path:
    """Return the Python of an environment with torchvision, made at the first call."""
    folder = BUILD / "torchvision"
    python = folder / "bin" / "python"
    if python.is_file() and _has_torchvision(python):
        return python
    print("installing torchvision into an environment of its own", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "torch", "torchvision", "numpy"]
    small = subprocess.run(
        [*install, "--retries", "0", "--index-url", CPU_INDEX], check=False, capture_output=True
    )
    if small.returncode != 0:
        print(f"{CPU_INDEX} is out of reach; taking PyPI's build, with CUDA", file=sys.stderr)
        subprocess.run(install, check=True)
    return python


def _has_torchvision(python: Path) -> bool:
    found = subprocess.run([python, "-c", "import torchvision"], check=False, capture_output=True)
    return found.returncode == 0


def environment(name: str) -> Path:
    """Return the folder of the environment of another project."""
    return BUILD / name.lower().replace(" ", "-")


def prepare(name: str, packages: Sequence[str]) -> str | None:
    """Make an environment with packages where it is not there; returns why that cannot be."""
    folder = environment(name)
    done = folder / "prepared"
    wanted = "\n".join(packages)
    if done.is_file() and done.read_text() == wanted:
        return None
    print(f"installing {name} into an environment of its own", file=sys.stderr)
    uv = [sys.executable, "-m", "uv", "--no-config", "--quiet"]
    python = str(folder / "bin" / "python")
    for command in (
        [*uv, "venv", "--clear", "--python", sys.executable, str(folder)],
        [*uv, "pip", "install", "--python", python, *packages],
    ):
        ran = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        if ran.returncode:
            return " ".join(ran.stderr.split())[:200]
    done.write_text(wanted)
    return None


def cpu_model() -> str:
    """Return the processor's name."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
