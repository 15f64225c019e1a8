"""Networks of grey pictures, of four channels and of any number: loaded, checked and asked."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import mrcnn.model as modellib
from mrcnn.config import Config, ConfigError
from mrcnn.detector import Detector
from mrcnn.weights import WeightFile, WeightFileError
from tests.mrcnn.test_detector import photo
from tests.mrcnn.tiny import GREEN_BLUE, GREY, RED_LAST, SETTINGS, with_channels

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("channels")


@pytest.fixture(scope="module")
def grey(folder: Path, tiny_file: Path) -> Path:
    return with_channels(tiny_file, folder / "grey.h5", GREY)


@pytest.fixture(scope="module")
def four(folder: Path, tiny_file: Path) -> Path:
    return with_channels(tiny_file, folder / "four.h5", RED_LAST)


def test_channels_are_read_off_the_first_kernel(grey: Path, four: Path, tiny_file: Path):
    files = (grey, tiny_file, four)
    assert [WeightFile.open(file).architecture.input_channels for file in files] == [1, 3, 4]


def test_network_of_any_number_of_channels_is_warmed_and_asked(folder: Path, tiny_file: Path):
    path = with_channels(tiny_file, folder / "two.h5", GREEN_BLUE)
    detector = Detector.load(path, {**SETTINGS, "MEAN_PIXEL": [0, 0]})
    detector.warm_up()
    assert detector.detect([photo(64, 64)[:, :, :2]])[0].image_size == (64, 64)
    for shape in ((8, 8), (8, 8, 3)):
        told = rf"a photo is \[height, width, 2\], not {re.escape(str(list(shape)))}"
        with pytest.raises(ValueError, match=told):
            detector.detect([np.zeros(shape, np.uint8)])


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        pytest.param(
            "tiny.h5",
            {"IMAGE_CHANNEL_COUNT": 4},
            "config: IMAGE_CHANNEL_COUNT is 4, but tiny.h5 has 3; leave it out, the file says it",
            id="four beside three",
        ),
        pytest.param(
            "grey.h5", {"IMAGE_CHANNEL_COUNT": 3}, "IMAGE_CHANNEL_COUNT is 3, but", id="three"
        ),
        pytest.param(
            "grey.h5",
            {},
            "config: MEAN_PIXEL is not set, and grey.h5 takes pictures of 1 channel; write the "
            "number that its training had: MEAN_PIXEL: [mean of the channel, 0 to 255]",
            id="no mean for grey",
        ),
        pytest.param(
            "four.h5",
            {"IMAGE_CHANNEL_COUNT": 4},
            "config: MEAN_PIXEL is not set, and four.h5 takes pictures of 4 channels; write the 4 "
            "numbers that its training had",
            id="no mean for four",
        ),
        pytest.param(
            "four.h5",
            {"MEAN_PIXEL": [1, 2, 3]},
            "config: MEAN_PIXEL is [1.0, 2.0, 3.0]; it must have 4 numbers, one a channel",
            id="mean of three",
        ),
        pytest.param(
            "four.h5", {"MEAN_PIXEL": [1]}, "must have 4 numbers, one a channel", id="mean of one"
        ),
        pytest.param(
            "grey.h5",
            {"MEAN_PIXEL": []},
            "config: MEAN_PIXEL is []; it must have 1 number, one a channel",
            id="mean of none",
        ),
        pytest.param(
            "tiny.h5",
            {"MASK_SHAPE": [56, 56]},
            "config: MASK_SHAPE is [56, 56], but the masks of MASK_POOL_SIZE 14 are 28 x 28",
            id="masks of another size",
        ),
    ],
)
def test_setting_that_the_file_fixes_is_held_against_it(
    name: str, values: dict, told: str, grey: Path, four: Path, tiny_file: Path
):
    path = next(file for file in (grey, four, tiny_file) if file.name == name)
    with pytest.raises(ConfigError) as caught:
        Detector.load(path, {**SETTINGS, **values})
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


class ScriptConfig(Config):
    BACKBONE = "resnet26_narrow"
    NUM_CLASSES = 1 + 4
    IMAGE_MIN_DIM = 64
    IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    DETECTION_MIN_CONFIDENCE = 0.25


class GreyConfig(ScriptConfig):
    IMAGE_CHANNEL_COUNT = 1
    MEAN_PIXEL = np.array([120.0])


class FourConfig(ScriptConfig):
    IMAGE_CHANNEL_COUNT = 4
    MEAN_PIXEL = np.array([0, 110.0, 100.0, 120.0])


@pytest.mark.parametrize("config", [GreyConfig, FourConfig], ids=["grey", "four"])
def test_old_scripts_detect_on_pictures_of_their_channels(
    config: type[Config], grey: Path, four: Path
):
    path = grey if config is GreyConfig else four
    channels = config.IMAGE_CHANNEL_COUNT
    image = np.dstack([photo(64, 128), photo(64, 128, 1)])[:, :, :channels]
    model = modellib.MaskRCNN("inference", config(), "logs")
    model.load_weights(path, by_name=True)
    plain = model.detect([image])[0]
    assert plain["masks"].shape == (64, 128, len(plain["rois"]))
    assert len(plain["rois"])
    molded, metas, _ = model.mold_inputs([image])
    assert molded.shape == (1, 128, 128, channels)
    assert modellib.parse_image_meta(metas)["image_shape"].tolist() == [[128, 128, channels]]
    framed = model.detect_molded(molded, metas)[0]
    assert np.array_equal(plain["rois"] + [32, 0, 32, 0], framed["rois"])
    with pytest.raises(ValueError, match=rf"a photo is \[height, width, {channels}\], not"):
        model.detect([photo(64, 64)])


def test_channels_of_an_old_script_are_held_against_the_file(grey: Path, tiny_file: Path):
    for config, path, told in (
        (GreyConfig, tiny_file, "IMAGE_CHANNEL_COUNT is 1, but tiny.h5 has 3"),
        (ScriptConfig, grey, "IMAGE_CHANNEL_COUNT is 3, but grey.h5 has 1"),
    ):
        model = modellib.MaskRCNN("inference", config(), "logs")
        with pytest.raises(ConfigError, match=told):
            model.load_weights(path, by_name=True)


def test_channels_that_a_script_of_2017_sets_by_the_shape_count():
    class Shaped(ScriptConfig):
        MEAN_PIXEL = np.zeros(4)

        def __init__(self) -> None:
            super().__init__()
            self.IMAGE_SHAPE = np.array([128, 128, 4])

    model = modellib.MaskRCNN("inference", Shaped(), "logs")
    assert model.keras_model.architecture.input_channels == 4


def test_new_channels_start_anew_when_conv1_is_excluded(tiny_file: Path):
    model = modellib.MaskRCNN("training", FourConfig(), "logs")
    with pytest.raises(ConfigError, match=r"IMAGE_CHANNEL_COUNT is 4, but tiny\.h5 has 3"):
        model.load_weights(tiny_file, by_name=True)
    model.load_weights(tiny_file, by_name=True, exclude=["conv1"])
    layers = {layer.name: layer for layer in model.get_trainable_layers()}
    kernel = layers["conv1"].get_weights()[0]
    assert kernel.shape == (7, 7, 4, 16)
    assert kernel.std() > 0
    with WeightFile.open(tiny_file).reading() as read:
        assert np.array_equal(layers["bn_conv1"].get_weights()[3], read("bn_conv1")[3])


def test_mean_of_another_length_is_told_before_anything_is_built():
    class Forgotten(ScriptConfig):
        IMAGE_CHANNEL_COUNT = 4

    with pytest.raises(
        ConfigError, match=r"config: MEAN_PIXEL is \[123.7, 116.8, 103.9\]; it must have 4 numbers"
    ):
        modellib.MaskRCNN("training", Forgotten(), "logs")


@pytest.mark.parametrize("mean", [0, np.array([7.0])], ids=["a number", "a list of one"])
def test_one_mean_stands_for_all_channels_as_it_did_in_the_original(mean: object):
    class Plain(FourConfig):
        MEAN_PIXEL = mean

    model = modellib.MaskRCNN("inference", Plain(), "logs")
    image = np.full((128, 128, 4), 9, np.uint8)
    molded, _, _ = model.mold_inputs([image])
    assert (molded == 9 - np.ravel(mean)[0]).all()


@pytest.mark.parametrize("count", [0, -1], ids=["none", "less"])
def test_count_of_channels_is_at_least_one(count: int):
    with pytest.raises(ConfigError, match=f"IMAGE_CHANNEL_COUNT is {count}; the least is 1"):
        Config.with_values({"IMAGE_CHANNEL_COUNT": count, "MEAN_PIXEL": [1]})


def test_examples_of_four_channels_are_put_together():
    from mrcnn.training.examples import Example, batch_of

    example = Example(np.ones((64, 64, 4), np.uint8), np.array([1]), np.ones((64, 64, 1), bool))
    assert batch_of([example], FourConfig()).pixels.shape == (1, 128, 128, 4)
    with pytest.raises(ValueError, match=r"a photo is \[height, width, 1\], not \[64, 64, 4\]"):
        batch_of([example], GreyConfig())


def test_file_without_channels_is_refused(folder: Path, tiny_file: Path):
    path = with_channels(tiny_file, folder / "none.h5", np.zeros((0, 3)))
    with pytest.raises(WeightFileError, match=r"layer conv1: conv1/kernel:0 is empty"):
        WeightFile.open(path)
