"""Photos in, instances out: any number, any size, from any thread, within bounds."""

from __future__ import annotations

import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mrcnn.config import ConfigError
from mrcnn.detector import Detector, ProgramName
from mrcnn.instances import Instances
from mrcnn.loading import save_weights
from mrcnn.programs import tensorflow as tensorflow_module
from mrcnn.threads import use_threads
from mrcnn.weights import WeightFileError
from tests.mrcnn.tiny import ARCHITECTURE, SETTINGS, Groups, changed, tiny_network


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return noise in large blotches, so that photos of several sizes differ in what is found."""
    blotches = np.random.default_rng(seed).integers(0, 256, (-(-height // 8), -(-width // 8), 3))
    return blotches.repeat(8, 0).repeat(8, 1)[:height, :width].astype(np.uint8)


PHOTOS = [photo(100, 128), photo(60, 40, 1), photo(128, 128, 2), photo(300, 70, 3), photo(64, 64)]


@pytest.fixture(scope="module", params=["tensorflow", "openvino"])
def program(request: pytest.FixtureRequest) -> ProgramName:
    return request.param


@pytest.fixture(scope="module")
def detector(tiny_file: Path, program: ProgramName) -> Detector:
    return Detector.load(tiny_file, SETTINGS, program=program)


def same(one: Instances, other: Instances) -> bool:
    return (
        one.image_size == other.image_size
        and np.array_equal(one.boxes_yxyx, other.boxes_yxyx)
        and np.array_equal(one.class_ids, other.class_ids)
        and np.array_equal(one.scores, other.scores)
        and np.array_equal(one.masks, other.masks)
        and np.array_equal(one.probabilities, other.probabilities)
    )


def test_instances_lie_on_their_photo_best_first(detector: Detector):
    for image, found in zip(PHOTOS, detector.detect(PHOTOS), strict=True):
        assert len(found) > 0
        assert found.image_size == image.shape[:2]
        y1, x1, y2, x2 = found.boxes_yxyx.T
        assert (y1 >= 0).all()
        assert (x1 >= 0).all()
        assert (y1 < y2).all()
        assert (x1 < x2).all()
        assert (y2 <= image.shape[0]).all()
        assert (x2 <= image.shape[1]).all()
        assert (np.diff(found.scores) <= 0).all()
        assert (found.scores >= 0.25).all()
        assert set(found.class_ids) <= set(range(1, ARCHITECTURE.num_classes))
        assert found.masks.shape == (len(found), 28, 28)


def test_each_instance_has_the_probabilities_of_all_classes(detector: Detector):
    for found in detector.detect(PHOTOS):
        told = found.probabilities
        assert told.shape == (len(found), ARCHITECTURE.num_classes)
        assert told.dtype == np.float32
        assert np.array_equal(told.argmax(axis=1), found.class_ids)
        assert np.array_equal(told.max(axis=1), found.scores)
        assert np.allclose(told.sum(axis=1), 1, atol=1e-5)


def test_several_photos_give_what_each_gives_alone(detector: Detector):
    together = detector.detect(PHOTOS)
    alone = [detector.detect([image])[0] for image in PHOTOS]
    assert all(map(same, together, alone))


def test_photos_that_share_a_pass_give_the_same_but_for_the_last_digits(
    tiny_file: Path, monkeypatch: pytest.MonkeyPatch
):
    detector = Detector.load(tiny_file, SETTINGS, program="tensorflow")
    alone = detector.detect(PHOTOS)
    monkeypatch.setattr(detector, "images_at_once", 3)
    for one, other in zip(alone, detector.detect(PHOTOS), strict=True):
        assert np.array_equal(one.class_ids, other.class_ids)
        assert np.abs(one.boxes_yxyx - other.boxes_yxyx).max() <= 1
        assert np.abs(one.scores - other.scores).max() <= 1e-3
        assert np.abs(one.masks - other.masks).max() <= 3e-2
        assert np.abs(one.probabilities - other.probabilities).max() <= 1e-3


def test_in_tight_frames_instances_lie_on_their_photo_too(
    detector: Detector, tiny_file: Path, program: ProgramName
):
    tight = Detector.load(tiny_file, SETTINGS, program=program, frames="tight")
    wide, tall, whole = photo(64, 128), photo(128, 60, 1), photo(128, 128, 2)
    assert [tight.molded_size(*image.shape[:2]) for image in (wide, tall, whole)] == [
        (64, 128),
        (128, 64),
        (128, 128),
    ]
    for image, found in zip((wide, tall, whole), tight.detect([wide, tall, whole]), strict=True):
        assert len(found) > 0
        y1, x1, y2, x2 = found.boxes_yxyx.T
        assert (y1 >= 0).all()
        assert (x1 >= 0).all()
        assert (y2 <= image.shape[0]).all()
        assert (x2 <= image.shape[1]).all()
    # A photo that fills the square has no padding to leave out.
    assert same(*detector.detect([whole]), *tight.detect([whole]))


def test_no_photo_gives_no_answer(detector: Detector):
    assert detector.detect([]) == []


def test_threads_share_a_detector(detector: Detector):
    alone = detector.detect(PHOTOS)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda image: detector.detect([image])[0], PHOTOS * 3))
    assert all(map(same, answers, alone * 3))


def test_min_score_replaces_the_setting(detector: Detector):
    usual = detector.detect([PHOTOS[0]])[0]
    strict = detector.detect([PHOTOS[0]], min_score=float(usual.scores[0]))[0]
    assert 0 < len(strict) < len(usual)
    assert len(detector.detect([PHOTOS[0]], min_score=0.0)[0]) >= len(usual)
    assert len(detector.detect([PHOTOS[0]], min_score=1.0)[0]) == 0


def test_photo_of_nothing_has_no_instances_whatever_the_width_of_the_mask_head(
    program: ProgramName, tmp_path: Path
):
    architecture = replace(ARCHITECTURE, mask_channels=2 * ARCHITECTURE.pyramid_channels)
    path = tmp_path / "wide.h5"
    save_weights(tiny_network(architecture), path)
    detector = Detector.load(path, SETTINGS, program=program)
    nothing, found = (detector.detect(PHOTOS[:2], min_score=least) for least in (1.0, 0.25))
    assert [instances.masks.shape for instances in nothing] == [(0, 28, 28)] * 2
    assert all(len(instances) > 0 for instances in found)


def test_max_instances_keeps_the_best(detector: Detector):
    usual = detector.detect([PHOTOS[0]])[0]
    assert same(detector.detect([PHOTOS[0]], max_instances=1)[0], usual[:1])
    assert same(detector.detect([PHOTOS[0]], max_instances=1000)[0], usual)


def test_warm_up_builds_the_usual_graph(tiny_file: Path):
    detector = Detector.load(tiny_file, SETTINGS, program="tensorflow")
    detector.warm_up()
    detector.detect([PHOTOS[0]])
    assert detector._program._graphs.cache_info().misses == 1


def test_shapes_without_end_do_not_pile_up(tiny_file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tensorflow_module, "KEPT_GRAPHS", 2)
    settings = {**SETTINGS, "IMAGE_RESIZE_MODE": "pad64"}
    detector = Detector.load(tiny_file, settings, program="tensorflow")
    detector.warm_up()
    detector.detect([photo(64, 64 * n) for n in (1, 2, 3)])
    assert detector._program._graphs.cache_info().currsize == 2


def test_unresized_photo_must_fit_the_pyramid(tiny_file: Path):
    detector = Detector.load(tiny_file, {**SETTINGS, "IMAGE_RESIZE_MODE": "none"})
    assert detector.detect([photo(64, 128)])[0].image_size == (64, 128)
    with pytest.raises(ValueError, match="the photo is 100 x 128 pixels; resize mode 'none' needs"):
        detector.detect([photo(128, 100)])


def test_what_is_no_photo_is_named(detector: Detector):
    with pytest.raises(ValueError, match=r"a photo is \[height, width, 3\] RGB, not \[8, 8\]"):
        detector.detect([np.zeros((8, 8), np.uint8)])
    with pytest.raises(ValueError, match="a photo holds uint8 values, not float64"):
        detector.detect([np.zeros((8, 8, 3))])


def exploded(group: str, largest: float, tiny_file: Path, folder: Path) -> Path:
    """Write a copy in which the largest number of a group's kernels is `largest`."""

    def explode(groups: Groups) -> None:
        groups[group] = [
            (name, array / np.abs(array).max() * np.float32(largest) if array.ndim > 1 else array)
            for name, array in groups[group]
        ]

    return changed(tiny_file, folder / "odd.h5", explode)


