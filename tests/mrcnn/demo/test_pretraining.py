"""The backbone's stage: shapes cut out of scenes, and a loop that learns their names."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import pytest

from mrcnn.demo.pretraining import CROPS, CropTrainer, crop_batches
from mrcnn.demo.recipe import ARCHITECTURE, training_config
from mrcnn.loading import weighted_layers
from mrcnn.network import MaskRCNNNetwork
from mrcnn.training.trainer import Progress

pytestmark = pytest.mark.slow


def test_crops_come_in_turn_of_three_sizes_and_are_the_same_for_a_seed() -> None:
    first, second = crop_batches(1_000_000, 96), crop_batches(1_000_000, 96)
    for side, count in CROPS:
        (crops, class_ids), (again, _) = next(first), next(second)
        assert crops.shape == (count, side, side, 3)
        assert crops.dtype == np.uint8
        assert set(class_ids.tolist()) <= set(range(1, 11))
        np.testing.assert_array_equal(crops, again)


def bright_or_dark() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Crops that brightness alone names."""
    rng = np.random.default_rng(0)
    while True:
        class_ids = rng.integers(1, 3, 8).astype(np.int32)
        crops = rng.integers(0, 60, (8, 32, 32, 3)) + 120 * (class_ids - 1)[:, None, None, None]
        yield crops.astype(np.uint8), class_ids


def test_only_the_backbone_learns_and_its_loss_falls() -> None:
    keras.utils.set_random_seed(1)
    network = MaskRCNNNetwork(ARCHITECTURE, training_config(64))
    before = {name: layer.get_weights() for name, layer in weighted_layers(network).items()}
    reports: list[Progress] = []
    trainer = CropTrainer(network, keras.optimizers.AdamW(1e-3), 8)
    trainer.fit(bright_or_dark(), 30, report_every=10, report=reports.append)
    assert sum(reports[-1].losses.values()) < 0.5 * sum(reports[0].losses.values())
    after = {name: layer.get_weights() for name, layer in weighted_layers(network).items()}
    changed = {
        name
        for name, weights in before.items()
        if any((a != b).any() for a, b in zip(weights, after[name], strict=True))
    }
    assert changed == {name for name in before if name.startswith(("conv1", "bn", "res"))}
