"""`MaskRCNN.run_graph` and saved weights against the goldens, as a notebook would look at them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.mrcnn.goldens.golden import RESNET50, RESNET101, Golden, pairs

pytestmark = pytest.mark.goldens

LEVELS = {"P2": "fpn_p2", "P3": "fpn_p3", "P4": "fpn_p4", "P5": "fpn_p5", "P6": "fpn_p6"}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(RESNET50[0], id="square"),
        pytest.param(RESNET50[3], id="pad64"),
        pytest.param(RESNET101[0], id="resnet101", marks=pytest.mark.slow),
    ],
)
def golden(request: pytest.FixtureRequest, goldens: Path) -> Golden:
    """Return one golden file of each configuration."""
    return Golden(request.param, goldens)


@pytest.fixture(scope="module")
def model(golden: Golden, weights_of: Callable[[Golden], Path]) -> Any:
    from mrcnn.config import Config
    from mrcnn.model import MaskRCNN

    settings = golden.info["settings"]
    config = Config.with_values({**settings, "IMAGES_PER_GPU": 1, "GPU_COUNT": 1})
    model = MaskRCNN("inference", config, "logs")
    model.load_weights(str(weights_of(golden)), by_name=True)
    return model


@pytest.fixture(scope="module")
def run(golden: Golden, model: Any) -> dict[str, np.ndarray]:
    last = "res5c_out"
    layers = {"C2": "res2c_out", "C5": last, **LEVELS}
    layers |= {"molded": "input_image", "rpn_class": "rpn_class", "rpn_bbox": "rpn_bbox"}
    layers |= {"rois": "ROI", "detections": "mrcnn_detection", "masks": "mrcnn_mask"}
    outputs = [(name, model.keras_model.get_layer(layer).output) for name, layer in layers.items()]
    return dict(model.run_graph([golden.photo], outputs))


def test_molded_photo_goes_in_bit_for_bit(golden: Golden, run: dict[str, np.ndarray]):
    assert golden.error("molded", run["molded"]) == 0


@pytest.mark.parametrize("key", ["C2", "C5", *LEVELS])
def test_feature_maps_fit_to_a_ten_thousandth(golden: Golden, run: dict[str, np.ndarray], key: str):
    assert golden.error(key, run[key]) <= 1e-4 * golden.largest(key)


@pytest.mark.parametrize("key", ["rpn_class", "rpn_bbox"])
def test_anchors_scores_and_deltas_fit_to_a_thousandth(
    golden: Golden, run: dict[str, np.ndarray], key: str
):
    assert golden.error(key, run[key]) <= 1e-3


def test_proposals_are_the_same_set(golden: Golden, run: dict[str, np.ndarray]):
    distances = np.abs(run["rois"][0][:, None] - golden["rpn_rois"][None]).max(axis=-1)
    assert int((distances.min(axis=0) <= 1e-3).sum()) >= 990


def test_detections_and_their_masks_fit(golden: Golden, run: dict[str, np.ndarray]):
    ours, theirs = run["detections"][0], golden["detections"]
    count = int((theirs[:, 4] > 0).sum())
    assert int((ours[:, 4] > 0).sum()) == count
    partners = pairs(
        (ours[:count, :4], theirs[:count, :4]),
        (ours[:count, 4], theirs[:count, 4]),
        (ours[:count, 5], theirs[:count, 5]),
        nearest=1e-3,
    )
    for a, b in partners:
        mask = run["masks"][0, a, :, :, int(ours[a, 4])]
        assert np.abs(mask - golden["detection_masks"][b]).max() <= 3e-2


def test_saved_weights_are_the_files_arrays_bit_for_bit(
    golden: Golden, model: Any, weights_of: Callable[[Golden], Path], tmp_path: Path
):
    model.keras_model.save_weights(tmp_path / "saved.h5")
    with h5py.File(weights_of(golden)) as before, h5py.File(tmp_path / "saved.h5") as after:
        arrays = [f"{layer}/{name}" for layer in before for name in names_in(before[layer])]
        assert len(arrays) > 250
        for name in arrays:
            assert np.array_equal(before[name][()], after[name][()]), name


def names_in(group: h5py.Group) -> list[str]:
    return [name.decode() for name in group.attrs["weight_names"]]
