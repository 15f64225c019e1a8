"""Graphs, sessions, threads and Keras 2's backend around a model, as TensorFlow 1 wanted them."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import mrcnn.model as modellib
from mrcnn.eager import eagerly
from tests.mrcnn.tiny_script import TinyConfig, photo

pytestmark = pytest.mark.slow

IMAGE = photo(100, 120)


@pytest.fixture(scope="module")
def model(tiny_model: modellib.MaskRCNN) -> modellib.MaskRCNN:
    return tiny_model


@pytest.fixture(scope="module")
def found(model: modellib.MaskRCNN) -> dict[str, np.ndarray]:
    """Return what the model finds with nothing around it."""
    return model.detect([IMAGE])[0]


def within_a_graph(work: Callable[[], Any]) -> Any:
    with tf.compat.v1.get_default_graph().as_default():
        assert not tf.executing_eagerly()
        return work()


def within_a_session(work: Callable[[], Any]) -> Any:
    with tf.compat.v1.Session() as session:
        keras.backend.set_session(session)
        assert not tf.executing_eagerly()
        return work()


def within_its_graph_and_session(work: Callable[[], Any]) -> Any:
    graph = tf.Graph()
    session = tf.compat.v1.Session(graph=graph)
    with graph.as_default(), session.as_default():
        return work()


def within_a_session_of_keras(work: Callable[[], Any]) -> Any:
    with keras.backend.get_session().graph.as_default():
        return work()


def within_another_thread(work: Callable[[], Any]) -> Any:
    results: list[Any] = []
    graph = tf.compat.v1.get_default_graph()

    def run() -> None:
        with graph.as_default():
            results.append(work())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return results[0]


def on_a_device(work: Callable[[], Any]) -> Any:
    with tf.device("/cpu:0"):
        return work()


AROUND = pytest.mark.parametrize(
    "around",
    [
        within_a_graph,
        within_a_session,
        within_its_graph_and_session,
        within_a_session_of_keras,
        within_another_thread,
        on_a_device,
    ],
)


@AROUND
def test_detection_is_the_same_within_anything(model, found, around):
    result = around(lambda: model.detect([IMAGE])[0])
    assert all(np.array_equal(result[key], found[key]) for key in found)


def test_model_that_was_built_within_a_graph_detects_outside_of_it(tiny_file: Path, found):
    def build() -> modellib.MaskRCNN:
        model = modellib.MaskRCNN("inference", TinyConfig(), "logs")
        model.load_weights(tiny_file, by_name=True)
        model.keras_model._make_predict_function()
        return model

    result = within_another_thread(build).detect([IMAGE])[0]
    assert np.array_equal(result["rois"], found["rois"])


def test_everything_else_works_within_a_session_too(model, found, tmp_path: Path):
    def work() -> None:
        molded, metas, _ = model.mold_inputs([IMAGE])
        assert len(model.detect_molded(molded, metas)[0]["rois"]) == len(found["rois"])
        roi = model.keras_model.get_layer("ROI").output
        outputs = [("roi", roi), ("image", model.keras_model.get_layer("input_image").output)]
        run = model.run_graph([IMAGE], outputs)
        assert run["roi"].shape == (1, 100, 4)
        anchors = model.get_anchors(molded[0].shape)[None]
        assert model.keras_model.predict([molded, metas, anchors], verbose=0)[4].shape[1] == 100
        model.keras_model.save_weights(tmp_path / "saved.h5")
        model.keras_model.load_weights(tmp_path / "saved.h5")
        model.keras_model.set_weights(model.keras_model.get_weights())
        model.set_trainable("mrcnn_.*", verbose=0)

    within_a_session(work)


def test_cleared_session_takes_nothing_from_a_model(model, found):
    keras.backend.clear_session()
    assert np.array_equal(model.detect([IMAGE])[0]["rois"], found["rois"])
    run = model.run_graph([IMAGE], [("p2", model.keras_model.get_layer("fpn_p2").output)])
    assert run["p2"].shape == (1, 32, 32, 16)


def test_requests_of_many_threads_get_the_same_answer(model, found):
    graph = tf.compat.v1.get_default_graph()
    results: list[dict[str, np.ndarray]] = []

    def request() -> None:
        with graph.as_default():
            results.extend(model.detect([IMAGE]))

    threads = [threading.Thread(target=request) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(np.array_equal(result["masks"], found["masks"]) for result in results)


@pytest.mark.parametrize(
    ("read", "write", "value"),
    [
        pytest.param("dtype_policy", "set_dtype_policy", "mixed_float16", id="mixed precision"),
        pytest.param("floatx", "set_floatx", "float16", id="half precision"),
        pytest.param(
            "image_data_format", "set_image_data_format", "channels_first", id="channels first"
        ),
    ],
)
def test_what_a_script_tells_keras_to_build_changes_no_model(
    tiny_file: Path, tmp_path: Path, found, *, read: str, write: str, value: str
):
    before = getattr(keras.config, read)()
    getattr(keras.config, write)(value)
    try:
        told = modellib.MaskRCNN("inference", TinyConfig(), tmp_path)
        told.load_weights(str(tiny_file), by_name=True)
        result = told.detect([IMAGE])[0]
        assert told.keras_model.inputs[0].dtype == "float32"
        after = getattr(keras.config, read)()
    finally:
        getattr(keras.config, write)(before)
    assert getattr(after, "name", after) == value
    assert np.array_equal(result["rois"], found["rois"])
    assert np.array_equal(result["masks"], found["masks"])


@pytest.mark.parametrize(
    "backend",
    ["keras.backend", "tensorflow.keras.backend", "tensorflow.compat.v1.keras.backend"],
)
def test_names_of_keras_2s_backend_do_what_they_can(backend: str):
    module = importlib.import_module(backend)
    assert module.set_session(tf.compat.v1.Session()) is None
    assert module.learning_phase() == 0
    assert module.set_learning_phase(0) is None
    assert module.manual_variable_initialization(True) is None


def test_modules_of_keras_2_are_there():
    assert importlib.import_module("keras.backend.tensorflow_backend") is keras.backend
    assert tf.compat.v1.keras.backend.set_session(None) is None
    engine = importlib.import_module("keras.engine")
    assert importlib.import_module("keras.engine.topology").Layer is engine.Layer
    assert engine.Layer is keras.layers.Layer
    assert engine.Model is keras.Model


def test_function_of_keras_2_computes_activations(model):
    keras_model = model.keras_model
    compute = keras.backend.function(keras_model.inputs, [keras_model.get_layer("fpn_p6").output])
    molded, metas, _ = model.mold_inputs([IMAGE])
    (p6,) = compute([molded, metas, model.get_anchors(molded[0].shape)[None]])
    assert isinstance(p6, np.ndarray)
    assert p6.shape == (1, 2, 2, 16)


def test_function_of_keras_2_takes_a_learning_phase_beside_the_inputs(model):
    backend, keras_model = keras.backend, model.keras_model
    outputs = [keras_model.get_layer("fpn_p6").output]
    molded, metas, _ = model.mold_inputs([IMAGE])
    values = [molded, metas, model.get_anchors(molded[0].shape)[None]]
    (expected,) = backend.function(keras_model.inputs, outputs)(values)
    compute = backend.function([*keras_model.inputs, backend.learning_phase()], outputs)
    for phase in (0, False):
        (p6,) = compute([*values, phase])
        assert np.array_equal(p6, expected)
    with pytest.raises(ValueError, match="learning phase 1"):
        compute([*values, 1])
    with pytest.raises(ValueError, match="3 values for 4 inputs"):
        compute(values)


def test_one_thread_that_is_done_leaves_the_others_their_shapes():
    first, second = eagerly(), eagerly()
    tf.compat.v1.disable_v2_tensorshape()
    try:
        with first:
            second.__enter__()
        assert isinstance(tf.TensorShape([1])[0], int)
        second.__exit__(None, None, None)
        assert not isinstance(tf.TensorShape([1])[0], int)
    finally:
        tf.compat.v1.enable_v2_tensorshape()


def test_tensorflow_function_on_anything_else_fails_as_ever():
    with pytest.raises(ValueError, match="unsupported type"):
        tf.identity(object())
