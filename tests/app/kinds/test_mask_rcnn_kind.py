"""The kind `mask_rcnn`: recognised by content, labelled, loaded, and asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from app.kinds.kind import ModelError, ModelSource
from app.kinds.mask_rcnn import MaskRcnn
from app.kinds.mask_rcnn.coco import COCO_LABELS
from app.kinds.mask_rcnn.model import labels_for
from app.kinds.mask_rcnn.tensors import PICTURE
from app.kinds.registry import kinds

SMALL = {"IMAGE_MIN_DIM": 64, "IMAGE_MAX_DIM": 128, "RPN_ANCHOR_SCALES": [8, 16, 32, 64, 128]}


@pytest.mark.parametrize(
    ("num_classes", "given", "expected"),
    [
        pytest.param(4, ("a", "b", "c"), ("a", "b", "c"), id="as given"),
        pytest.param(4, ("BG", "a", "b", "c"), ("a", "b", "c"), id="BG first"),
        pytest.param(3, ("background", "a", "b"), ("a", "b"), id="background first"),
        pytest.param(3, ("background", "b"), ("background", "b"), id="a class of that name"),
        pytest.param(4, None, ("class_1", "class_2", "class_3"), id="none"),
        pytest.param(81, None, COCO_LABELS, id="none for COCO's count"),
    ],
)
def test_labels_name_the_foreground_classes(num_classes: int, given, expected):
    assert labels_for(num_classes, given) == expected


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(("a",), id="less"),
        pytest.param(("a", "b", "c", "d"), id="one more, and no background"),
    ],
)
def test_labels_of_another_count_are_refused_with_both_numbers(given: tuple[str, ...]):
    with pytest.raises(ModelError, match=f"{len(given)} labels for 3 classes; the file has 4"):
        labels_for(4, given)


def test_coco_has_80_names_in_matterports_order():
    assert len(set(COCO_LABELS)) == 80
    ids = {"person": 1, "traffic light": 10, "cat": 16, "chair": 57, "toothbrush": 80}
    assert {name: COCO_LABELS.index(name) + 1 for name in ids} == ids


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a tiny network of four classes, random with a fixed seed, in Matterport's layout."""
    import keras

    from mrcnn.architecture import Architecture
    from mrcnn.config import Config
    from mrcnn.loading import save_weights
    from mrcnn.network import MaskRCNNNetwork

    keras.utils.set_random_seed(1)
    architecture = Architecture(
        "resnet26_narrow",
        num_classes=4,
        pyramid_channels=16,
        rpn_channels=16,
        classifier_units=32,
        mask_channels=16,
    )
    path = tmp_path_factory.mktemp("weights") / "tiny.h5"
    network = MaskRCNNNetwork(architecture, Config.with_values({"NUM_CLASSES": 4}))
    # Untrained residual blocks add up; at full strength the boxes' sizes, an exp, would overflow.
    strength = {"kernel": 0.3}
    save_weights(network, path, lambda v: v.numpy() * strength.get(v.name, 1))
    return path


def source(path: Path, labels: tuple[str, ...] | None = None, **options: Any) -> ModelSource:
    return ModelSource("tiny", 1, path, path.parent, {"config": SMALL, **options}, labels)


def test_a_file_is_recognised_by_its_layer_names_not_its_own(weights: Path, tmp_path: Path):
    renamed = tmp_path / "model.hdf5"
    renamed.write_bytes(weights.read_bytes())
    assert [kind.name for kind in kinds() if kind.recognises(renamed)] == ["mask_rcnn"]


def test_other_files_are_refused_in_one_line(weights: Path, tmp_path: Path):
    (tmp_path / "cut.h5").write_bytes(weights.read_bytes()[:5000])
    (tmp_path / "text.h5").write_text("not a model")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.attrs["layer_names"] = [b"dense"]
        file.create_group("dense").attrs["weight_names"] = np.array([], "S1")
    kind = MaskRcnn()
    refusals = {name: kind.refusal(tmp_path / f"{name}.h5") for name in ("cut", "text", "other")}
    assert not any(kind.recognises(tmp_path / f"{name}.h5") for name in (*refusals, "missing"))
    assert "cut off: 5,000 of " in refusals["cut"]
    assert "not an HDF5 file" in refusals["text"]
    assert "not a Matterport Mask R-CNN" in refusals["other"]
    assert "no such file" in kind.refusal(tmp_path / "missing.h5")


