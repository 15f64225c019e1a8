"""The training loop: one step as a graph, progress to the terminal, checkpoints to disk."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mrcnn.anchors import anchors_for
from mrcnn.loading import save_weights
from mrcnn.network import MaskRCNNNetwork
from mrcnn.proposals import ProposalLayer
from mrcnn.training import losses
from mrcnn.training.examples import Batch, batches
from mrcnn.training.targets import RegionTargets, anchor_targets, region_targets

LOSSES = (
    "rpn_class_loss",
    "rpn_bbox_loss",
    "mrcnn_class_loss",
    "mrcnn_bbox_loss",
    "mrcnn_mask_loss",
)


@dataclass(frozen=True)
class Progress:
    """Where a run stands; losses are means since the last report."""

    step: int
    steps: int
    learning_rate: float
    losses: dict[str, float]
    seconds_left: float
    images_per_s: float

    def __str__(self) -> str:
        parts = " ".join(f"{n.removesuffix('_loss')} {v:.3f}" for n, v in self.losses.items())
        return (
            f"step {self.step}/{self.steps}  loss {sum(self.losses.values()):.3f} ({parts})  "
            f"rate {self.learning_rate:.2g}  {self.images_per_s:.1f} images/s  "
            f"{self.seconds_left / 60:.0f} min left"
        )


class Trainer:
    """Trains a network on an endless stream of examples.

    A subclass that overrides `losses_of`, `loss_names` and `variables` trains something else with
    the same loop.

    Args:
        network: built with its normalizations, not folded.
        optimizer: any Keras optimizer; it carries the learning rate's schedule.
        batch_size: pictures a step, all molded to one size.
        mask_regions: object regions a picture that the mask head learns from, drawn anew each
            step; all of them unless told. The mask head is most of a step's work.
    """

    loss_names: tuple[str, ...] = LOSSES

    def __init__(
        self,
        network: MaskRCNNNetwork,
        optimizer: keras.optimizers.Optimizer,
        batch_size: int,
        *,
        mask_regions: int | None = None,
    ) -> None:
        self.network, self.optimizer, self.batch_size = network, optimizer, batch_size
        self.config, self.mask_regions = network.config, mask_regions
        self.propose = ProposalLayer(self.config, int(self.config.POST_NMS_ROIS_TRAINING))
        self.step = 0
        optimizer.build(self.variables)
        self._step = tf.function(self._train_step, autograph=False)

    @property
    def variables(self) -> list[keras.Variable]:
        """What the optimizer changes."""
        return self.network.trainable_variables

    def fit(
        self,
        examples: Iterator[Any],
        steps: int,
        *,
        report_every: int = 20,
        report: Callable[[Progress], None] = lambda p: print(p, file=sys.stderr, flush=True),
        checkpoint: Path | None = None,
        checkpoint_every: int = 500,
    ) -> None:
        """Train until `steps` are done, reporting as it goes.

        Args:
            examples: endless; one that ends ends the training.
            steps: the step to stop at, counted from the start of the run.
            report_every: steps between two reports.
            report: what to do with one.
            checkpoint: where the weights are saved, every `checkpoint_every` steps and at the end.
            checkpoint_every: steps between two checkpoints.

        Raises:
            FloatingPointError: the loss is no longer a number.
        """
        sums, since, seen = np.zeros(len(self.loss_names)), self.step, 0
        started = time.monotonic()
        for batch in self.dataset(examples):
            sums += np.array([float(v) for v in self._step(batch)])
            self.step += 1
            seen += len(batch[0])
            if not np.isfinite(sums).all():
                raise FloatingPointError(f"step {self.step}: the loss is not a number: {sums}")
            if self.step % report_every == 0 or self.step == steps:
                elapsed_s = time.monotonic() - started
                report(
                    self._progress(
                        sums / (self.step - since),
                        seen / elapsed_s,
                        (steps - self.step) * elapsed_s / (self.step - since),
                        steps,
                    )
                )
                sums, since, seen = np.zeros(len(self.loss_names)), self.step, 0
                started = time.monotonic()
            if checkpoint and (self.step % checkpoint_every == 0 or self.step == steps):
                self.save(checkpoint)
            if self.step >= steps:
                break

    def save(self, path: Path) -> None:
        """Write the weights, and beside them the state of the run, for `restore`."""
        save_weights(self.network, path)
        state = {f"{i:04d}": v.numpy() for i, v in enumerate(self.optimizer.variables)}
        partial = path.with_suffix(".state.partial.npz")
        np.savez(partial, step=self.step, **state)
        partial.replace(path.with_suffix(".state.npz"))

    def restore(self, path: Path) -> None:
        """Take up the state that `save` wrote beside `path`; the weights are loaded apart."""
        with np.load(path.with_suffix(".state.npz")) as state:
            self.step = int(state["step"])
            for index, variable in enumerate(self.optimizer.variables):
                variable.assign(state[f"{index:04d}"])

    def _progress(
        self, means: np.ndarray, images_per_s: float, seconds_left: float, steps: int
    ) -> Progress:
        return Progress(
            self.step,
            steps,
            float(self.optimizer.learning_rate),
            dict(zip(self.loss_names, means.tolist(), strict=True)),
            seconds_left,
            images_per_s,
        )

    def dataset(self, examples: Iterator[Any]) -> tf.data.Dataset:
        """Batches of the examples, made by a thread of their own, a few ahead."""
        first = next(stream := batches(examples, self.config, self.batch_size))

        def generate() -> Iterator[Batch]:
            yield first
            yield from stream

        signature = Batch(*(tf.TensorSpec(x.shape, x.dtype) for x in first))
        dataset = tf.data.Dataset.from_generator(generate, output_signature=tuple(signature))
        return dataset.prefetch(4)

    def _train_step(self, batch: tuple[tf.Tensor, ...]) -> tf.Tensor:
        with tf.GradientTape() as tape:
            values = self.losses_of(batch)
            total = tf.add_n([v * self.config.LOSS_WEIGHTS.get(n, 1.0) for n, v in values.items()])
        variables = self.variables
        gradients = tape.gradient(total, variables)
        gradients, _ = tf.clip_by_global_norm(gradients, self.config.GRADIENT_CLIP_NORM)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return tf.stack([values[name] for name in self.loss_names])

    def losses_of(self, batch: tuple[tf.Tensor, ...]) -> dict[str, tf.Tensor]:
        """The five losses of a `Batch`, by Matterport's names, before their weights."""
        return self._detector_losses(Batch(*batch))

    def _detector_losses(self, batch: Batch) -> dict[str, tf.Tensor]:
        network, config = self.network, self.config
        training = config.TRAIN_BN is not False
        height, width = int(batch.pixels.shape[1]), int(batch.pixels.shape[2])
        shape = tf.constant([height, width])
        _, levels = network.pyramid_of(network.mold(batch.pixels), training=training)
        rpn_logits, rpn_deltas = network.rpn(levels)
        match, anchor_deltas = self._anchor_targets(batch, (height, width))
        found = self._region_targets(batch, rpn_logits, rpn_deltas, (height, width))

        logits, deltas = network.classify(levels, found.regions, shape, training=training)
        class_ids = tf.reshape(found.class_ids, [-1])
        mask_value = self._mask_loss(levels, found, shape, training)
        return {
            "rpn_class_loss": losses.rpn_class_loss(match, rpn_logits),
            "rpn_bbox_loss": losses.rpn_bbox_loss(match, anchor_deltas, rpn_deltas),
            "mrcnn_class_loss": losses.class_loss(
                class_ids, tf.reshape(logits, [-1, logits.shape[-1]])
            ),
            "mrcnn_bbox_loss": losses.bbox_loss(
                class_ids,
                tf.reshape(found.deltas, [-1, 4]),
                tf.reshape(deltas, [-1, deltas.shape[-2], 4]),
            ),
            "mrcnn_mask_loss": mask_value,
        }

    def _anchor_targets(self, batch: Batch, shape: tuple[int, int]) -> tuple[tf.Tensor, tf.Tensor]:
        config = self.config
        anchors = anchors_for(shape, config)
        pixels = tf.constant(anchors, tf.float32)
        return tf.map_fn(
            lambda image: anchor_targets(pixels, image[0], image[1], config),
            (batch.class_ids, batch.boxes),
            fn_output_signature=(tf.int32, tf.float32),
        )

    def _region_targets(
        self,
        batch: Batch,
        rpn_logits: tf.Tensor,
        rpn_deltas: tf.Tensor,
        shape: tuple[int, int],
    ) -> RegionTargets:
        height, width = shape
        scores = tf.stop_gradient(tf.nn.softmax(rpn_logits)[..., 1])
        anchors = tf.constant(self.network.anchors_of(shape))
        proposals = self.propose(scores, tf.stop_gradient(rpn_deltas), anchors)
        size = tf.constant([height - 1, width - 1] * 2, tf.float32)
        boxes = (batch.boxes - tf.constant([0.0, 0.0, 1.0, 1.0])) / size
        targets = tf.map_fn(
            lambda x: tuple(region_targets(x[0], x[1], x[2], x[3], self.config)),
            (proposals, batch.class_ids, boxes, batch.masks),
            fn_output_signature=(tf.float32, tf.int32, tf.float32, tf.float32),
        )
        return RegionTargets(*(tf.stop_gradient(t) for t in targets))

    def _mask_loss(
        self, levels: list[tf.Tensor], found: RegionTargets, shape: tf.Tensor, training: bool
    ) -> tf.Tensor:
        """The mask head runs on the object regions alone: the others would cost nothing anyway.

        One region always goes through, for a batch statistic needs a sample.
        """
        objects = tf.where(found.class_ids > 0)  # [objects, 2] image, place
        if self.mask_regions is not None:
            objects = tf.random.shuffle(objects)[: self.mask_regions * self.batch_size]
        chosen = tf.cond(tf.size(objects) > 0, lambda: objects, lambda: tf.zeros([1, 2], tf.int64))
        logits = self.network.mask_logits(
            levels,
            tf.gather_nd(found.regions, chosen),
            tf.cast(chosen[:, 0], tf.int32),
            shape,
            training=training,
        )
        return losses.mask_loss(
            tf.gather_nd(found.class_ids, chosen), tf.gather_nd(found.masks, chosen), logits
        )
