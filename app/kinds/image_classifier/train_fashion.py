"""`python -m app.kinds.image_classifier.train_fashion OUT --data FOLDER`: the demo classifier.

A small network learns Fashion-MNIST's ten kinds of clothes, and is judged at its end on the
official test set. FOLDER has the data set's four `*-ubyte.gz` files.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LABELS = (
    "t-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
LEAST_ACCURACY = 0.92
EPOCHS, BATCH, SEED = 12, 128, 7
BEST_RATE = 2e-3
# How far a picture is moved while the network learns, in pixels.
_SHIFT = 1
_IDX_PICTURES, _IDX_LABELS = 0x803, 0x801

_MODEL_YAML = """\
kind: image_classifier
about: >-
  The demo classifier knows ten kinds of clothes as Fashion-MNIST shows them, grey on black and 28
  pixels wide, and nothing else.
default: false  # only requests that name it are for it
"""

Pictures = NDArray[np.uint8]


def main(argv: list[str] | None = None) -> None:
    """Run the command line; exits with 1 where the network is not good enough to ship."""
    parser = argparse.ArgumentParser(
        prog="python -m app.kinds.image_classifier.train_fashion", description=__doc__
    )
    parser.add_argument("out", type=Path, help="the folder of the model's version")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the data set")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="default %(default)s")
    arguments = parser.parse_args(argv)
    started_at = time.monotonic()
    train = read_idx(arguments.data, "train")
    test = read_idx(arguments.data, "t10k")
    network = trained(*train, epochs=arguments.epochs)
    judged = judge(network, *test)
    judged |= {
        "parameters": int(network.count_params()),
        "epochs": arguments.epochs,
        "seed": SEED,
        "trained_s": round(time.monotonic() - started_at),
        "processor": platform.machine(),
        "cpus": os.cpu_count(),
    }
    write(network, judged, arguments.out)
    print(f"{judged['accuracy']:.2%} of {judged['pictures']:,} pictures right; in {arguments.out}")
    if judged["accuracy"] < LEAST_ACCURACY:
        raise SystemExit(f"fewer than {LEAST_ACCURACY:.0%}: not good enough to ship")


def read_idx(folder: Path, part: str) -> tuple[Pictures, NDArray[np.int64]]:
    """Return uint8 [count, 28, 28, 1] and their classes; raises ValueError for other files."""
    pictures = _idx(folder / f"{part}-images-idx3-ubyte.gz", _IDX_PICTURES, sides=3)
    labels = _idx(folder / f"{part}-labels-idx1-ubyte.gz", _IDX_LABELS, sides=1)
    if len(pictures) != len(labels):
        raise ValueError(f"{len(pictures):,} pictures and {len(labels):,} labels")
    return pictures[..., np.newaxis], labels.astype(np.int64)


def _idx(path: Path, magic: int, *, sides: int) -> Pictures:
    content = gzip.decompress(path.read_bytes())
    head = np.frombuffer(content, ">u4", 1 + sides)
    if head[0] != magic:
        raise ValueError(f"{path.name} is no file of the data set")
    return np.frombuffer(content, np.uint8, offset=4 * (1 + sides)).reshape(head[1:])


def network_untrained() -> Any:
    """Return the network: three convolutions, pixels scaled within."""
    import keras
    from keras import layers

    def convolution(filters: int) -> list[Any]:
        return [
            layers.Conv2D(filters, 3, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
        ]

    return keras.Sequential(
        [
            keras.Input((28, 28, 1), name="picture"),
            layers.Rescaling(1 / 255),
            *convolution(32),
            layers.MaxPooling2D(),
            *convolution(64),
            layers.MaxPooling2D(),
            *convolution(128),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(len(LABELS), activation="softmax", name="clothes"),
        ],
        name="fashion",
    )


def trained(pictures: Pictures, labels: NDArray[np.int64], *, epochs: int) -> Any:
    """Return the network after it has seen all pictures `epochs` times."""
    import keras

    keras.utils.set_random_seed(SEED)
    network = network_untrained()
    steps = math.ceil(len(pictures) / BATCH)
    rate = keras.optimizers.schedules.CosineDecay(
        BEST_RATE / 10, steps * epochs, warmup_target=BEST_RATE, warmup_steps=steps
    )
    network.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-3),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    chance = np.random.default_rng(SEED)
    for epoch in range(epochs):
        started_at = time.monotonic()
        found = [
            network.train_on_batch(*batch, return_dict=True)
            for batch in _batches(pictures, labels, chance)
        ]
        loss, accuracy = (np.mean([one[key] for one in found]) for key in ("loss", "accuracy"))
        took_s = time.monotonic() - started_at
        print(
            f"epoch {epoch + 1}/{epochs}: loss {loss:.4f}, accuracy {accuracy:.4f}, {took_s:.0f} s",
            flush=True,
        )
    return network


def _batches(
    pictures: Pictures, labels: NDArray[np.int64], chance: np.random.Generator
) -> Iterator[tuple[Pictures, NDArray[np.int64]]]:
    """Yield all pictures in another order, half of them mirrored, each batch moved a little."""
    order = chance.permutation(len(pictures))
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        batch = pictures[chosen].copy()
        mirrored = chance.random(len(batch)) < 0.5
        batch[mirrored] = batch[mirrored, :, ::-1]
        shift = tuple(chance.integers(-_SHIFT, _SHIFT + 1, 2))
        yield np.roll(batch, shift, axis=(1, 2)), labels[chosen]


def judge(network: Any, pictures: Pictures, labels: NDArray[np.int64]) -> dict[str, Any]:
    """Return the share of pictures that are right, over all and by class."""
    scores = network.predict(pictures, batch_size=500, verbose=0)
    right = scores.argmax(axis=1) == labels
    return {
        "data": "Fashion-MNIST, the official test set",
        "pictures": len(labels),
        "accuracy": round(float(right.mean()), 4),
        "accuracy_by_class": {
            label: round(float(right[labels == class_id].mean()), 3)
            for class_id, label in enumerate(LABELS)
        },
    }


def write(network: Any, judged: dict[str, Any], out: Path) -> None:
    """Write the model's folder; the file holds no optimizer."""
    out.mkdir(parents=True, exist_ok=True)
    bare = network_untrained()
    bare.set_weights(network.get_weights())
    bare.save(out / "fashion.keras")
    (out / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS))
    (out / "model.yaml").write_text(_MODEL_YAML)
    (out / "evaluation.json").write_text(json.dumps(judged, indent=1) + "\n")
    rows = "".join(f"| {label} | {share} |\n" for label, share in _shares(judged))
    (out / "README.md").write_text(_README.format(rows=rows, **judged))


def _shares(judged: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for label, share in judged["accuracy_by_class"].items():
        yield label, f"{share:.3f}"


_README = """\
# fashion, version 1

The demo classifier: a network of {parameters:,} parameters that tells ten kinds of clothes apart.
It was trained from nothing on the 60,000 pictures of Fashion-MNIST (MIT), which are not in here.

Of the data set's {pictures:,} test pictures, none of which it learned from, {accuracy:.2%} are
right:

| class | right |
| --- | --- |
{rows}
It knows clothes as the data set shows them: grey, light on black, 28 x 28 pixels. Pixels are scaled
within the network.

    python -m app.kinds.image_classifier.train_fashion models/fashion/1 --data FOLDER

makes it anew in a few minutes on two cores; FOLDER has the data set's four `*-ubyte.gz` files.
"""


if __name__ == "__main__":
    main()
