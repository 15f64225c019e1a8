"""Writes a network as one graph for other programs, runs it as they would, and compares."""

from __future__ import annotations

import contextlib
import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mrcnn.config import Config
from mrcnn.detector import Detector
from mrcnn.exporting.answers import Masks
from mrcnn.exporting.comparison import FLOAT32, INT8, Answers, Comparison, compare
from mrcnn.exporting.error import ExportError
from mrcnn.instances import Instances
from mrcnn.leftovers import partial_path, remove, remove_leftovers
from mrcnn.programs.choice import Choice, ProgramName, Wishes, choose
from mrcnn.settings import settings_for
from mrcnn.weights import WeightFile

Target = Literal["saved_model", "openvino", "onnx"]
Picture = NDArray[np.uint8]
#: Is called with what is being done, and how many pictures are done.
Tell = Callable[[str, int], None]

#: The labels, one a line: the first is class 1. In a folder of its own, as SavedModels have it.
LABELS = "assets/labels.txt"


@dataclass(frozen=True)
class Wanted:
    """What is to be written: a folder in the format `to`; `replaces` what lies there."""

    to: Target
    path: Path
    precision: Literal["f32", "int8"] = "f32"
    masks: Masks = "picture"
    replaces: bool = False


def export(
    weights: Path,
    values: Mapping[str, object],
    wanted: Wanted,
    pictures: Sequence[Picture],
    *,
    labels: Sequence[str] = (),
    min_score: float | None = None,
    threads: int | None = None,
    tell: Tell = lambda what, count: None,
) -> Comparison:
    """Write a network with all that its users would else do around it, run it, and compare.

    Args:
        weights: a Matterport `.h5`.
        values: Matterport's setting names with values, as `Detector.load` takes them.
        pictures: those on which it is compared, uint8 [h, w, channels].
        labels: the classes' names without the background.
        min_score: the least score of what it answers; DETECTION_MIN_CONFIDENCE unless told.
        tell: is called with what is being done, and how many pictures are done.

    Raises ExportError, WeightFileError, ConfigError, FormError, OSError, or ImportError where what
    writes the format is not installed.
    """
    file = WeightFile.open(weights)
    config = settings_for(file.architecture, values, file.path.name)
    program: ProgramName = "tensorflow" if wanted.to == "saved_model" else "openvino"
    chosen = choose(weights, config, Wishes(program, wanted.precision))
    least = float(config.DETECTION_MIN_CONFIDENCE) if min_score is None else min_score
    with _written(wanted) as folder:
        tell("writing", 0)
        _write(file, config, chosen, wanted, folder, labels, least=least, threads=threads)
        gc.collect()  # the network just written
        detector = Detector.load(
            weights, values, threads=threads, program=program, precision=wanted.precision
        )
        ours = []
        for count, picture in enumerate(pictures, start=1):
            ours += detector.detect([picture], min_score=least)
            tell("asking the model with", count)
        del detector
        gc.collect()
        return _compared(wanted, folder, pictures, ours, least, tell)


@contextlib.contextmanager
def _written(wanted: Wanted) -> Iterator[Path]:
    """Give a folder that is hidden until all is in it; raises ExportError, or OSError.

    What lies there goes only where the other can take its place.
    """
    path = wanted.path
    if os.path.lexists(path) and not wanted.replaces:
        raise ExportError(f"{path} is there already")
    remove_leftovers(path)
    folder = partial_path(path)
    folder.mkdir()
    before = folder.with_name(f"{folder.name}.before")
    try:
        yield folder
        if os.path.lexists(path):
            path.rename(before)
        try:
            folder.rename(path)
        except OSError:
            before.rename(path)
            raise
    finally:
        remove(folder)
    remove(before)


def _write(
    file: WeightFile,
    config: Config,
    chosen: Choice,
    wanted: Wanted,
    folder: Path,
    labels: Sequence[str],
    *,
    least: float,
    threads: int | None,
) -> None:
    names = folder / LABELS
    names.parent.mkdir()
    names.write_text("".join(f"{label}\n" for label in labels), "utf-8")
    if wanted.to == "saved_model":
        from mrcnn.exporting import tensorflow_model

        tensorflow_model.write(
            file,
            config,
            folder,
            names,
            least=least,
            masks=wanted.masks,
            threads=threads,
        )
        return
    if wanted.to == "onnx":
        from mrcnn.exporting.onnx_model import write
    else:
        from mrcnn.exporting.openvino_model import write
    write(file, config, chosen.form, folder, labels, least=least, masks=wanted.masks)


def _compared(
    wanted: Wanted,
    folder: Path,
    pictures: Sequence[Picture],
    ours: Sequence[Instances],
    least: float,
    tell: Tell,
) -> Comparison:
    """Run what was written in a process without this project, and compare; raises ExportError."""
    with tempfile.TemporaryDirectory() as given:
        for index, picture in enumerate(pictures):
            np.save(Path(given) / f"{index:06}.npy", picture)
        _run(wanted.to, folder, given, lambda count: tell("asking what was written with", count))
        found = ((one, _answers(given, index)) for index, one in enumerate(ours))
        return compare(found, least, INT8 if wanted.precision == "int8" else FLOAT32)


def _run(to: Target, folder: Path, given: str, tell: Callable[[int], None]) -> None:
    script = Path(__file__).with_name(f"run_{to}.py")
    words = [sys.executable, "-I", str(script), str(folder), given]
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout is not None
        for count, _ in enumerate(process.stdout, start=1):
            tell(count)
        if process.wait() != 0:
            errors.seek(0)
            told = errors.read().strip().splitlines() or [f"exit status {process.returncode}"]
            raise ExportError(f"what was written does not run: {told[-1]}")


def _answers(given: str, index: int) -> Answers:
    with np.load(Path(given) / f"{index:06}.npz") as archive:
        return dict(archive)
