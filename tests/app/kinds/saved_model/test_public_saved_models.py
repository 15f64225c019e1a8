"""SavedModels of other people, of TensorFlow 1.11 to 2.11, give what TensorFlow gives for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.app.kinds.saved_model.saved_models import ask, load
from tests.parts import absent


@pytest.fixture(scope="module")
def public(data: Path) -> Path:
    folder = data / "public"
    if not (folder / "savedmodel").is_dir():
        absent("public/savedmodel is not in the folder of data")
    return folder


@pytest.fixture(scope="module")
def face(public: Path) -> np.ndarray:
    with Image.open(public / "inputs" / "astronaut_face_28_gray.png") as picture:
        return np.asarray(picture, np.float32) / 255


def test_a_keras_export_tells_digits(public, face):
    model = load(public / "savedmodel" / "scisharp_simple_model_from_auto_compile")
    (answer,) = model.predict([{"input_1": face.reshape(28, 28, 1)}], [{}])
    wanted = [1e-06, 0, 0.711185, 0.284028, 0, 0.004742, 0, 3.1e-05, 2e-06, 1e-06]
    assert answer["softmax"] == pytest.approx(wanted, abs=1e-5)


def test_a_function_that_was_exported_tells_digits(public, face):
    model = load(public / "savedmodel" / "scisharp_python_func_model")
    (answer,) = model.predict([{"input_1": face.reshape(784)}], [{}])
    wanted = [0.012776, 0.004207, 0.002957, 0.022761, 0.000204, 0.391087, 0.000273, 0.002206]
    assert answer["softmax"] == pytest.approx([*wanted, 0.563429, 9.9e-05], abs=1e-5)


def test_three_outputs_of_a_network_for_sound(public):
    model = load(public / "savedmodel" / "basic_pitch_nmp")
    (answer,) = model.predict([{"input_2": np.zeros((43844, 1), np.float32)}], [{}])
    means = {name: float(value.mean()) for name, value in answer.items()}
    wanted = {"contour": 0.098959, "note": 0.099149, "onset": 0.104744}
    assert means == pytest.approx(wanted, abs=1e-5)


def test_an_input_of_any_rank_is_a_number_an_instance(public):
    model = load(public / "savedmodel" / "tf2onnx_regression")
    one, two = ask(model, [{"X": 1.0}, {"X": 2.0}])
    assert two["pred"] - one["pred"] == pytest.approx(0.213962, abs=1e-5)


def test_all_signatures_of_tensorflow_servings_own_model_serve(public):
    folder = public / "savedmodel" / "tfserving_saved_model_half_plus_two_cpu" / "00000123"
    model = load(folder)
    assert sorted(model.facts["signatures"]) == [
        "classify_x_to_y",
        "regress_x2_to_y3",
        "regress_x_to_y",
        "regress_x_to_y2",
        "serving_default",
    ]
    (answer,) = ask(model, [{"x": [2.0]}])
    assert answer["y"].tolist() == [3.0]
    (answer,) = ask(model, [{"inputs": [2.0]}], signature="regress_x2_to_y3")
    assert answer["outputs"].tolist() == [4.0]


def test_a_signature_of_serialized_examples_takes_them(public):
    import tensorflow as tf

    folder = public / "savedmodel" / "tfserving_saved_model_half_plus_two_cpu" / "00000123"
    features = {"x": tf.train.Feature(float_list=tf.train.FloatList(value=[5.0]))}
    example = tf.train.Example(features=tf.train.Features(feature=features))
    given = {"inputs": example.SerializeToString()}
    (answer,) = ask(load(folder), [given], signature="regress_x_to_y")
    assert answer["outputs"].tolist() == [4.5]
