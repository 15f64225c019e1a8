"""A weight file and a photo against the goldens' final result, by way of `Detector` alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mrcnn.instances import Instances
from mrcnn.masks import paste
from tests.mrcnn.goldens.golden import Golden, pairs

pytestmark = pytest.mark.goldens


@dataclass(frozen=True)
class Answer:
    """What `Detector` found on a golden file's photo, and which golden instance each one is."""

    golden: Golden
    instances: Instances
    partners: list[tuple[int, int]]  # ours, golden


@pytest.fixture(scope="module", params=["tensorflow", "openvino"])
def answer(
    request: pytest.FixtureRequest,
    golden: Golden,
    networks: Callable[..., Any],
    weights_of: Callable[[Golden], Path],
) -> Answer:
    from mrcnn.detector import Detector

    if request.param == "openvino":
        path = weights_of(golden)
        detector = Detector.load(path, golden.settings, program="openvino")
    else:
        from mrcnn.config import Config
        from mrcnn.programs.tensorflow import TensorFlowProgram

        program = TensorFlowProgram(networks(golden, folded=True))
        detector = Detector(program, Config.with_values(golden.settings))
    found = detector.detect([golden.photo])[0]
    partners = pairs(
        (found.boxes_yxyx, golden["final_rois"]),
        (found.class_ids, golden["final_class_ids"]),
        (found.scores, golden["final_scores"]),
        nearest=1,
    )
    return Answer(golden, found, partners)


def test_same_instances_in_order_boxes_within_a_pixel(answer: Answer):
    ours = np.array([a for a, _ in answer.partners])
    boxes = answer.instances.boxes_yxyx[ours] - answer.golden["final_rois"]
    scores = answer.instances.scores[ours] - answer.golden["final_scores"]
    swapped = int((ours != np.arange(len(ours))).sum())
    print(
        f"{answer.golden.name} final: {len(ours)} instances, {swapped} swapped, "
        f"boxes {np.abs(boxes).max()} px, scores {np.abs(scores).max():.3g}"
    )
    assert len(answer.partners) == len(answer.golden["final_class_ids"])


def test_masks_overlap_by_99_percent(answer: Answer):
    golden_masks, overlaps = answer.golden.masks(), []
    assert golden_masks.sum(axis=(1, 2)).tolist() == answer.golden["final_mask_areas"].tolist()
    for ours, golden in answer.partners:
        top, left, bottom, right = answer.instances.boxes_yxyx[ours]
        full = np.zeros(answer.instances.image_size, bool)
        full[top:bottom, left:right] = paste(
            answer.instances.masks[ours], (top, left, bottom, right)
        )
        union = (full | golden_masks[golden]).sum()
        overlaps.append((full & golden_masks[golden]).sum() / union if union else 1.0)
    print(f"{answer.golden.name} masks: least IoU {min(overlaps):.5f}")
    assert min(overlaps) >= 0.99
