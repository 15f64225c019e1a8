"""What a file, `model.yaml` and the labels say of a classifier's pictures and scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.kinds.image_classifier import ImageClassifier
from app.kinds.image_classifier.examination import examine
from app.kinds.kind import ModelError
from app.kinds.options import problem_of
from tests.app.kinds.image_classifier.written import (
    CLASSIFIER_ARRAYS,
    KERAS_3_ARRAYS,
    Arrays,
    classifier,
    classifier_of_keras_3,
    layer,
    numbers,
    sequential,
    source,
    write_h5,
    write_keras,
)

KIND = ImageClassifier()


def flat(*shape: int | None, **dense: Any) -> dict[str, Any]:
    """Return a network that takes such a picture, or such a row."""
    first = layer("Flatten", "flatten", batch_input_shape=[None, *shape])
    return sequential(first, layer("Dense", "dense", **{"units": 3, "activation": "relu"} | dense))


def refusal_of(tmp_path: Path, config: dict[str, Any], *labels: str, **options: Any) -> str:
    path = write_h5(tmp_path / "m.h5", config)
    with pytest.raises(ModelError) as refused:
        KIND.examine(source(path, labels or None, **options))
    assert "\n" not in str(refused.value)
    return str(refused.value)


SIZES = [
    pytest.param((8, 6, 3), {}, (8, 6, 3), id="channels-last"),
    pytest.param((8, 6, 1), {}, (8, 6, 1), id="grey"),
    pytest.param((8, 6), {}, (8, 6, 1), id="no-channel-axis"),
    pytest.param((3, 8, 6), {}, (8, 6, 3), id="channels-first-by-their-count"),
    pytest.param((None, None, 3), {"height": 8, "width": 6}, (8, 6, 3), id="open"),
    pytest.param((784,), {}, (28, 28, 1), id="row-of-a-grey-square"),
    pytest.param((3072,), {}, (32, 32, 3), id="row-of-a-colour-square"),
    pytest.param((144,), {"height": 8, "width": 6}, (8, 6, 3), id="row-of-a-size-told"),
]


@pytest.mark.parametrize(("shape", "given", "expected"), SIZES)
def test_the_size_of_pictures_is_the_files(tmp_path: Path, shape: Any, given: Any, expected: Any):
    path = write_h5(tmp_path / "m.h5", flat(*shape))
    told = KIND.examine(source(path, input=given))["input"]
    assert (told["height"], told["width"], told["channels"]) == expected


def test_a_row_that_is_taken_for_a_square_is_warned_of(tmp_path: Path):
    path = write_h5(tmp_path / "m.h5", flat(784))
    warnings = KIND.examine(source(path, preprocessing="unit"))["warnings"]
    assert "assumed to be the pixels of a grey picture of 28 x 28" in " ".join(warnings)


NO_SIZES = [
    pytest.param((None, None, 3), {}, "leaves open the height and the width", id="open"),
    pytest.param((785,), {}, "which is no square picture", id="row-of-no-square"),
    pytest.param((4,), {}, "which is no square picture", id="four-numbers-of-a-flower"),
    pytest.param((784,), {"height": 7, "width": 7}, "takes 784 numbers", id="row-of-other-size"),
    pytest.param((8, 6, 3), {"height": 9}, "takes pictures with height 8", id="contradiction"),
    pytest.param((8, 6, 5), {}, "pictures of 5 channels", id="five-channels"),
    pytest.param((4, 8, 6, 3), {}, "takes 4 x 8 x 6 x 3", id="film"),
]


@pytest.mark.parametrize(("shape", "given", "line"), NO_SIZES)
def test_a_size_that_is_none_is_refused(tmp_path: Path, shape: Any, given: Any, line: str):
    assert line in refusal_of(tmp_path, flat(*shape), input=given)


def test_labels_lose_the_numbers_that_count_them(tmp_path: Path):
    path = write_h5(tmp_path / "m.h5", classifier())
    assert KIND.examine(source(path, ("0 cat", "1 dog", "2 big cat")))["num_classes"] == 3


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(("0 cat", "1 big dog"), ["cat", "big dog"], id="numbered"),
        pytest.param(("7 up", "1 dog"), ["7 up", "1 dog"], id="numbers-of-their-own"),
        pytest.param(None, ["class 0", "class 1"], id="none"),
    ],
)
def test_labels_are_the_lines_or_numbers(given: Any, expected: list[str]):
    from app.kinds.image_classifier.labels import labels_for

    assert labels_for(2, given, "m.h5") == expected


def test_labels_that_are_too_few_are_refused(tmp_path: Path):
    told = refusal_of(tmp_path, classifier(), "cat", "dog")
    assert told.startswith("m.h5 tells 3 classes apart, and has 2 labels")


def test_a_network_of_one_output_has_two_labels(tmp_path: Path):
    arrays: Arrays = {"dense": [("dense/kernel:0", numbers(144, 1)), ("dense/bias:0", numbers(1))]}
    path = write_h5(tmp_path / "m.h5", classifier(units=1, activation="sigmoid"), arrays)
    told = KIND.examine(source(path, ("no", "yes")))
    assert (told["outputs"], told["num_classes"]) == ("binary", 2)


OUTPUTS = [
    pytest.param("softmax", "probabilities", id="softmax"),
    pytest.param("sigmoid", "independent", id="sigmoid"),
    pytest.param("linear", "logits", id="linear"),
]


@pytest.mark.parametrize(("activation", "expected"), OUTPUTS)
def test_the_last_activation_says_what_the_numbers_are(
    tmp_path: Path, activation: str, expected: str
):
    path = write_h5(tmp_path / "m.h5", classifier(activation=activation))
    assert KIND.examine(source(path))["outputs"] == expected


def test_an_activation_behind_the_last_layer_counts(tmp_path: Path):
    config = classifier(activation="linear")
    config["config"]["layers"].append(layer("Activation", "last", activation="softmax"))
    path = write_h5(tmp_path / "m.h5", config)
    assert KIND.examine(source(path))["outputs"] == "probabilities"


def test_outputs_in_the_options_go_before_the_file(tmp_path: Path):
    path = write_h5(tmp_path / "m.h5", classifier(activation="relu"))
    told = KIND.examine(source(path, preprocessing="unit"))
    assert (told["outputs"], len(told["warnings"])) == ("logits", 1)
    told = KIND.examine(source(path, preprocessing="unit", outputs="probabilities"))
    assert (told["outputs"], told["warnings"]) == ("probabilities", [])


SCALES = [
    pytest.param("none", [0, 51, 255], id="none"),
    pytest.param("unit", [0, 0.2, 1], id="unit"),
    pytest.param("tf", [-1, -0.6, 1], id="tf"),
    pytest.param({"scale": 0.1, "offset": 1.0}, [1, 6.1, 26.5], id="scale-offset"),
    pytest.param({"mean": 51.0, "std": [2.0]}, [-25.5, 0, 102], id="mean-std"),
]


@pytest.mark.parametrize(("wanted", "expected"), SCALES)
def test_pixels_are_scaled_as_told(tmp_path: Path, wanted: Any, expected: list[float]):
    path = write_h5(tmp_path / "m.h5", classifier())
    scale = examine(source(path, preprocessing=wanted)).scale
    assert np.array([0, 51, 255]) * scale.factor + scale.offset == pytest.approx(expected)


def test_scales_of_imagenet_are_by_channel(tmp_path: Path):
    path = write_h5(tmp_path / "m.h5", classifier())
    torch = examine(source(path, preprocessing="torch")).scale
    assert 255 * torch.factor + torch.offset == pytest.approx(
        [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    )
    caffe = examine(source(path, preprocessing="caffe")).scale
    assert caffe.is_blue_first
    assert caffe.offset == pytest.approx([-103.939, -116.779, -123.68])


def test_a_scale_in_the_file_is_left_to_it(tmp_path: Path):
    config = classifier()
    config["config"]["layers"].insert(1, layer("Rescaling", "scale", scale=1 / 255, offset=0.0))
    path = write_h5(tmp_path / "m.h5", config)
    told = KIND.examine(source(path))
    assert (told["preprocessing"], told["warnings"]) == ("none", [])
    assert "scales pixels itself" in KIND.examine(source(path, preprocessing="unit"))["warnings"][0]


def test_a_scale_within_a_model_within_the_model_counts(tmp_path: Path):
    shaped = {"batch_input_shape": [None, 8, 6, 3]}
    turned = layer("RandomFlip", "flip", mode="horizontal", **shaped)
    inner = sequential(turned, layer("Rescaling", "scale", scale=0.1), name="front")
    config = sequential(inner, *classifier()["config"]["layers"])
    path = write_h5(tmp_path / "m.h5", config)
    assert KIND.examine(source(path))["preprocessing"] == "none"


def test_a_scale_that_nobody_tells_is_warned_of(tmp_path: Path):
    path = write_keras(tmp_path / "m.keras", classifier_of_keras_3(), KERAS_3_ARRAYS)
    told = KIND.examine(source(path))
    assert told["preprocessing"] == "unit"
    assert "from 0 to 1 is assumed" in told["warnings"][0]


def test_pictures_of_teachable_machine_are_cut_and_scaled_as_it_does(tmp_path: Path):
    path = write_h5(tmp_path / "m.h5", flat(224, 224, 3))
    told = KIND.examine(source(path, ("0 cat", "1 dog", "2 cow")))
    assert (told["preprocessing"], told["input"]["resize"]) == ("tf", "crop")
    plain = KIND.examine(source(path, ("cat", "dog", "cow")))
    assert (plain["preprocessing"], plain["input"]["resize"]) == ("unit", "stretch")
    assert KIND.examine(source(path, resize="pad"))["input"]["resize"] == "pad"


BAD_SCALES = [
    pytest.param({"mean": [1.0, 2.0]}, "says 2 numbers for mean", id="two-means"),
    pytest.param({"std": 0.0}, "std is 0", id="no-deviation"),
]


@pytest.mark.parametrize(("wanted", "line"), BAD_SCALES)
def test_a_scale_that_gives_no_numbers_is_refused(tmp_path: Path, wanted: Any, line: str):
    assert line in refusal_of(tmp_path, classifier(), preprocessing=wanted)


def test_caffes_scale_is_not_for_grey_pictures(tmp_path: Path):
    assert "about RGB pictures alone" in refusal_of(tmp_path, flat(8, 6), preprocessing="caffe")


BAD_OPTIONS = [
    pytest.param({"preprocessing": "half"}, "one of none, unit, tf, caffe and torch", id="scale"),
    pytest.param({"input": {"height": 0}}, "height, width and channels", id="size"),
    pytest.param({"input": {"depth": 3}}, "height, width and channels", id="depth"),
    pytest.param({"resize": "squeeze"}, "one of stretch, crop and pad", id="resize"),
    pytest.param({"allow_code": "yes"}, "true or false", id="code"),
    pytest.param({"outputs": "odds"}, "one of probabilities", id="outputs"),
    pytest.param({"min_score": 0.5}, "there is no key 'min_score'", id="key"),
]


@pytest.mark.parametrize(("options", "line"), BAD_OPTIONS)
def test_an_option_that_does_not_fit_says_what_does(options: Any, line: str):
    assert line in (problem_of(options, KIND.options) or "")


def test_two_inputs_are_refused_by_their_names(tmp_path: Path):
    inputs = [
        {**layer("InputLayer", name, batch_input_shape=[None, 8, 6, 3]), "name": name}
        for name in ("left", "right")
    ]
    calls = [[["left", 0, 0, {}], ["right", 0, 0, {}]]]
    both = {**layer("Add", "both"), "name": "both", "inbound_nodes": calls}
    graph = {
        "name": "two",
        "layers": [*inputs, both],
        "input_layers": [["left", 0, 0], ["right", 0, 0]],
        "output_layers": [["both", 0, 0]],
    }
    told = refusal_of(tmp_path, {"class_name": "Model", "config": graph})
    assert "takes 2 inputs (left, right)" in told


def heads() -> dict[str, Any]:
    """Return a network that tells colour and shape."""
    first = layer("Flatten", "flatten", batch_input_shape=[None, 8, 6, 3])
    entry = {
        **layer("InputLayer", "input", batch_input_shape=[None, 8, 6, 3]),
        "name": "input",
        "inbound_nodes": [],
    }
    rows = {**first, "name": "flatten", "inbound_nodes": [[["input", 0, 0, {}]]]}
    outputs = [
        {
            **layer("Dense", name, units=3, activation="softmax"),
            "name": name,
            "inbound_nodes": [[["flatten", 0, 0, {}]]],
        }
        for name in ("colour", "shape")
    ]
    graph = {
        "name": "heads",
        "layers": [entry, rows, *outputs],
        "input_layers": [["input", 0, 0]],
        "output_layers": [["colour", 0, 0], ["shape", 0, 0]],
    }
    return {"class_name": "Functional", "config": graph}


def test_several_outputs_are_refused_unless_one_is_chosen(tmp_path: Path):
    told = refusal_of(tmp_path, heads())
    assert "m.h5 has 2 outputs" in told
    assert "output: colour (there are colour, shape)" in told
    assert "no output 'size'" in refusal_of(tmp_path, heads(), output="size")


@pytest.mark.slow
def test_the_output_that_is_chosen_is_told(tmp_path: Path):
    arrays = {
        name: [(f"{name}/kernel:0", numbers(144, 3, seed=seed)), (f"{name}/bias:0", numbers(3))]
        for seed, name in enumerate(("colour", "shape"))
    }
    path = write_h5(tmp_path / "m.h5", heads(), arrays)
    picture = {"image": np.random.default_rng(2).integers(0, 256, (8, 6, 3), np.uint8)}
    found = {
        name: KIND.load(source(path, output=name)).predict([picture], [{}])[0]["outputs"]
        for name in arrays
    }
    for name, listed in arrays.items():
        powers = np.exp(picture["image"].reshape(-1) / 255 @ listed[0][1] + listed[1][1])
        assert found[name] == pytest.approx(powers / powers.sum(), abs=1e-5)


@pytest.mark.slow
def test_a_batch_gives_each_picture_what_it_gets_alone(tmp_path: Path):
    model = KIND.load(source(write_h5(tmp_path / "m.h5", classifier(), CLASSIFIER_ARRAYS)))
    chance = np.random.default_rng(3)
    pictures = [{"image": chance.integers(0, 256, (8, 6, 3), np.uint8)} for _ in range(5)]
    assert len({model.together(one, {}) for one in pictures}) == 1
    together = model.predict(pictures, [{}] * 5)
    for picture, found in zip(pictures, together, strict=True):
        assert found["outputs"].dtype == np.float32
        alone = model.predict([picture], [{}])[0]["outputs"]
        assert found["outputs"] == pytest.approx(alone, abs=1e-6)


@pytest.mark.slow
def test_a_loaded_classifier_tells_its_face_all_that_it_needs(tmp_path: Path):
    path = write_h5(tmp_path / "m.h5", classifier())
    model = KIND.load(source(path, ("cat", "dog", "cow"), preprocessing="tf", resize="crop"))
    assert model.facts == {
        "labels": ["cat", "dog", "cow"],
        "input": {"height": 8, "width": 6, "channels": 3, "resize": "crop"},
        "outputs": "probabilities",
        "signature": {
            "inputs": [{"name": "image", "dtype": "uint8", "shape": [8, 6, 3], "role": "picture"}],
            "outputs": [{"name": "outputs", "dtype": "float32", "shape": [3], "role": "number"}],
        },
        "warnings": [],
    }
    assert model.describe()["keras_version"] == "2.4.0"


@pytest.mark.slow
def test_a_network_that_gives_a_picture_is_no_classifier(tmp_path: Path):
    config = sequential(
        layer("Conv2D", "dense", filters=3, kernel_size=[1, 1], batch_input_shape=[None, 8, 6, 3])
    )
    arrays = {"dense": [("dense/kernel:0", numbers(1, 1, 3, 3)), ("dense/bias:0", numbers(3))]}
    path = write_h5(tmp_path / "m.h5", config, arrays)
    with pytest.raises(ModelError, match=r"m\.h5 gives 8 x 6 x 3 for a picture"):
        KIND.load(source(path))
