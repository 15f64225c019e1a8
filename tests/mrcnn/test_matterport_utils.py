"""Matterport's `mrcnn.utils`: results worked out by hand, for scripts that rely on them."""

from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image

from mrcnn import utils
from mrcnn.masks import paste


class Squares(utils.Dataset):
    """Two classes of two sources, as an old training script writes them."""

    def __init__(self, folder) -> None:
        super().__init__()
        self.add_class("toy", 1, "square, solid")
        self.add_class("coco", 12, "star")
        self.add_class("toy", 1, "again")
        for name, mode in [("rgb", "RGB"), ("grey", "L"), ("alpha", "RGBA")]:
            path = folder / f"{name}.png"
            Image.new(mode, (8, 6), 90 if mode == "L" else (90,) * len(mode)).save(path)
            self.add_image("toy", name, str(path), width=8, height=6)
        self.prepare()


@pytest.fixture
def dataset(tmp_path):
    return Squares(tmp_path)


def blocks() -> np.ndarray:
    """Three masks [20, 30, 3]: 10 x 10, the same moved 5 to the right, and an empty one."""
    masks = np.zeros((20, 30, 3), bool)
    masks[2:12, 3:13, 0] = True
    masks[2:12, 8:18, 1] = True
    return masks


def test_boxes_lie_tight_around_masks_and_empty_masks_have_none():
    boxes = utils.extract_bboxes(blocks())
    assert boxes.tolist() == [[2, 3, 12, 13], [2, 8, 12, 18], [0, 0, 0, 0]]
    assert boxes.dtype == np.int32


def test_overlaps_of_boxes_and_of_masks_agree():
    masks = blocks()[..., :2]
    boxes = utils.extract_bboxes(masks)
    third = 50 / 150
    assert np.allclose(utils.compute_overlaps(boxes, boxes), [[1, third], [third, 1]])
    assert np.allclose(utils.compute_overlaps_masks(masks, masks), [[1, third], [third, 1]])


def test_empty_masks_overlap_nothing():
    masks = blocks()[..., 2:]
    assert utils.compute_overlaps_masks(masks, masks).tolist() == [[0]]
    assert utils.compute_overlaps_masks(masks[..., :0], masks).shape == (0, 1)


def test_suppression_keeps_the_best_of_each_group():
    boxes = np.array([[0, 0, 10, 10], [0, 1, 10, 11], [0, 20, 10, 30], [0, 0, 10, 5]])
    kept = utils.non_max_suppression(boxes, np.array([0.8, 0.9, 0.3, 0.7]), 0.5)
    assert kept.tolist() == [1, 3, 2]
    with pytest.raises(ValueError, match="no boxes"):
        utils.non_max_suppression(boxes[:0], np.zeros(0), 0.5)


def test_refinement_undoes_deltas():
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 100, (20, 2))
    boxes = np.concatenate([corners, corners + rng.integers(5, 50, (20, 2))], axis=1)
    deltas = rng.normal(0, 0.3, (20, 4))
    moved = utils.apply_box_deltas(boxes, deltas)
    assert moved.dtype == np.float32
    assert np.allclose(utils.box_refinement(boxes, moved), deltas, atol=1e-4)


def test_refinement_of_tensors_is_that_of_arrays():
    boxes = np.array([[0, 0, 10, 20], [5, 5, 9, 8]])
    others = np.array([[1, 2, 14, 19], [5, 4, 19, 18]])
    in_graph = utils.box_refinement_graph(boxes, others).numpy()
    assert np.allclose(in_graph, utils.box_refinement(boxes, others), atol=1e-6)


def test_boxes_are_normalized_by_the_last_pixel_and_back():
    boxes = np.array([[0, 0, 100, 200], [10, 20, 30, 40]])
    normalized = utils.norm_boxes(boxes, (100, 200))
    assert normalized[0].tolist() == [0, 0, 1, 1]
    assert normalized.dtype == np.float32
    assert np.array_equal(utils.denorm_boxes(normalized, (100, 200)), boxes)


