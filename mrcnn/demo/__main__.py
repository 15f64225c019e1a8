"""`python -m mrcnn.demo train|evaluate|sample`: makes the demo model from nothing and judges it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from mrcnn.demo.recipe import STAGES

DEFAULT_RUN = Path("build/demo")


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m mrcnn.demo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    train = commands.add_parser("train", help="train the model; hours on two cores")
    train.add_argument("--run", type=Path, default=DEFAULT_RUN, help="where checkpoints go")
    train.add_argument("--scale", type=float, default=1.0, help="multiplies the number of steps")

    arguments = parser.parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is first imported
    if arguments.command == "train":
        from mrcnn.demo.training import train as train_model

        path = train_model(arguments.run, scale=arguments.scale)
        print(f"the weights of {STAGES[-1].name!r}, the last stage, are in {path}")


if __name__ == "__main__":
    main()
