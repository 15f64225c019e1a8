"""Asks a written SavedModel, in a process of its own that has nothing of this project in it."""

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf


def main(model: str, pictures: str) -> None:
    """Put the answers for each `N.npy` into `N.npz` beside it."""
    answer = tf.saved_model.load(model).signatures["serving_default"]
    for path in sorted(Path(pictures).glob("*.npy")):
        found = answer(picture=tf.constant(np.load(path)[np.newaxis]))
        np.savez(path.with_suffix(".npz"), **{name: each.numpy() for name, each in found.items()})
        print(path.name, flush=True)


main(*sys.argv[1:])
