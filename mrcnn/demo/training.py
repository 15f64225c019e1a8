"""Training of the demo model: the recipe's stages, one after the other, resumable."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path

import keras

from mrcnn.demo.pretraining import CropTrainer, crop_batches
from mrcnn.demo.recipe import (
    ARCHITECTURE,
    BATCH_SIZE,
    MASK_REGIONS,
    SIDE,
    STAGES,
    WARM_UP_STEPS,
    WEIGHT_DECAY,
    Stage,
    training_config,
)
from mrcnn.demo.scenes import FIRST_TRAINING_SEED, make_scene
from mrcnn.loading import load_weights
from mrcnn.network import MaskRCNNNetwork
from mrcnn.training.examples import Example
from mrcnn.training.trainer import Trainer
from mrcnn.weights import WeightFile


def examples(first_seed: int, side: int) -> Iterator[Example]:
    """Scenes of ever new seeds."""
    seed = first_seed
    while True:
        scene = make_scene(seed, side)
        yield Example(scene.image, scene.class_ids, scene.masks)
        seed += 1


def train(folder: Path, *, scale: float = 1.0) -> Path:
    """Run the recipe's stages and return the last one's weights.

    Args:
        folder: where each stage's weights and state go; a stage found finished there is not run
            again, one found begun goes on where it stopped.
        scale: multiplies each stage's steps, for a quick look.
    """
    folder.mkdir(parents=True, exist_ok=True)
    previous: Path | None = None
    seed = FIRST_TRAINING_SEED
    for stage in STAGES:
        steps = max(1, round(stage.steps * scale))
        previous = train_stage(stage, steps, folder, start_from=previous, first_seed=seed)
        seed += steps * BATCH_SIZE
    assert previous is not None
    return previous


def train_stage(
    stage: Stage, steps: int, folder: Path, *, start_from: Path | None, first_seed: int
) -> Path:
    """Train one stage to its end and return its weights' path."""
    keras.utils.set_random_seed(first_seed)
    path = folder / f"{stage.name}.h5"
    network = MaskRCNNNetwork(ARCHITECTURE, training_config())
    trainer = trainer_of(stage, steps, network)
    if path.exists():
        load_weights(network, WeightFile.open(path))
        trainer.restore(path)
    elif start_from is not None:
        load_weights(network, WeightFile.open(start_from))
    print(f"stage {stage.name}: step {trainer.step} of {steps}", file=sys.stderr)
    if trainer.step < steps:
        seed = first_seed + trainer.step * BATCH_SIZE
        stream = (crop_batches if stage.learns == "crops" else examples)(seed, SIDE)
        trainer.fit(stream, steps, checkpoint=path, checkpoint_every=200)
    return path


def trainer_of(stage: Stage, steps: int, network: MaskRCNNNetwork) -> Trainer:
    """The loop of a stage."""
    optimizer = optimizer_of(stage, steps)
    if stage.learns == "crops":
        return CropTrainer(network, optimizer, BATCH_SIZE)
    return Trainer(network, optimizer, BATCH_SIZE, mask_regions=MASK_REGIONS)


def optimizer_of(stage: Stage, steps: int) -> keras.optimizers.Optimizer:
    """AdamW whose rate rises over the first steps and falls along a cosine to a hundredth.

    Reference: Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2017.
    """
    warm_up = min(WARM_UP_STEPS, math.ceil(steps / 10))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=stage.learning_rate / 20,
        decay_steps=max(1, steps - warm_up),
        alpha=0.01,
        warmup_target=stage.learning_rate,
        warmup_steps=warm_up,
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=WEIGHT_DECAY)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer
