"""Matterport's targets in numpy and its batches, as its notebooks look at them."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

import mrcnn.model as modellib
from mrcnn import utils
from tests.mrcnn.tiny_script import TinyConfig

SHAPE = (128, 128, 3)
BOXES = np.array([[8, 8, 40, 40], [60, 20, 124, 84]], np.int32)
CLASS_IDS = np.array([1, 3], np.int32)


class SmallConfig(TinyConfig):
    IMAGE_MIN_DIM = 128
    RPN_TRAIN_ANCHORS_PER_IMAGE = 32
    TRAIN_ROIS_PER_IMAGE = 12
    ROI_POSITIVE_RATIO = 0.5
    MAX_GT_INSTANCES = 3
    MASK_SHAPE = (4, 4)
    IMAGES_PER_GPU = 2


def anchors() -> np.ndarray:
    config = SmallConfig()
    shapes = modellib.compute_backbone_shapes(config, SHAPE)
    return utils.generate_pyramid_anchors(
        config.RPN_ANCHOR_SCALES, config.RPN_ANCHOR_RATIOS, shapes, config.BACKBONE_STRIDES, 1
    )


def masks() -> np.ndarray:
    full = np.zeros((128, 128, 2), bool)
    full[8:24, 8:40, 0] = True  # the upper half of its box
    full[39, 8:40, 0] = True
    full[60:124, 20:84, 1] = True
    return full


def test_anchors_on_objects_are_positive_and_their_deltas_lead_there():
    np.random.seed(0)
    boxes = anchors()
    match, deltas = modellib.build_rpn_targets(SHAPE, boxes, CLASS_IDS, BOXES, SmallConfig())
    assert set(np.unique(match)) == {-1, 0, 1}
    assert np.count_nonzero(match) == 32
    positive = boxes[match == 1]
    refined = utils.apply_box_deltas(positive, deltas[: len(positive)] * [0.1, 0.1, 0.2, 0.2])
    nearest = utils.compute_overlaps(positive, BOXES).argmax(axis=1)
    assert set(nearest) == {0, 1}
    assert np.allclose(refined, BOXES[nearest], atol=1e-3)
    assert not deltas[len(positive) :].any()
    assert utils.compute_overlaps(boxes[match == -1], BOXES).max() < 0.3


def test_anchors_in_a_crowd_are_neither():
    np.random.seed(0)
    boxes = anchors()
    match, _ = modellib.build_rpn_targets(SHAPE, boxes, np.array([1, -1]), BOXES, SmallConfig())
    assert utils.compute_overlaps(boxes[match == -1], BOXES[1:]).max() < 0.001
    assert utils.compute_overlaps(boxes[match == 1], BOXES[:1]).min() > 0.3


@pytest.mark.parametrize("mini", [False, True], ids=["full", "mini"])
def test_regions_learn_the_class_box_and_mask_of_their_object(mini: bool):
    np.random.seed(0)
    config = SmallConfig()
    config.USE_MINI_MASK = mini
    truth = utils.minimize_mask(BOXES, masks(), (32, 32)) if mini else masks()
    rois = np.concatenate([BOXES, BOXES + 2, [[0, 90, 20, 120]]]).astype(np.int32)
    sampled, class_ids, deltas, cut = modellib.build_detection_targets(
        rois, CLASS_IDS, BOXES, truth, config
    )
    assert np.array_equal(sampled[:4], rois[:4])
    assert (sampled[4:] == rois[4]).all()
    assert class_ids.tolist() == [1, 3, 1, 3] + [0] * 8
    assert deltas.shape == (12, 5, 4)
    assert not deltas[:2].any()
    assert np.allclose(deltas[2, 1], [-2 / 32 / 0.1, -2 / 32 / 0.1, 0, 0])
    assert not deltas[4:].any()
    assert cut.shape == (12, 4, 4, 5)
    assert np.allclose(cut[0, 0, 1:3, 1], 1)
    assert np.allclose(cut[0, 2, :, 1], 0)
    assert not cut[0, ..., 3].any()
    assert not cut[4:].any()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param({"gt_boxes": BOXES.astype(float)}, "gt_boxes is float64", id="type"),
        pytest.param({"gt_class_ids": 0 * CLASS_IDS}, "a region and an instance", id="padding"),
        pytest.param({"rpn_rois": BOXES[:0]}, "a region and an instance", id="no region"),
        pytest.param({"rpn_rois": BOXES}, "without an object are missing", id="objects alone"),
    ],
)
def test_regions_that_cannot_be_sampled_are_told(change: dict[str, np.ndarray], told: str):
    given = {
        "rpn_rois": np.concatenate([BOXES, [[0, 90, 20, 120]]]),
        "gt_class_ids": CLASS_IDS,
        "gt_boxes": BOXES,
        "gt_masks": masks(),
    }
    with pytest.raises(ValueError, match=told):
        modellib.build_detection_targets(**(given | change), config=SmallConfig())


def test_random_regions_have_an_area_and_most_lie_at_an_object():
    np.random.seed(0)
    rois = modellib.generate_random_rois(SHAPE, 100, CLASS_IDS, BOXES)
    assert (rois.shape, rois.dtype) == ((100, 4), np.int32)
    assert (rois[:, 2:] > rois[:, :2]).all()
    assert rois.min() >= 0
    assert rois.max() <= 128
    assert rois[:45, 2].max() <= 72  # 32 px, the height of the first object, below it


class Pictures(utils.Dataset):
    """Four pictures of two objects; picture 2 has none, and picture 3 cannot be read."""

    def __init__(self) -> None:
        super().__init__()
        for class_id in range(1, 5):
            self.add_class("toy", class_id, f"class {class_id}")
        for name in range(4):
            self.add_image("toy", name, path=None)
        self.prepare()

    def load_image(self, image_id: int) -> np.ndarray:
        if image_id == 3:
            raise OSError("truncated")
        return np.full(SHAPE, 10 * image_id, np.uint8)

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        return masks(), CLASS_IDS * (image_id != 2)


@pytest.fixture
def dataset() -> Pictures:
    return Pictures()


def seen(batch: tuple[list[np.ndarray], list[np.ndarray]]) -> list[int]:
    return batch[0][1][:, 0].astype(int).tolist()


def test_batches_hold_images_anchors_and_padded_truth(dataset: Pictures):
    inputs, targets = next(
        modellib.data_generator(dataset, SmallConfig(), shuffle=False, batch_size=2)
    )
    assert [(array.shape, array.dtype) for array in inputs] == [
        ((2, 128, 128, 3), np.float32),
        ((2, 17), np.float64),
        ((2, len(anchors()), 1), np.int32),
        ((2, 32, 4), np.float64),
        ((2, 3), np.int32),
        ((2, 3, 4), np.int32),
        ((2, 56, 56, 3), bool),
    ]
    assert targets == []
    assert np.allclose(inputs[0][1, 0, 0], 10 - SmallConfig.MEAN_PIXEL)
    assert inputs[4][0].tolist() == [1, 3, 0]
    assert inputs[5][0].tolist() == [*BOXES.tolist(), [0, 0, 0, 0]]
    assert not inputs[6][..., 2].any()


def test_pictures_without_instances_and_broken_ones_are_left_out(dataset: Pictures, caplog):
    generator = modellib.data_generator(dataset, SmallConfig(), shuffle=False, batch_size=1)
    assert [seen(batch) for batch in islice(generator, 5)] == [[0], [1], [0], [1], [0]]
    assert "'id': 3" in caplog.text
    with pytest.raises(OSError, match="truncated"):
        list(islice(generator, 50))


def test_regions_are_drawn_and_sampled_where_they_are_wanted(dataset: Pictures):
    np.random.seed(1)
    inputs, targets = next(
        modellib.data_generator(
            dataset, SmallConfig(), batch_size=2, random_rois=40, detection_targets=True
        )
    )
    assert [array.shape for array in inputs[7:]] == [(2, 40, 4), (2, 12, 4)]
    assert [array.shape for array in targets] == [(2, 12, 1), (2, 12, 5, 4), (2, 12, 4, 4, 5)]
    assert targets[0].any()


def test_more_instances_than_fit_are_drawn_from(dataset: Pictures):
    config = SmallConfig()
    config.MAX_GT_INSTANCES = 1
    inputs, _ = next(modellib.data_generator(dataset, config, batch_size=1))
    assert inputs[4].tolist() in ([[1]], [[3]])


def test_batches_of_the_forks_go_by_number(dataset: Pictures):
    batches = modellib.DataGenerator(dataset, SmallConfig(), shuffle=False)
    assert len(batches) == 2
    assert seen(batches[0]) == [0, 1]
    with pytest.raises(IndexError, match="no batch 2 of 2"):
        batches[2]


def test_data_set_without_pictures_is_told():
    with pytest.raises(ValueError, match="no pictures"):
        next(modellib.data_generator(utils.Dataset(), SmallConfig()))
