"""`python -m mrcnn.demo train|evaluate|sample`: makes the demo model from nothing and judges it."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from PIL import Image

from mrcnn.demo.recipe import SIDE, STAGES, serving_settings
from mrcnn.demo.scenes import EVALUATION_SEEDS, SAMPLE_SEEDS, make_scene
from mrcnn.quiet import importing_quietly

# TensorFlow takes these kernels by itself only on processors with AVX-512 VNNI; on one without, a
# training step takes twice as long (AMD EPYC 7003, 2 cores: 1.78 s without, 0.85 s with them).
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

RUN = Path("build/demo")
WEIGHTS = Path("models/shapes/1/shapes.h5")
SHEET_SCENES, SHEET_COLUMNS = 12, 4


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    arguments = _parser().parse_args(argv)
    {"train": _train, "evaluate": _evaluate, "sample": _sample}[arguments.command](arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mrcnn.demo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    train = commands.add_parser("train", help="train the model; two to three hours on two cores")
    train.add_argument("--run", type=Path, default=RUN, help="where checkpoints go (%(default)s)")
    train.add_argument("--scale", type=float, default=1.0, help="multiplies the number of steps")

    evaluate = commands.add_parser("evaluate", help="average precision on unseen scenes")
    evaluate.add_argument("--weights", type=Path, default=WEIGHTS, help="default %(default)s")
    evaluate.add_argument("--scenes", type=int, default=len(EVALUATION_SEEDS))
    evaluate.add_argument("--out", type=Path, help="folder for evaluation.json and the picture")

    sample = commands.add_parser("sample", help="write scenes as PNG files")
    sample.add_argument("--out", type=Path, default=WEIGHTS.parent / "samples")
    sample.add_argument("--seeds", type=int, nargs="+", default=list(SAMPLE_SEEDS))
    return parser


def _train(arguments: argparse.Namespace) -> None:
    with importing_quietly():
        from mrcnn.demo.training import train

    path = train(arguments.run, scale=arguments.scale)
    print(f"the weights of {STAGES[-1].name!r}, the last stage, are in {path}")


def _evaluate(arguments: argparse.Namespace) -> None:
    with importing_quietly():
        from mrcnn.demo.evaluation import detect_scenes, evaluate, prediction_sheet
        from mrcnn.detector import Detector

    detector = Detector.load(arguments.weights, serving_settings())
    seeds = EVALUATION_SEEDS[: arguments.scenes]
    first = []
    if arguments.out:
        first = list(islice(detect_scenes(detector, seeds[:SHEET_SCENES], SIDE), SHEET_SCENES))
    result = evaluate(detect_scenes(detector, seeds, SIDE))
    print(result.table())
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "evaluation.json").write_text(json.dumps(asdict(result), indent=1) + "\n")
        sheet = prediction_sheet(first, columns=SHEET_COLUMNS)
        sheet.save(arguments.out / "contact_sheet.jpg", quality=85)


def _sample(arguments: argparse.Namespace) -> None:
    arguments.out.mkdir(parents=True, exist_ok=True)
    for seed in arguments.seeds:
        path = arguments.out / f"scene-{seed}.png"
        Image.fromarray(make_scene(seed, SIDE).image).save(path, optimize=True)
        print(path)


if __name__ == "__main__":
    main()
