"""What is drawn: pixels of `draw_instances`, and Matterport's functions on Matplotlib."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from mrcnn import visualize
from mrcnn.drawing import draw_instances, instance_colors
from mrcnn.instances import Instances
from mrcnn.masks import paste

GREY = np.full((120, 160, 3), 128, np.uint8)
NAMES = ["BG", "ring", "star"]


def ring_mask() -> np.ndarray:
    radius = np.hypot(*(np.mgrid[:28, :28] - 13.5))
    return (1 / (1 + np.exp(2 * np.abs(radius - 9) - 7))).astype(np.float32)


def found(*boxes: tuple[int, int, int, int], class_ids: tuple[int, ...] = ()) -> Instances:
    count = len(boxes)
    return Instances(
        (120, 160),
        np.array(boxes, np.int32).reshape(-1, 4),
        np.array(class_ids or range(1, count + 1), np.int32),
        np.linspace(0.98, 0.75, count, dtype=np.float32),
        np.stack([ring_mask()] * count) if count else np.zeros((0, 28, 28), np.float32),
    )


def full_masks(instances: Instances) -> np.ndarray:
    masks = np.zeros((120, 160, len(instances)), bool)
    for index, (top, left, bottom, right) in enumerate(instances.boxes_yxyx):
        box = instances.boxes_yxyx[index]
        masks[top:bottom, left:right, index] = paste(instances.masks[index], box)
    return masks


@pytest.fixture
def pyplot(monkeypatch):
    """Matplotlib without a screen; every figure is closed afterwards."""
    monkeypatch.setenv("MPLBACKEND", "agg")
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    monkeypatch.setattr(plt, "show", lambda: None)
    yield plt
    plt.close("all")


def test_ring_is_tinted_and_its_hole_is_not():
    drawn = np.asarray(draw_instances(GREY, found((30, 40, 110, 120)), ["ring"]))
    color = np.array(instance_colors([1])[0])
    tinted = drawn[70, 49]  # in the ring's left arm, off its outline
    assert np.abs(tinted - (0.55 * 128 + 0.45 * color)).max() <= 1
    assert (drawn[70, 80] == 128).all()
    assert (drawn[5, 5] == 128).all()


def test_photo_itself_is_not_drawn_on():
    image = GREY.copy()
    draw_instances(image, found((30, 40, 110, 120)), ["ring"])
    assert np.array_equal(image, GREY)


def test_photo_without_instances_comes_back_as_it_was():
    assert np.array_equal(np.asarray(draw_instances(GREY, found(), ["ring"])), GREY)


def test_class_without_a_name_is_shown_as_its_number():
    named = draw_instances(GREY, found((40, 40, 90, 90), class_ids=(7,)), ["ring"])
    numbered = draw_instances(GREY, found((40, 40, 90, 90), class_ids=(7,)), ["7"] * 7)
    assert named.tobytes() == numbered.tobytes()


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (30, 20)], ids=str)
def test_tiny_photo_can_be_drawn_on(size):
    instances = Instances(
        size,
        np.array([[0, 0, *size]], np.int32),
        np.array([1], np.int32),
        np.array([0.9], np.float32),
        ring_mask()[None],
    )
    drawn = draw_instances(np.zeros((*size, 3), np.uint8), instances, ["a rather long label"])
    assert drawn.size == (size[1], size[0])


def test_label_plates_keep_clear_of_each_other():
    apart = draw_instances(GREY, found((60, 20, 100, 60), (60, 90, 100, 130)), ["a", "b"])
    same_box = draw_instances(GREY, found((60, 20, 100, 60), (60, 20, 100, 60)), ["a", "b"])
    for drawn in (apart, same_box):
        pixels = np.asarray(drawn)
        for color in instance_colors([1, 2]):
            assert (pixels == color).all(axis=-1).sum() > 150  # a plate, not only lines


def test_class_keeps_its_hue_and_its_instances_differ():
    first, other, second = instance_colors([3, 5, 3])
    assert first == instance_colors([3])[0]
    assert len({first, other, second}) == 3
    assert np.argmax(first) == np.argmax(second)


def test_importing_visualize_loads_neither_matplotlib_nor_tensorflow():
    code = (
        "import sys, mrcnn.visualize, mrcnn.utils;"
        "print([m for m in ('matplotlib', 'tensorflow', 'keras') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr


def test_missing_matplotlib_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        visualize.display_images([GREY])


def test_display_instances_adds_a_box_an_outline_and_a_caption_each(pyplot):
    axes = pyplot.subplots(1)[1]
    instances = found((30, 40, 110, 120), (5, 5, 30, 30))
    visualize.display_instances(
        GREY,
        instances.boxes_yxyx,
        full_masks(instances),
        instances.class_ids,
        NAMES,
        instances.scores,
        title="what there is",
        ax=axes,
        colors=[(1.0, 0.0, 0.0), (0.0, 1.0, 0.0)],
    )
    assert [text.get_text() for text in axes.texts] == ["ring 0.980", "star 0.750"]
    kinds = [type(patch).__name__ for patch in axes.patches]
    assert kinds.count("Rectangle") == 2
    assert kinds.count("Polygon") == 4  # each ring has an inner outline
    shown = axes.images[0].get_array()
    assert shown[70, 49].tolist() == [191, 64, 64]
    assert axes.get_title() == "what there is"


def test_caption_without_a_score_is_the_name_alone(pyplot):
    axes = pyplot.subplots(1)[1]
    instances = found((5, 5, 30, 30), (40, 5, 70, 30), (80, 5, 110, 30), class_ids=(1, 2, 1))
    boxes, masks = instances.boxes_yxyx, full_masks(instances)
    visualize.display_instances(
        GREY, boxes, masks, instances.class_ids, NAMES, [None, 0.5, 0.0], ax=axes
    )
    assert [text.get_text() for text in axes.texts] == ["ring", "star 0.500", "ring"]


def test_display_instances_makes_and_shows_its_own_figure(pyplot, monkeypatch):
    shown = []
    monkeypatch.setattr(pyplot, "show", lambda: shown.append(True))
    instances = found((30, 40, 110, 120))
    visualize.display_instances(
        GREY,
        instances.boxes_yxyx,
        full_masks(instances),
        instances.class_ids,
        NAMES,
        figsize=(4, 4),
        show_mask=False,
        show_bbox=False,
        captions=["mine"],
    )
    assert shown == [True]
    axes = pyplot.gcf().axes[0]
    assert [text.get_text() for text in axes.texts] == ["mine"]
    assert (axes.images[0].get_array() == 128).all()


def test_display_instances_says_when_there_are_none(pyplot, capsys):
    nothing = np.zeros((0, 4), np.int32)
    visualize.display_instances(GREY, nothing, np.zeros((120, 160, 0)), np.zeros(0, int), NAMES)
    assert "No instances to display" in capsys.readouterr().out


def test_display_instances_refuses_unequal_counts(pyplot):
    boxes = np.array([[1, 1, 5, 5]])
    with pytest.raises(ValueError, match="1 boxes, 2 masks and 1 class ids"):
        visualize.display_instances(
            GREY, boxes, np.zeros((120, 160, 2)), np.ones(1, int), NAMES, ax=pyplot.gca()
        )


def test_differences_caption_each_prediction_with_its_overlap(pyplot):
    axes = pyplot.subplots(1)[1]
    truth, predicted = found((30, 40, 110, 120)), found((30, 40, 110, 120), (5, 5, 30, 30))
    visualize.display_differences(
        GREY,
        truth.boxes_yxyx,
        truth.class_ids,
        full_masks(truth),
        predicted.boxes_yxyx,
        predicted.class_ids,
        predicted.scores,
        full_masks(predicted),
        NAMES,
        ax=axes,
    )
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["", "0.98 / 1.00", "0.75 / 0.00"]


def test_boxes_and_regions_are_drawn_with_their_refinements(pyplot, capsys):
    boxes = np.array([[10, 10, 60, 60], [30, 50, 90, 130], [0, 0, 0, 0]])
    axes = pyplot.subplots(1)[1]
    visualize.draw_boxes(
        GREY,
        boxes,
        boxes + 3,
        masks=np.ones((120, 160, 3), bool),
        captions=["a", "b", "c"],
        visibilities=[0, 2, 1],
        ax=axes,
    )
    assert len(axes.lines) == 1
    assert [text.get_text() for text in axes.texts] == ["a", "b"]
    visualize.draw_rois(
        GREY, boxes[:2], boxes[:2] + 3, np.ones((2, 28, 28), np.float32), np.array([1, 0]), NAMES
    )
    assert "Positive Ratio: 0.50" in capsys.readouterr().out


def test_draw_boxes_needs_boxes(pyplot):
    with pytest.raises(ValueError, match="needs boxes"):
        visualize.draw_boxes(GREY)


def test_draw_box_marks_the_array_itself():
    image = GREY.copy()
    assert visualize.draw_box(image, (10, 20, 50, 60), [255, 0, 0]) is image
    assert image[10, 30].tolist() == image[51, 30].tolist() == [255, 0, 0]
    assert image[30, 21].tolist() == image[30, 61].tolist() == [255, 0, 0]
    assert image[30, 40].tolist() == [128, 128, 128]


def test_top_masks_stand_beside_the_picture_largest_class_first(pyplot):
    instances = found((5, 5, 30, 30), (30, 40, 110, 120))
    visualize.display_top_masks(GREY, full_masks(instances), instances.class_ids, NAMES, limit=3)
    titles = [axes.get_title() for axes in pyplot.gcf().axes]
    assert titles == ["H x W=120x160", "star", "ring", "-"]


def test_overlaps_say_match_or_wrong(pyplot):
    visualize.plot_overlaps(
        np.array([1, 2, 0]),
        np.array([1, 1]),
        np.array([0.9, 0.8]),
        np.array([[0.9, 0.1], [0.0, 0.7]]),
        NAMES,
    )
    texts = [text.get_text() for text in pyplot.gca().texts]
    assert texts == ["0.900\nmatch", "0.100\n", "0.000\n", "0.700\nwrong"]


def test_precision_recall_curve_carries_its_figure(pyplot):
    visualize.plot_precision_recall(0.5, [1, 0.5], [0, 1])
    assert pyplot.gca().get_title() == "Precision-Recall Curve. AP@50 = 0.500"


def test_weight_table_marks_dead_and_huge_arrays(capsys):
    class Weight:
        def __init__(self, path: str, values: list[float]):
            self.path = self.name = path
            self.values = np.array(values, np.float32)

        def __array__(self, dtype=None, copy=None):
            return self.values

    weights = [
        Weight("conv1/kernel", [0.5, -0.5]),
        Weight("conv1/bias", [0, 0]),
        Weight("dead/kernel", [1, 1]),
        Weight("huge/kernel", [1, 2000]),
    ]
    model = SimpleNamespace(keras_model=SimpleNamespace(weights=weights))
    visualize.display_weight_stats(model)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [w.path for w in weights]
    assert ["dead?" in line for line in lines] == [False, False, False, True, False]
    assert ["overflow?" in line for line in lines] == [False, False, False, False, True]


def test_random_colors_are_distinct_and_as_bright_as_asked():
    assert len(set(visualize.random_colors(20))) == 20
    assert max(map(max, visualize.random_colors(5, bright=False))) == pytest.approx(0.7)


def test_apply_mask_tints_in_place():
    image = GREY.copy()
    mask = np.zeros((120, 160), bool)
    mask[:10] = True
    assert visualize.apply_mask(image, mask, (1.0, 0.0, 0.0), alpha=0.25) is image
    assert image[5, 5].tolist() == [159, 96, 96]
    assert image[50, 5].tolist() == [128, 128, 128]


def test_apply_mask_leaves_a_fourth_channel_as_it_is():
    image = np.dstack([GREY, GREY[..., 0]])
    visualize.apply_mask(image, np.ones((120, 160), bool), (1.0, 0.0, 0.0), alpha=0.25)
    assert image[5, 5].tolist() == [159, 96, 96, 128]