def test_dataset_numbers_classes_of_all_sources_after_the_background(dataset):
    assert dataset.num_classes == 3
    assert dataset.class_names == ["BG", "square", "star"]
    assert dataset.map_source_class_id("coco.12") == 2
    assert dataset.get_source_class_id(2, "coco") == 12
    assert dataset.source_class_ids == {"": [0], "toy": [0, 1], "coco": [0, 2]}
    assert dataset.image_ids.tolist() == [0, 1, 2]
    assert dataset.image_from_source_map["toy.alpha"] == 2
    with pytest.raises(ValueError, match="not 'toy'"):
        dataset.get_source_class_id(2, "toy")


@pytest.mark.parametrize("image_id", [0, 1, 2], ids=["rgb", "grey", "alpha"])
def test_dataset_loads_any_picture_as_rgb(dataset, image_id):
    image = dataset.load_image(image_id)
    assert image.shape == (6, 8, 3)
    assert (image == 90).all()
    assert dataset.source_image_link(image_id).endswith(".png")
    assert dataset.image_info[image_id]["width"] == 8


def test_dataset_without_masks_of_its_own_has_none(dataset, caplog):
    masks, class_ids = dataset.load_mask(0)
    assert masks.size == class_ids.size == 0
    assert "no load_mask of its own" in caplog.text


def test_source_with_a_dot_is_refused():
    with pytest.raises(ValueError, match="must not hold a dot"):
        utils.Dataset().add_class("a.b", 1, "x")


def test_picture_and_masks_are_brought_to_the_same_frame():
    image = np.zeros((20, 30, 3), np.uint8)
    masks = blocks()
    image[masks[..., 0]] = 255
    molded, window, scale, padding, crop = utils.resize_image(image, 40, 64, mode="square")
    resized = utils.resize_mask(masks, scale, padding, crop)
    assert molded.shape == (64, 64, 3)
    assert resized.shape == (64, 64, 3)
    assert window == (12, 2, 52, 62)
    differing = (molded[..., 0] > 127) ^ resized[..., 0]
    assert differing.sum() < 0.1 * resized[..., 0].sum()


def test_crop_follows_the_seed_of_random():
    image = np.arange(40 * 90 * 3, dtype=np.uint8).reshape(40, 90, 3)
    crops = []
    for _ in range(2):
        random.seed(4)
        molded, window, scale, padding, crop = utils.resize_image(image, 32, mode="crop")
        crops.append(crop)
    assert crops[0] == crops[1]
    assert window == (0, 0, 32, 32)
    masks = image[..., :1] > 100
    assert np.array_equal(
        utils.resize_mask(masks, scale, padding, crop)[..., 0], molded[..., 0] > 100
    )


def test_resizing_floats_keeps_their_type_and_bytes_become_fractions():
    halves = np.full((4, 4, 3), 128, np.uint8)
    halves[0, 0] = 0
    assert utils.resize(halves, (8, 8)).max() == pytest.approx(128 / 255)
    assert utils.resize(halves, (8, 8), preserve_range=True).max() == 128
    assert utils.resize(np.ones((4, 4), np.float32), (8, 8)).dtype == np.float32


@pytest.mark.parametrize(
    "option", [{"order": 3}, {"anti_aliasing": True}, {"mode": "edge"}], ids=str
)
def test_other_ways_of_resizing_are_refused(option):
    with pytest.raises(ValueError, match="only order=1"):
        utils.resize(np.ones((4, 4)), (8, 8), **option)


def test_mini_masks_come_back_nearly_whole():
    masks = blocks()[..., :2]
    boxes = utils.extract_bboxes(masks)
    mini = utils.minimize_mask(boxes, masks, (28, 28))
    assert mini.shape == (28, 28, 2)
    assert np.array_equal(utils.expand_mask(boxes, mini, (20, 30, 3)), masks)
    with pytest.raises(ValueError, match="mask 0 has a box without area"):
        utils.minimize_mask(np.zeros((1, 4), int), masks, (28, 28))