def test_network_of_large_numbers_still_answers(
    program: ProgramName, tiny_file: Path, tmp_path: Path
):
    path = exploded("rpn_model", 1e6, tiny_file, tmp_path)
    found = Detector.load(path, SETTINGS, program=program).detect([PHOTOS[0]], min_score=0.0)[0]
    assert np.isfinite(found.scores).all()
    assert np.isfinite(found.masks).all()


@pytest.mark.parametrize(
    "group",
    [
        *("conv1", "res3b_branch2a", "res4a_branch1", "fpn_c2p2", "fpn_p5", "rpn_model"),
        *("mrcnn_class_conv1", "mrcnn_bbox_fc", "mrcnn_mask_conv2", "mrcnn_mask_deconv"),
    ],
)
def test_network_whose_answers_are_no_numbers_is_refused(
    group: str, program: ProgramName, tiny_file: Path, tmp_path: Path
):
    path = exploded(group, 1e38, tiny_file, tmp_path)
    with pytest.raises(WeightFileError) as caught:
        Detector.load(path, SETTINGS, program=program)
    assert "training had diverged" in str(caught.value)
    assert str(caught.value).startswith("odd.h5: ")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param({"NUM_CLASSES": 81}, "NUM_CLASSES is 81, but tiny.h5 has 5", id="classes"),
        pytest.param(
            {"BACKBONE": "resnet50"},
            "BACKBONE is 'resnet50', but tiny.h5 has 'resnet26_narrow'",
            id="backbone",
        ),
        pytest.param(
            {"RPN_ANCHOR_RATIOS": [0.5, 2]},
            "RPN_ANCHOR_RATIOS has 2 entries, but tiny.h5 has 3 anchors a location",
            id="ratios",
        ),
        pytest.param(
            {"BACKBONE_STRIDES": [8, 16, 32, 64, 128]}, "BACKBONE_STRIDES is", id="strides"
        ),
        pytest.param({"IMAGE_RESIZE_MODE": "crop"}, "for training only", id="crop"),
        pytest.param({"IMAGE_MAX_DIMM": 3}, "did you mean IMAGE_MAX_DIM", id="unknown name"),
    ],
)
def test_setting_that_contradicts_the_file_is_named(values: dict, told: str, tiny_file: Path):
    with pytest.raises(ConfigError, match=told) as caught:
        Detector.load(tiny_file, {**SETTINGS, **values})
    assert "\n" not in str(caught.value)


