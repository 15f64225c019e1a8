"""Models that BigQuery ML exported give the numbers that it gives (public files of Google's)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.kinds.kind import InputError, LoadedModel, ModelError
from tests.app.kinds.saved_model.saved_models import ask, load
from tests.parts import absent

CUSTOM = "linear_reg_model_custom_op"


@pytest.fixture(scope="module")
def exports(data: Path) -> Path:
    folder = data / "public" / "bqml"
    return folder if folder.is_dir() else absent("public/bqml is not in the folder of data")


@pytest.fixture(scope="module")
def expected(exports: Path) -> dict[str, Any]:
    return json.loads((exports / "expected.json").read_text())


def _is_same(found: Any, wanted: Any) -> bool:
    if found.dtype == object:
        return [one.decode() for one in found.ravel()] == list(np.ravel(wanted))
    return bool(np.allclose(found, wanted, rtol=1e-5, atol=1e-7))


@pytest.mark.parametrize("name", ["linear_reg_model", "dnn_classifier_model"])
def test_raw_columns_go_through_the_transform_and_the_model(exports, expected, name: str):
    wanted = expected[name]
    answers = ask(load(exports / name), wanted["raw_instances"], signature=wanted["signature"])
    assert len(answers) == 2
    for output, values in wanted["output"].items():
        for answer, value in zip(answers, values, strict=True):
            assert _is_same(answer[output], value), output


@pytest.mark.parametrize("name", ["linear_reg_model", "dnn_classifier_model"])
def test_without_its_transform_a_model_takes_columns_that_are_transformed(
    exports, expected, name: str
):
    wanted = expected[name]
    columns = wanted["transform_output"]
    instances = [{key: values[row] for key, values in columns.items()} for row in range(2)]
    answers = ask(load(exports / name, transform=False), instances, signature=wanted["signature"])
    for output, values in wanted["output"].items():
        assert all(_is_same(one[output], value) for one, value in zip(answers, values, strict=True))


def test_an_op_of_the_transform_that_tensorflow_lacks_is_named_with_the_way_out(exports):
    with pytest.raises(ModelError) as refused:
        load(exports / CUSTOM)
    assert str(refused.value) == (
        "transform/saved_model.pb uses the op ExtractFromTimestamp, which TensorFlow does not "
        "have; export the model without it, or serve the main model alone: `transform: false` in "
        "model.yaml, with columns that are transformed already"
    )


def test_the_main_model_serves_where_its_transform_cannot(exports, expected):
    wanted = expected[f"{CUSTOM} (model only, no transform)"]
    model = load(exports / CUSTOM, transform=False, allow_unseen=True)
    (answer,) = ask(model, wanted["instances"])
    assert _is_same(answer["predicted_label"], wanted["output"]["predicted_label"][0])


def test_a_column_of_truths_is_held_to_those_that_the_training_saw(exports, expected):
    model = load(exports / CUSTOM, transform=False)
    instances = expected[f"{CUSTOM} (model only, no transform)"]["instances"]
    with pytest.raises(InputError, match="t_bool_ is 'true', which the model has never seen"):
        ask(model, instances)


@pytest.fixture(scope="module")
def linear(exports) -> LoadedModel:
    return load(exports / "linear_reg_model")


@pytest.mark.parametrize(
    "value", [pytest.param("zzz", id="never seen"), pytest.param("", id="empty")]
)
def test_a_category_that_the_training_never_saw_is_named_in_place_of_an_absurd_number(
    linear, value: str
):
    with pytest.raises(InputError) as refused:
        ask(linear, [{"f1": 1, "f2": 2.5, "f3": value}])
    assert str(refused.value) == (
        f"f3 is '{value}', which the model has never seen; allowed are 'ccc', 'aaa', 'ddd', "
        f"'eee', 'bbb'"
    )


def test_each_value_of_a_list_is_held_to_its_vocabulary(exports):
    model = load(exports / "dnn_classifier_model")
    known = {"f1": 1.0, "f2": 2.5, "f3": "aaa"}
    assert ask(model, [{**known, "f4": ["aaa", "noise1"]}])
    with pytest.raises(InputError, match="f4 is 'noise9', which the model has never seen"):
        ask(model, [{**known, "f4": ["aaa", "noise9"]}])


def test_raw_columns_are_told_with_their_own_types_and_the_categories_of_what_becomes_of_them(
    linear,
):
    f1, f2, f3 = linear.facts["signatures"]["serving_default"]["inputs"]
    assert (f1["dtype"], f2["dtype"]) == ("int64", "float64")
    assert f3["categories"] == ["ccc", "aaa", "ddd", "eee", "bbb"]


def test_an_iris_is_told_by_its_leaves_with_labels_in_the_models_own_order(exports):
    model = load(exports / "SYNTHETIC_logistic_iris_same_signature")
    flower = {"sepal_length": 5.0, "sepal_width": 2.0, "petal_length": 3.5, "petal_width": 1.0}
    (answer,) = ask(model, [flower])
    assert answer["predicted_species"].tolist() == [b"versicolor"]
    assert answer["species_values"].tolist() == [b"virginica", b"versicolor", b"setosa"]
    assert answer["species_probs"].argmax() == 1