def test_unmolded_mask_is_the_pasted_one_in_a_full_frame():
    mask = np.random.default_rng(0).random((28, 28), dtype=np.float32)
    full = utils.unmold_mask(mask, [3, 5, 43, 65], (50, 70, 3))
    assert full.shape == (50, 70)
    assert np.array_equal(full[3:43, 5:65], paste(mask, (3, 5, 43, 65)))
    assert full.sum() == full[3:43, 5:65].sum()


def test_anchors_of_a_pyramid_go_by_level_row_column_and_ratio():
    boxes = utils.generate_pyramid_anchors((8, 16), [0.5, 1, 2], [[4, 3], [2, 2]], [4, 8], 1)
    assert boxes.shape == (3 * (12 + 4), 4)
    assert boxes[1].tolist() == [-4, -4, 4, 4]
    assert boxes[4].tolist() == [-4, 0, 4, 8]
    assert boxes[36 + 1].tolist() == [-8, -8, 8, 8]
    several = utils.generate_anchors([8, 16], [0.5, 1, 2], [4, 3], 4, 1)
    assert several[2:4].tolist() == [[-4, -4, 4, 4], [-8, -8, 8, 8]]


def truth_and_predictions():
    masks = blocks()[..., :2]
    truth = (utils.extract_bboxes(masks), np.array([1, 2]), masks)
    order = [1, 0, 0]
    predicted = (truth[0][order], np.array([2, 2, 1]), np.array([0.6, 0.9, 0.7]), masks[..., order])
    return truth, predicted


def test_predictions_match_by_overlap_and_class_best_score_first():
    truth, predicted = truth_and_predictions()
    gt_match, pred_match, overlaps = utils.compute_matches(*truth, *predicted)
    assert gt_match.tolist() == [1, 2]  # rows by score: .9 has the wrong class
    assert pred_match.tolist() == [-1, 0, 1]
    assert overlaps.shape == (3, 2)


def test_average_precision_follows_the_curve():
    truth, predicted = truth_and_predictions()
    average, precisions, recalls, _ = utils.compute_ap(*truth, *predicted)
    assert precisions.tolist() == pytest.approx([2 / 3] * 4 + [0])
    assert recalls.tolist() == [0, 0, 0.5, 1, 1]
    assert average == pytest.approx(2 / 3)


def test_average_over_overlaps_prints_each_one(capsys):
    truth, predicted = truth_and_predictions()
    average = utils.compute_ap_range(*truth, *predicted, iou_thresholds=[0.5, 0.75])
    assert average == pytest.approx(2 / 3)
    assert capsys.readouterr().out.splitlines() == [
        "AP @0.50:\t 0.667",
        "AP @0.75:\t 0.667",
        "AP @0.50-0.75:\t 0.667",
    ]


def test_recall_counts_each_true_box_once():
    truth, predicted = truth_and_predictions()
    recall, positives = utils.compute_recall(predicted[0][1:], truth[0], 0.9)
    assert recall == 0.5
    assert positives.tolist() == [0, 1]


def test_padding_of_zeros_is_trimmed():
    assert utils.trim_zeros(np.array([[1, 0], [0, 0], [0, 2]])).tolist() == [[1, 0], [0, 2]]


def test_batch_is_sliced_and_stacked_again():
    batch = np.arange(6, dtype=np.float32).reshape(3, 2)
    single = utils.batch_slice(batch, lambda row: row * 2, 3)
    assert single.numpy().tolist() == (batch * 2).tolist()
    pair = utils.batch_slice([batch, batch], lambda a, b: (a + b, a - b), 3, names=["sum", "rest"])
    assert [part.shape.as_list() for part in pair] == [[3, 2], [3, 2]]


def test_nothing_is_downloaded_but_the_file_is_named():
    with pytest.raises(RuntimeError, match=r"old\.h5 is missing .* mask_rcnn_coco\.h5 from https"):
        utils.download_trained_weights("old.h5")
