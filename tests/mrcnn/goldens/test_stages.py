"""The network against the goldens, stage by stage, from the molded photo to the masks.

With batch norms as layers, as training has them, and folded, as detection has them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mrcnn.molding import mold_image
from tests.mrcnn.goldens.golden import RESNET50, Golden, cases, pairs

pytestmark = pytest.mark.goldens

LEVELS = ("P2", "P3", "P4", "P5", "P6")


@dataclass(frozen=True)
class Run:
    """What a network computed for a golden file's photo."""

    golden: Golden
    network: Any
    stages: Any  # mrcnn.network.Stages, of arrays


def forms() -> list[Any]:
    """Return each golden file with norms folded, and those of R50 with norms as layers too."""
    folded = [
        pytest.param((c.values[0], True), id=f"folded-{c.id}", marks=c.marks) for c in cases()
    ]
    layers = [
        pytest.param((c.values[0], False), id=f"norms-{c.id}", marks=c.marks)
        for c in cases()
        # What folding changes shows on R50; R101 would take ten times as long.
        if c.values[0] in RESNET50
    ]
    return [*layers, *folded]


@pytest.fixture(scope="module", params=forms())
def run(request: pytest.FixtureRequest, goldens: Path, networks: Callable[..., Any]) -> Run:
    import tensorflow as tf

    name, folded = request.param
    golden = Golden(name, goldens)
    network = networks(golden, folded=folded)
    settings = golden.settings
    molded = mold_image(
        golden.photo,
        mode=settings["IMAGE_RESIZE_MODE"],
        min_dim=settings["IMAGE_MIN_DIM"],
        max_dim=settings["IMAGE_MAX_DIM"],
    )
    stages = tf.function(lambda *inputs: network.stages(*inputs), autograph=False)(
        tf.constant(molded.pixels[None]),
        tf.constant([molded.window], tf.float32),
        tf.constant(settings["DETECTION_MIN_CONFIDENCE"], tf.float32),
    )
    return Run(golden, network, tf.nest.map_structure(lambda tensor: tensor.numpy(), stages))


def test_network_subtracts_the_mean_bit_for_bit(run: Run):
    assert run.golden.error("molded", run.stages.molded) == 0


@pytest.mark.parametrize(("key", "index"), [("C2", 0), ("C5", 3)], ids=["C2", "C5"])
def test_backbone_fits_to_a_ten_thousandth(run: Run, key: str, index: int):
    assert run.golden.error(key, run.stages.maps[index]) <= 1e-4 * run.golden.largest(key)


@pytest.mark.parametrize("key", LEVELS)
def test_pyramid_fits_to_a_ten_thousandth(run: Run, key: str):
    error = run.golden.error(key, run.stages.levels[LEVELS.index(key)])
    assert error <= 1e-4 * run.golden.largest(key)


def test_region_scores_and_deltas_fit_to_a_thousandth(run: Run):
    assert run.golden.error("rpn_class", run.stages.rpn_class) <= 1e-3
    assert run.golden.error("rpn_bbox", run.stages.rpn_bbox) <= 1e-3


def test_proposals_are_the_same_set(run: Run):
    ours, golden = run.stages.regions[0], run.golden["rpn_rois"]
    distances = np.abs(ours[:, None] - golden[None]).max(axis=-1)
    found = int((distances.min(axis=0) <= 1e-3).sum())
    same_row = int((np.diag(distances) <= 1e-3).sum())
    print(f"{run.golden.name} proposals: {found} found, {same_row} in the same row")
    assert ours.shape == golden.shape
    assert found >= 990
    assert int((distances.min(axis=1) <= 1e-3).sum()) >= 990


def test_detections_and_masks_fit(run: Run):
    ours, golden = run.stages.detections[0], run.golden["detections"]
    count = int((golden[:, 4] > 0).sum())
    assert int((ours[:, 4] > 0).sum()) == count
    assert not ours[count:].any()
    partners = pairs(
        (ours[:count, :4], golden[:count, :4]),
        (ours[:count, 4], golden[:count, 4]),
        (ours[:count, 5], golden[:count, 5]),
        nearest=1e-3,
    )
    differences = [
        float(np.abs(run.stages.masks[a] - run.golden["detection_masks"][b]).max())
        for a, b in partners
    ]
    print(f"{run.golden.name} masks: {max(differences):.3g}")
    assert max(differences) <= 3e-2
