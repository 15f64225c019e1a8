"""The network as OpenVINO runs it finds what TensorFlow's finds, and imports no TensorFlow."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mrcnn.agreement import Agreement, match
from mrcnn.demo.recipe import serving_settings
from mrcnn.demo.scenes import make_scene
from mrcnn.detector import Detector
from mrcnn.instances import Instances
from mrcnn.layer_shapes import layer_shapes, with_norms
from mrcnn.programs import choice
from mrcnn.programs.openvino import quantization
from mrcnn.programs.openvino.program import OpenVinoProgram, graph_of
from mrcnn.settings import settings_for
from mrcnn.weights import WeightFile, WeightFileError
from tests.mrcnn.tiny import (
    ARCHITECTURE,
    GREY,
    RED_LAST,
    SETTINGS,
    Groups,
    changed,
    tiny_network,
    with_channels,
)


def photo(height: int, width: int, seed: int = 0, channels: int = 3) -> np.ndarray:
    """Return noise in large blotches."""
    rows, columns = -(-height // 8), -(-width // 8)
    blotches = np.random.default_rng(seed).integers(0, 256, (rows, columns, channels))
    return blotches.repeat(8, 0).repeat(8, 1)[:height, :width].astype(np.uint8)


PHOTOS = [photo(100, 128), photo(60, 40, 1), photo(128, 128, 2), photo(300, 70, 3), photo(64, 64)]


def alike(one: Instances, other: Instances) -> None:
    """Hold two answers to each other as fp32 is held to the original."""
    assert one.image_size == other.image_size
    assert one.class_ids.tolist() == other.class_ids.tolist()
    assert np.abs(one.boxes_yxyx - other.boxes_yxyx).max(initial=0) <= 1
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-3)
    np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-3)
    np.testing.assert_allclose(one.masks, other.masks, atol=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "values",
    [
        pytest.param({}, id="square"),
        pytest.param({"IMAGE_RESIZE_MODE": "pad64"}, id="pad64"),
        pytest.param({"RPN_ANCHOR_STRIDE": 2}, id="anchors at every second cell"),
        pytest.param({"MASK_POOL_SIZE": 1, "MASK_SHAPE": [2, 2]}, id="a mask of one cell"),
        pytest.param({"MASK_POOL_SIZE": 7, "MASK_SHAPE": [14, 14]}, id="small masks"),
        pytest.param({"PRE_NMS_LIMIT": 1}, id="one anchor"),
        pytest.param({"POST_NMS_ROIS_INFERENCE": 1}, id="one region"),
        pytest.param({"PRE_NMS_LIMIT": 10**6}, id="all anchors"),
        pytest.param({"DETECTION_MAX_INSTANCES": 1}, id="one instance"),
        pytest.param({"DETECTION_MIN_CONFIDENCE": 0.0}, id="all scores"),
        pytest.param({"DETECTION_NMS_THRESHOLD": 0.0}, id="no overlap"),
        pytest.param({"DETECTION_NMS_THRESHOLD": 1.0, "RPN_NMS_THRESHOLD": 1.0}, id="all overlaps"),
        pytest.param({"MEAN_PIXEL": [0.1, 200.7, 30.0]}, id="another mean"),
    ],
)
def test_both_programs_find_the_same(values: dict[str, Any], tiny_file: Path):
    ours, theirs = (
        Detector.load(tiny_file, SETTINGS | values, program=program)
        for program in ("openvino", "tensorflow")
    )
    found = 0
    for one, other in zip(ours.detect(PHOTOS), theirs.detect(PHOTOS), strict=True):
        alike(one, other)
        found += len(one)
    assert found > 0


@pytest.mark.slow
def test_layers_in_bfloat16_leave_the_arithmetic_of_boxes_alone(
    root: Path, monkeypatch: pytest.MonkeyPatch
):
    # Where a processor has none OpenVINO computes the same in float32.
    monkeypatch.setattr(choice, "has_bfloat16", lambda: True)
    weights = root / "models" / "shapes" / "1" / "shapes.h5"
    half, whole = (
        Detector.load(weights, serving_settings(), program="openvino", precision=precision)
        for precision in ("bf16", "f32")
    )
    assert half.precision == "bf16"
    scenes = [make_scene(8_000_000 + seed, 320).image for seed in range(12)]
    found = [[one.detect([scene], min_score=0.4)[0] for scene in scenes] for one in (half, whole)]
    agreement = Agreement.of(match(*pair, 0.5) for pair in zip(*found, strict=True))
    assert agreement.instances > 50
    assert agreement.matched > 0.98
    # With the corners of crops in bfloat16 it is 0.95.
    assert agreement.mask_iou > 0.985


@pytest.mark.slow
def test_bands_give_the_very_same_numbers(tiny_file: Path, monkeypatch: pytest.MonkeyPatch):
    file = WeightFile.open(tiny_file)
    config = settings_for(file.architecture, SETTINGS, tiny_file.name)
    given = OpenVinoProgram.load(file, config).inputs

    def inputs(picture: np.ndarray) -> list[Any]:
        return given(picture[np.newaxis], np.array([0, 0, 128, 128], np.float32), 0.0)

    programs = []
    for least_bytes in (0, 10**9):
        monkeypatch.setattr(quantization, "IN_BANDS", least_bytes)
        graph = graph_of(file, config)
        small = quantization.quantized(graph, file.architecture, config, PHOTOS[2:3], inputs)
        programs.append(OpenVinoProgram(small, file.architecture, config, precision="int8"))
        bands = sum("/band" in node.get_friendly_name() for node in small.get_ops())
        assert (bands > 0) == (least_bytes == 0)
    banded, whole = (Detector(program, config) for program in programs)
    found = 0
    for photo_ in PHOTOS:
        (ours,), (theirs,) = banded.detect([photo_]), whole.detect([photo_])
        assert np.array_equal(ours.boxes_yxyx, theirs.boxes_yxyx)
        assert np.array_equal(ours.scores, theirs.scores)
        assert np.array_equal(ours.masks, theirs.masks)
        found += len(ours)
    assert found > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mix", "mean"),
    [
        pytest.param(GREY, [116.0], id="grey"),
        pytest.param(RED_LAST, [116.8, 103.9, 110.0, 123.7], id="four channels"),
    ],
)
def test_pictures_of_other_channels_give_the_same(
    mix: list[list[float]], mean: list[float], tiny_file: Path, tmp_path: Path
):
    path = with_channels(tiny_file, tmp_path / "mixed.h5", mix)
    settings = SETTINGS | {"MEAN_PIXEL": mean}
    picture = photo(100, 90, 5, len(mix))
    ours, theirs = (
        Detector.load(path, settings, program=program).detect([picture])[0]
        for program in ("openvino", "tensorflow")
    )
    alike(ours, theirs)
    assert len(ours) > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"num_classes": 2}, id="one class"),
        pytest.param({"num_classes": 300}, id="many classes"),
        pytest.param({"classifier_pool": 5, "classifier_units": 8}, id="small crops"),
        pytest.param({"pyramid_channels": 9, "rpn_channels": 5, "mask_channels": 3}, id="odd"),
    ],
)
def test_networks_of_other_sizes_give_the_same(changes: dict[str, int], tmp_path: Path):
    from mrcnn.loading import save_weights

    path = tmp_path / "other.h5"
    save_weights(tiny_network(replace(ARCHITECTURE, **changes)), path)
    settings = SETTINGS | {"DETECTION_MIN_CONFIDENCE": 0.0}
    ours, theirs = (
        Detector.load(path, settings, program=program).detect(PHOTOS)
        for program in ("openvino", "tensorflow")
    )
    for one, other in zip(ours, theirs, strict=True):
        alike(one, other)


@pytest.mark.parametrize("backbone", ["resnet26_narrow", "resnet50"])
def test_layers_are_those_of_the_network(backbone: str):
    from mrcnn.config import Config
    from mrcnn.loading import weighted_layers
    from mrcnn.network import MaskRCNNNetwork

    architecture = replace(ARCHITECTURE, backbone=backbone, classifier_pool=5, num_classes=9)
    for folded in (True, False):
        network = MaskRCNNNetwork(architecture, Config.with_values(SETTINGS), folded=folded)
        wanted = {
            name: [tuple(variable.shape) for variable in layer.weights]
            for name, layer in weighted_layers(network).items()
        }
        shapes = layer_shapes(architecture)
        assert (shapes if folded else with_norms(shapes)) == wanted


def test_layers_that_do_not_fit_are_all_told(tiny_file: Path, tmp_path: Path):
    def spoil(groups: Groups) -> None:
        del groups["fpn_p3"]
        (name, kernel), bias = groups["mrcnn_mask"]
        groups["mrcnn_mask"] = [(name, kernel[..., :4]), bias]

    path = changed(tiny_file, tmp_path / "odd.h5", spoil)
    with pytest.raises(WeightFileError, match="2 layers do not fit") as caught:
        Detector.load(path, SETTINGS, program="openvino")
    assert "fpn_p3: file has nothing" in str(caught.value)
    assert "mrcnn_mask: file has (1, 1, 16, 4) (5,)" in str(caught.value)


def test_a_process_that_detects_with_openvino_imports_no_tensorflow(tiny_file: Path):
    script = (
        "import json, sys, numpy as np\n"
        "from mrcnn.detector import Detector\n"
        f"detector = Detector.load({str(tiny_file)!r}, {SETTINGS!r}, threads=1,\n"
        "    program='openvino')\n"
        "detector.warm_up()\n"
        "found = detector.detect([np.zeros((128, 128, 3), np.uint8)], min_score=0.0)\n"
        "print(json.dumps([len(found[0]), *(set(sys.modules) & {'tensorflow', 'keras'})]))\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert ran.stderr == ""
    count, *frameworks = json.loads(ran.stdout)
    assert count > 0
    assert frameworks == []


@pytest.mark.slow
def test_shapes_without_end_do_not_pile_up(tiny_file: Path):
    settings = SETTINGS | {"IMAGE_RESIZE_MODE": "pad64"}
    script = (
        "import numpy as np\n"
        "from mrcnn.detector import Detector\n"
        f"detector = Detector.load({str(tiny_file)!r}, {settings!r}, threads=1,\n"
        "    program='openvino')\n"
        "def resident():\n"
        "    return int(open('/proc/self/statm').read().split()[1]) * 4096 >> 20\n"
        "largest = np.zeros((832, 832, 3), np.uint8)\n"
        "detector.detect([largest])\n"
        "for width in range(64, 832, 64):\n"
        "    for height in range(64, 832, 64):\n"
        "        detector.detect([largest[:height, :width]])\n"
        "    print(resident())\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    mib = [int(line) for line in ran.stdout.split()]
    # Some 80; it would be 400 MiB with all that is compiled for a shape.
    assert mib[-1] - mib[len(mib) // 3] < 160