def test_a_loaded_model_says_what_the_file_holds(weights: Path):
    model = MaskRcnn().load(source(weights, ("BG", "a", "b", "c"), min_score=0.25))
    assert model.facts == {
        "labels": ["a", "b", "c"],
        "precision": "f32",
        "is_original": True,
        "least_score": 0.25,
    }
    description = model.describe()
    assert (description["backbone"], description["num_classes"]) == ("resnet26_narrow", 4)
    assert description["min_score"] == 0.25
    assert description["config"]["IMAGE_MAX_DIM"] == 128
    assert description["config"]["RPN_BBOX_STD_DEV"] == [0.1, 0.1, 0.2, 0.2]
    assert description["architecture"]["parameters"] > 1000


def test_what_it_runs_on_is_chosen_and_told(weights: Path):
    image = np.random.default_rng(1).integers(0, 256, (90, 120, 3), np.uint8)
    found = {}
    for program in ("tensorflow", "openvino"):
        model = MaskRcnn().load(source(weights, program=program))
        assert model.describe()["program"] == program
        (found[program],) = model.predict([{PICTURE: image}], [{"min_score": 0.0}])
    one, other = found.values()
    assert len(one["scores"]) > 2
    np.testing.assert_array_equal(one["class_ids"], other["class_ids"])
    np.testing.assert_allclose(one["scores"], other["scores"], atol=1e-3)


def test_random_layers_are_tensorflows_alone(weights: Path):
    with pytest.raises(ModelError, match="allow_partial is true and program is 'openvino'"):
        MaskRcnn().load(source(weights, program="openvino", allow_partial=True))


def test_pictures_share_a_pass_only_where_a_gpu_makes_that_quicker(weights: Path):
    import tensorflow as tf

    model = MaskRcnn().load(source(weights))
    inputs = {PICTURE: np.zeros((90, 120, 3), np.uint8)}
    has_gpu = bool(tf.config.list_physical_devices("GPU"))
    assert (model.together(inputs, {}) is not None) == has_gpu


def test_several_pictures_at_once_give_what_each_gives_alone(weights: Path):
    random = np.random.default_rng(1)
    sizes = [(90, 120), (128, 128), (40, 200), (300, 60), (64, 64)]
    inputs = [{PICTURE: random.integers(0, 256, (*size, 3), np.uint8)} for size in sizes]
    asked = [{"min_score": 0.0}] * len(inputs)
    one, several = (
        MaskRcnn().load(replace(source(weights, streams=streams), threads=2)) for streams in (1, 2)
    )
    assert (one.describe()["streams"], several.describe()["streams"]) == (1, 2)
    # Whatever their sizes; and no more than there are streams.
    keys = {several.together(each, {"min_score": 0.5}) for each in inputs}
    assert len(keys) == 1
    assert None not in keys
    assert keys != {several.together(inputs[0], {"min_score": 0.4})}
    assert (one.most_together, several.most_together) == (1, 2)
    pairs = zip(one.predict(inputs, asked), several.predict(inputs, asked), strict=True)
    for theirs, ours in pairs:
        assert len(theirs["scores"]) > 0
        for name, values in theirs.items():
            np.testing.assert_array_equal(ours[name], values)


def test_a_stream_has_a_thread_at_least(weights: Path):
    model = MaskRcnn().load(replace(source(weights, streams=64), threads=2))
    assert model.describe()["streams"] == 2


def test_each_image_of_a_batch_is_asked_by_its_own_parameters(weights: Path):
    model = MaskRcnn().load(source(weights, min_score=1.0))
    model.warm_up()
    image = np.random.default_rng(1).integers(0, 256, (90, 120, 3), np.uint8)
    wanted = [{}, {"min_score": 0.0}, {"min_score": 0.0, "max_instances": 2}]
    none, all_found, two = (
        result["boxes_yxyx"] for result in model.predict([{PICTURE: image}] * 3, wanted)
    )
    assert len(none) == 0
    assert len(all_found) > 2
    np.testing.assert_array_equal(two, all_found[:2])
    assert model.predict([], []) == []


@pytest.mark.parametrize(
    ("labels", "options", "error"),
    [
        pytest.param(("a",), {}, "1 labels for 3 classes", id="labels"),
        pytest.param(None, {"config": {"IMAGE_MIN_DIMM": 1}}, "did you mean IMAGE_MIN", id="name"),
        pytest.param(None, {"config": {"NUM_CLASSES": 5}}, "NUM_CLASSES is 5", id="contradiction"),
    ],
)
def test_what_does_not_fit_the_file_is_refused(weights: Path, labels, options, error: str):
    with pytest.raises(ModelError, match=error):
        MaskRcnn().load(source(weights, labels, **options))
