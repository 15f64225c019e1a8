"""`slipway predict FILE…`: the same answers as POST /predict, without a server."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app import log
from app.api.answers import PredictAnswer
from app.api.rendering import instances_as_json, label_of, prediction_as_json
from app.cli.terminal import CommandError, table
from app.ids import new_id
from app.images import ImageError, ImageLimits, decode
from app.kinds.kind import Parameters
from app.serving.client import InferenceClient, Prediction
from app.serving.errors import ServingError
from app.settings import Settings
from mrcnn.drawing import draw_instances


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("predict", help="find the instances on photos, without a server")
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path)
    parser.add_argument("--model", help="by default the one that a server would choose")
    parser.add_argument("--min-score", type=_score, metavar="SCORE", help="from 0 to 1")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, with masks")
    parser.add_argument(
        "--render",
        metavar="OUT",
        help="draw what was found: OUT is a picture file; for several photos a folder, or a "
        "pattern with {stem}, as in out/{stem}.png",
    )
    parser.add_argument("--verbose", action="store_true", help="the log, on stderr")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what is on each photo; 1 where one of them could not be taken."""
    targets = _targets(arguments.files, arguments.render)
    settings = replace(Settings.from_environment(), inference="in_process")
    limits = ImageLimits.of(settings)
    client = _load(settings, is_verbose=arguments.verbose)
    failures = 0
    try:
        for file, target in zip(arguments.files, targets, strict=True):
            try:
                _predict(client, file, target, limits=limits, arguments=arguments)
            except (OSError, ImageError, ServingError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                print(f"slipway: {file}: {reason}", file=sys.stderr)
                failures += 1
    finally:
        client.close()
    return 1 if failures else 0


def _score(text: str) -> float:
    score = float(text)
    if not 0 <= score <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1")
    return score


def _targets(files: list[Path], render: str | None) -> list[Path | None]:
    """Return where each photo's drawing goes; raises CommandError where two go to one file."""
    if render is None:
        return [None] * len(files)
    is_folder = render.endswith("/") or Path(render).is_dir()
    if "{stem}" in render:
        targets = [Path(render.replace("{stem}", file.stem)) for file in files]
    elif is_folder or len(files) > 1:
        targets = [Path(render) / f"{file.stem}.png" for file in files]
    else:
        targets = [Path(render)]
    twice = [target for target in targets if targets.count(target) > 1]
    if twice:
        raise CommandError(f"--render {render}: several photos would be drawn to {twice[0]}", 2)
    for target in targets:
        if target.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
            raise CommandError(f"--render {target}: a .png, .jpg or .webp file is needed", 2)
    return list(targets)


def _load(settings: Settings, *, is_verbose: bool) -> InferenceClient:
    """Load the models and wait for them; raises CommandError where none can be used."""
    # TensorFlow reads it when it is imported, and greets with warnings of no use here.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from app.serving.local_client import LocalClient

    log.configure(settings.log_level, sys.stderr if is_verbose else io.StringIO())
    client = LocalClient.start(settings)
    client.wait_until_loaded()
    return client


def _predict(
    client: InferenceClient,
    file: Path,
    target: Path | None,
    *,
    limits: ImageLimits,
    arguments: argparse.Namespace,
) -> None:
    start = time.perf_counter()
    image = decode(file.read_bytes(), limits, keep_alpha=True)
    decode_ms = (time.perf_counter() - start) * 1000
    prediction = client.predict(
        image, model=arguments.model, parameters=Parameters(min_score=arguments.min_score)
    )
    if arguments.json:
        print(json.dumps({"file": str(file), **_as_json(prediction, decode_ms)}))
    else:
        print("\n".join(_as_text(file, prediction)), flush=True)
    if target is not None:
        _draw(image, prediction, target)


def _as_json(prediction: Prediction, decode_ms: float) -> PredictAnswer:
    start = time.perf_counter()
    instances = instances_as_json(prediction.instances, prediction.labels, "rle")
    timing_ms = {
        "decode": decode_ms,
        "queue": prediction.queue_ms,
        "inference": prediction.inference_ms,
        "encode": (time.perf_counter() - start) * 1000,
    }
    return prediction_as_json(prediction, new_id(), instances, timing_ms)


def _as_text(file: Path, prediction: Prediction) -> Iterator[str]:
    found = prediction.instances
    height, width = found.image_size
    count = f"{len(found)} instance{'' if len(found) == 1 else 's'}"
    yield (
        f"{file}: {count} on {width} x {height} pixels, "
        f"{prediction.model} version {prediction.version}, {prediction.inference_ms:.0f} ms"
    )
    if not len(found):
        return
    rows: list[tuple[object, ...]] = [("label", "score", "x", "y", "width", "height")]
    for class_id, score, box in zip(found.class_ids, found.scores, found.boxes_yxyx, strict=True):
        y_min, x_min, y_max, x_max = (int(side) for side in box)
        label = label_of(int(class_id), prediction.labels)
        rows.append((label, f"{score:.3f}", x_min, y_min, x_max - x_min, y_max - y_min))
    for line in table(rows, right=" >>>>>").splitlines():
        yield f"  {line}"


def _draw(image: NDArray[np.uint8], prediction: Prediction, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    draw_instances(image, prediction.instances, prediction.labels).save(target)
    print(f"drawn to {target}", file=sys.stderr)
