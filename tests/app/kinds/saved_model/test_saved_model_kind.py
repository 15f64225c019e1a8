"""The kind `saved_model`: recognised, its signatures chosen and told, batches run and split."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from app.kinds.kind import InputError, LoadedModel, ModelError, ModelSource
from app.kinds.saved_model import SavedModel
from tests.app.kinds.saved_model.saved_models import V1, ask, doubler, load, write


def test_a_folder_with_a_graph_in_it_is_recognised(tmp_path: Path):
    folder = write(tmp_path / "1", doubler)
    assert SavedModel().recognises(folder)
    assert not SavedModel().recognises(folder / "saved_model.pb")
    assert not SavedModel().recognises(folder / "variables")
    assert not SavedModel().recognises(tmp_path / "absent")


def test_what_serves_is_found_where_a_request_names_no_signature(tmp_path: Path):
    only = load(write(tmp_path / "only", doubler, name="any"))
    assert only.facts["default_signature"] == "any"
    predict = load(write(tmp_path / "predict", doubler, name="predict"))
    assert predict.facts["default_signature"] == "predict"


def test_of_several_signatures_one_has_to_be_named(tmp_path: Path):
    two = {"one": _tripled, "two": _halved}
    module = tf.Module()
    tf.saved_model.save(module, str(tmp_path / "1"), signatures=two)
    with pytest.raises(
        ModelError, match=r"several signatures, one, two: name one in model.yaml, `signature: one`"
    ):
        load(tmp_path / "1")
    with pytest.raises(ModelError, match=r"signature is 'three'; saved_model.pb has one, two"):
        load(tmp_path / "1", signature="three")
    model = load(tmp_path / "1", signature="two")
    assert ask(model, [{"x": 3.0}])[0]["y"] == 1.5
    assert ask(model, [{"x": 3.0}], signature="one")[0]["y"] == 9.0


@tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
def _tripled(x: Any) -> Any:
    return {"y": x * 3}


@tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
def _halved(x: Any) -> Any:
    return {"y": x / 2}


def test_labels_that_nobody_would_read_are_refused(tmp_path: Path):
    folder = write(tmp_path / "1", doubler)
    source = ModelSource("m", 1, folder, folder, labels=("a", "b"))
    with pytest.raises(ModelError, match="labels are given, which nothing reads"):
        SavedModel().examine(source)


def test_an_inspection_tells_what_goes_in_and_comes_out(tmp_path: Path):
    told = SavedModel().inspect(write(tmp_path / "1", doubler))
    assert dict(told.facts)["TensorFlow"] == tf.__version__
    assert ("serving_default", "in", "x", "float32", "[None]") in told.parts
    assert ("serving_default", "out", "y", "float32", "[None]") in told.parts


def test_instances_of_equal_shapes_share_a_run_and_get_their_own_rows(tmp_path: Path):
    def build() -> Any:
        given = V1.placeholder(tf.float32, [None, None])
        return {"x": given}, {"sum": tf.reduce_sum(given, 1), "x": tf.identity(given)}

    model = load(write(tmp_path / "1", build))
    short, long = np.ones(2, np.float32), np.ones(3, np.float32)
    keys = [model.together({"x": one}, {}) for one in (short, short * 2, long)]
    assert keys[0] == keys[1] != keys[2]
    first, second = model.predict([{"x": short}, {"x": short * 2}], [{}, {}])
    assert (first["sum"], second["sum"]) == (2, 4)
    assert second["x"].tolist() == [2, 2]


def test_an_output_of_the_whole_batch_keeps_instances_apart(tmp_path: Path):
    def build() -> Any:
        given = V1.placeholder(tf.float32, [None])
        return {"x": given}, {"mean": tf.reduce_mean(given), "x": tf.identity(given)}

    model = load(write(tmp_path / "1", build))
    assert model.together({"x": np.float32(1)}, {}) is None
    answers = ask(model, [{"x": 1.0}, {"x": 3.0}])
    assert [float(one["mean"]) for one in answers] == [1, 3]


def test_models_whose_variables_have_the_same_names_stay_apart(tmp_path: Path):
    def tripler() -> Any:
        given = V1.placeholder(tf.float32, [None])
        return {"x": given}, {"y": given * V1.get_variable("factor", initializer=3.0)}

    two, three = (load(write(tmp_path / one.__name__, one)) for one in (doubler, tripler))
    assert [ask(model, [{"x": 1.0}])[0]["y"] for model in (two, three, two)] == [2, 3, 2]


def test_a_loop_of_tensorflow_1_runs(tmp_path: Path):
    def build() -> Any:
        given = V1.placeholder(tf.float32, [None])
        V1.disable_control_flow_v2()
        try:
            _, doubled = V1.while_loop(
                lambda index, _: index < 3,
                lambda index, value: (index + 1, value * 2),
                [tf.constant(0), given],
            )
        finally:
            V1.enable_control_flow_v2()
        return {"x": given}, {"y": doubled}

    (answer,) = ask(load(write(tmp_path / "1", build)), [{"x": 1.0}])
    assert answer["y"] == 8


def test_a_graph_without_a_batch_takes_whole_arrays(tmp_path: Path):
    def build() -> Any:
        given = V1.placeholder(tf.float32, [2, 2])
        return {"x": given}, {"y": tf.transpose(given)}

    model = load(write(tmp_path / "1", build))
    assert model.facts["signatures"]["serving_default"]["inputs"][0]["shape"] == [2, 2]
    assert model.together({"x": np.zeros((2, 2), np.float32)}, {}) is None
    (answer,) = ask(model, [{"x": [[1, 2], [3, 4]]}])
    assert answer["y"].tolist() == [[1, 3], [2, 4]]


def test_an_input_with_a_value_of_its_own_may_be_left_out(tmp_path: Path):
    def build() -> Any:
        given = V1.placeholder(tf.float32, [None])
        factor = V1.placeholder_with_default(np.array([10], np.float32), [None])
        return {"x": given, "factor": factor}, {"y": given * factor}

    model = load(write(tmp_path / "1", build))
    inputs = model.facts["signatures"]["serving_default"]["inputs"]
    assert [one["name"] for one in inputs if one.get("is_optional")] == ["factor"]
    assert ask(model, [{"x": 2.0}])[0]["y"] == 20
    assert ask(model, [{"x": 2.0, "factor": 3.0}])[0]["y"] == 6


class Looker(tf.Module):
    """Decodes pictures in a loop, as exports of classifiers do."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")])
    def __call__(self, files: Any) -> Any:
        def mean(file: Any) -> Any:
            return tf.reduce_mean(tf.cast(tf.io.decode_png(file, channels=3), tf.float32))

        return {"mean": tf.map_fn(mean, files, fn_output_signature=tf.float32)}


