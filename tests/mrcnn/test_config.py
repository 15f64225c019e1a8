"""Settings: Matterport's names and defaults, subclasses, and values that are refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from mrcnn.config import Config, ConfigError


class Coco(Config):
    NAME = "coco"
    GPU_COUNT = 1
    IMAGES_PER_GPU = 3
    NUM_CLASSES = 1 + 80


def test_subclass_derives_as_the_original_did():
    config = Coco()
    assert config.BATCH_SIZE == 3
    assert config.IMAGE_SHAPE.tolist() == [1024, 1024, 3]
    assert config.IMAGE_META_SIZE == 12 + 81


def test_crop_mode_has_the_shape_of_the_crop():
    class Crops(Config):
        IMAGE_RESIZE_MODE = "crop"
        IMAGE_MIN_DIM = 512

    assert Crops().IMAGE_SHAPE.tolist() == [512, 512, 3]


def test_values_lie_over_the_class_and_leave_it_alone():
    config = Coco.with_values({"IMAGE_MAX_DIM": 512, "MEAN_PIXEL": [1, 2, 3]})
    assert isinstance(config, Coco)
    assert config.IMAGE_SHAPE.tolist() == [512, 512, 3]
    assert config.MEAN_PIXEL.dtype == np.float64
    assert config.MEAN_PIXEL.tolist() == [1, 2, 3]
    assert Coco.IMAGE_MAX_DIM == 1024


def test_a_whole_number_written_as_a_fraction_is_one():
    given = {"IMAGE_MIN_DIM": 512.0, "IMAGE_MAX_DIM": 512.0, "DETECTION_MAX_INSTANCES": 7.0}
    config = Coco.with_values(given)
    assert [(type(getattr(config, name)), getattr(config, name)) for name in given] == [
        (int, 512),
        (int, 512),
        (int, 7),
    ]
    assert config.IMAGE_SHAPE.dtype == np.int64


def test_setting_of_a_subclass_is_known():
    class Mine(Config):
        EPOCHS = 3

    assert Mine.with_values({"EPOCHS": 5}).EPOCHS == 5  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param({"IMAGE_MIN_DIMS": 1}, "did you mean IMAGE_MIN_DIM", id="misspelt"),
        pytest.param({"IMAGE_SHAPE": [64, 64, 3]}, "follows from the others", id="derived"),
        pytest.param({"xyz": 1}, "there is no setting 'xyz'", id="unknown"),
        pytest.param({"IMAGE_MAX_DIM": "big"}, "IMAGE_MAX_DIM is 'big'", id="text for number"),
        pytest.param({"IMAGE_MAX_DIM": 64.5}, "whole number", id="fraction"),
        pytest.param({"IMAGE_MAX_DIM": True}, "must be a number", id="truth for number"),
        pytest.param({"IMAGE_MAX_DIM": 1000}, "multiple of 64", id="side"),
        pytest.param({"IMAGE_MAX_DIM": 0}, "IMAGE_MAX_DIM is 0", id="zero side"),
        pytest.param(
            {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_DIM": 100}, "multiple of 64", id="pad64"
        ),
        pytest.param({"IMAGE_RESIZE_MODE": "fit"}, "not one of", id="mode"),
        pytest.param({"RPN_ANCHOR_SCALES": [1, 2]}, "the pyramid has 5 levels", id="scales"),
        pytest.param({"RPN_ANCHOR_SCALES": 5}, "a list of numbers", id="number for list"),
        pytest.param({"MEAN_PIXEL": [1, 2]}, "must have 3 numbers", id="mean"),
        pytest.param({"DETECTION_MIN_CONFIDENCE": 1.5}, "allowed is 0 to 1", id="confidence"),
        pytest.param({"DETECTION_MIN_CONFIDENCE": float("nan")}, "a number", id="not a number"),
        pytest.param({"DETECTION_MAX_INSTANCES": 0}, "INSTANCES is 0", id="instances"),
        pytest.param({"DETECTION_MAX_INSTANCES": 10**9}, "the most is 10,000", id="many"),
        pytest.param({"POST_NMS_ROIS_INFERENCE": 10**9}, "the most is 20,000", id="many regions"),
        pytest.param({"PRE_NMS_LIMIT": 10**12}, "the most is 2,147,483,647", id="many proposals"),
        pytest.param(
            {"IMAGE_MIN_DIM": -64}, "IMAGE_MIN_DIM is -64; the least is 0", id="least side"
        ),
        pytest.param({"IMAGE_MIN_DIM": 10**400}, "must be a number", id="digits"),
        pytest.param({"IMAGE_MAX_DIM": 64 * 10**18}, "the most is 1,000,000", id="huge side"),
        pytest.param({"IMAGE_MIN_SCALE": -1}, "the least is 0", id="negative scale"),
        pytest.param({"IMAGE_MIN_SCALE": 1e300}, "the most is 1,000,000", id="huge scale"),
        pytest.param({"RPN_ANCHOR_STRIDE": 0}, "STRIDE is 0; the least is 1", id="no stride"),
        pytest.param({"RPN_ANCHOR_STRIDE": -1}, "the least is 1", id="stride backwards"),
        pytest.param({"MASK_POOL_SIZE": 0}, "MASK_POOL_SIZE is 0; the least is 1", id="no mask"),
        pytest.param({"MASK_POOL_SIZE": 10**6}, "the most is 256", id="huge masks"),
        pytest.param({"MEAN_PIXEL": [10**400, 0, 0]}, "a list of numbers", id="digits of a mean"),
        pytest.param({"MEAN_PIXEL": [1e30, 0, 0]}, "from -1,000,000 to 1,000,000", id="huge mean"),
        pytest.param({"RPN_ANCHOR_SCALES": [0, 32, 64, 128, 256]}, "more than 0", id="no anchor"),
        pytest.param({"RPN_ANCHOR_RATIOS": [-0.5, 1, 2]}, "more than 0", id="negative ratio"),
        pytest.param({"BBOX_STD_DEV": [0, 0, 0.2, 0.2]}, "more than 0", id="no deviation"),
        pytest.param({"USE_MINI_MASK": 1}, "true or false", id="number for truth"),
        pytest.param({"BACKBONE": 50}, "must be a text", id="number for text"),
        pytest.param({"LOSS_WEIGHTS": 1}, "must be a mapping", id="number for mapping"),
    ],
)
def test_value_that_is_not_allowed_is_named(values: dict, told: str):
    with pytest.raises(ConfigError, match=told) as caught:
        Config.with_values(values)
    assert "\n" not in str(caught.value)


def test_all_settings_are_shown(capsys):
    config = Coco()
    config.display()
    shown = capsys.readouterr().out
    assert "Configurations:" in shown
    for name in ("BATCH_SIZE", "IMAGE_SHAPE", "NUM_CLASSES", "RPN_ANCHOR_SCALES"):
        assert name in shown
        assert name in config.to_dict()