def test_setting_that_agrees_with_the_file_is_taken(tiny_file: Path):
    detector = Detector.load(
        tiny_file, {**SETTINGS, "NUM_CLASSES": 5, "BACKBONE": "resnet26_narrow"}
    )
    assert detector.config.NUM_CLASSES == 5
    assert detector.config.BACKBONE == "resnet26_narrow"


def test_partial_file_loads_only_if_that_is_allowed(tiny_file: Path, tmp_path: Path):
    path = changed(tiny_file, tmp_path / "odd.h5", lambda groups: groups.pop("fpn_p3"))
    with pytest.raises(WeightFileError, match="fpn_p3: file has nothing"):
        Detector.load(path, SETTINGS)
    assert len(Detector.load(path, SETTINGS, allow_partial=True).detect([PHOTOS[0]])) == 1


def test_description_has_sizes_and_parameters(detector: Detector):
    description = detector.describe()
    assert description["num_classes"] == 5
    assert description["parameters"] > 100_000


def test_thread_count_that_comes_too_late_is_told(detector: Detector, caplog):
    with caplog.at_level(logging.WARNING):
        use_threads(77)
    assert "77 threads wanted" in caplog.text


@pytest.mark.slow
def test_nothing_is_written_to_stderr(tiny_file: Path):
    script = (
        "import sys, numpy as np\n"
        "from mrcnn.detector import Detector\n"
        f"detector = Detector.load({str(tiny_file)!r}, {SETTINGS!r}, threads=1)\n"
        "detector.detect([np.zeros((128, 128, 3), np.uint8)])\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert ran.stderr == ""