@pytest.fixture(scope="module")
def looker(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    module, folder = Looker(), tmp_path_factory.mktemp("looker")
    tf.saved_model.save(module, str(folder), signatures=module.__call__)
    return load(folder)


def _png(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (30, 60, 90)).save(buffer, "PNG")
    return buffer.getvalue()


def test_text_that_the_graph_decodes_is_a_picture(looker):
    (told,) = looker.facts["signatures"]["serving_default"]["inputs"]
    assert (told["role"], told["dtype"], told["shape"]) == ("picture", "bytes", [])
    assert ask(looker, [{"image_bytes": _png(4, 4)}])[0]["mean"] == 60


@pytest.mark.parametrize(
    ("file", "told"),
    [
        pytest.param(b"no picture", "image_bytes is no picture that the model can", id="text"),
        pytest.param(_png(4, 4)[:20], "image_bytes: ", id="cut"),
        pytest.param(_png(9000, 9000), "image_bytes: .* has 81,000,000 pixels", id="too large"),
    ],
)
def test_what_the_graph_would_not_decode_is_refused_before(looker, file: bytes, told: str):
    with pytest.raises(InputError, match=told):
        ask(looker, [{"image_bytes": file}])


def _looked_up(keys: list[str], *, default: int, buckets: int) -> Any:
    def build() -> Any:
        given = V1.placeholder(tf.string, [None])
        values = tf.range(len(keys), dtype=tf.int64)
        initializer = tf.lookup.KeyValueTensorInitializer(tf.constant(keys), values)
        table: Any = tf.lookup.StaticHashTable(initializer, default)
        if buckets:
            table = tf.lookup.StaticVocabularyTable(initializer, buckets)
        return {"word": given}, {"id": table.lookup(given)}

    return build


def test_a_vocabulary_that_is_a_constant_of_the_graph_holds_too(tmp_path: Path):
    build = _looked_up(["red", "blue"], default=-1, buckets=0)
    model = load(write(tmp_path / "1", build))
    assert ask(model, [{"word": "blue"}])[0]["id"] == 1
    with pytest.raises(InputError, match=r"word is 'green', .* allowed are 'red', 'blue'"):
        ask(model, [{"word": "green"}])


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(_looked_up(["red", "blue"], default=0, buckets=0), id="a class of its own"),
        pytest.param(_looked_up(["red", "blue"], default=-1, buckets=1), id="a bucket"),
    ],
)
def test_a_model_that_has_a_place_for_unknown_values_takes_them(tmp_path: Path, build):
    model = load(write(tmp_path / "1", build))
    assert ask(model, [{"word": "green"}])[0]["id"] in (0, 2)


def test_a_refusal_names_ten_of_many_categories(tmp_path: Path):
    words = [f"w{number}" for number in range(1200)]
    model = load(write(tmp_path / "1", _looked_up(words, default=-1, buckets=0)))
    with pytest.raises(InputError, match=r"allowed are 'w0', .*'w9' and 1,190 more$"):
        ask(model, [{"word": "none"}])


def _transformer(*, change: bool) -> Any:
    def build() -> Any:
        given = V1.placeholder(tf.string, [None])
        word = tf.strings.lower(given) if change else tf.identity(given)
        return {"raw": given}, {"word": word}

    return build


def test_categories_that_the_transform_makes_are_held_to_the_vocabulary(tmp_path: Path):
    build = _looked_up(["red", "blue"], default=-1, buckets=0)
    folder = write(tmp_path / "1", build)
    write(folder / "transform", _transformer(change=True))
    model = load(folder)
    (told,) = model.facts["signatures"]["serving_default"]["inputs"]
    assert (told["name"], "categories" in told) == ("raw", False)
    assert ask(model, [{"raw": "BLUE"}])[0]["id"] == 1
    with pytest.raises(InputError, match="word, which transform/ makes, is 'green'"):
        ask(model, [{"raw": "GREEN"}])


def test_numbers_of_types_that_json_has_no_form_for_are_refused(tmp_path: Path):
    def build() -> Any:
        given = V1.placeholder(tf.complex64, [None])
        return {"x": given}, {"y": tf.math.real(given)}

    with pytest.raises(ModelError, match="serving_default: x is of the type complex64"):
        load(write(tmp_path / "1", build))
