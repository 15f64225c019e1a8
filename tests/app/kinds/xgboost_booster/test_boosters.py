"""The kind `xgboost_booster`: boosters of any format, with or without BigQuery ML's columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xgboost
from flask.testing import FlaskClient

from app.kinds.kind import ModelError, ModelSource
from app.kinds.xgboost_booster import XgboostBooster
from tests.app.api.test_protocols import serving
from tests.app.kinds.xgboost_booster.boosters import (
    ask,
    export,
    refusal,
    state,
    trained,
    write,
)

#: Numbers of a column that each format has to give the same answer for.
ROWS = [[1.0, 2.0], [9.0, 2.0]]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with a booster of every sort, each a model of its own."""
    folder = tmp_path_factory.mktemp("models")
    for raw_format in ("deprecated", "json", "ubj"):
        write(folder / raw_format / "1", trained(), raw_format=raw_format)
    write(folder / "named" / "1", trained(names=["age", "height"]), name="model.ubj")
    write(folder / "linear" / "1", trained(booster="gblinear"))
    write(folder / "binary" / "1", trained(objective="binary:logistic"))
    (folder / "binary" / "1" / "labels.txt").write_text("low\nhigh\n")
    write(folder / "several" / "1", trained(objective="multi:softprob", num_class=3))
    export(folder / "houses" / "1", trained(4), {"rooms": "", "city": "categorical_one_hot"})
    return folder


@pytest.fixture(scope="module")
def client(models: Path) -> Iterator[FlaskClient]:
    yield from serving(models)


@pytest.mark.parametrize("name", ["deprecated", "json", "ubj"])
def test_a_booster_answers_alike_from_every_format(client, name: str):
    wanted = trained().predict(xgboost.DMatrix(np.array(ROWS)))
    assert ask(client, name, ROWS) == pytest.approx(wanted.tolist(), abs=1e-6)


def test_names_that_the_booster_knows_are_those_of_its_inputs(client):
    low, high = ask(client, "named", [{"age": one, "height": 2} for one in (1, 9)])
    assert low < 3 < 7 < high
    assert "there is no such input; there are `age`, `height`" in refusal(
        client, "named", {"weight": 1}
    )


def test_a_column_that_is_left_out_or_null_is_missing_as_xgboost_has_it(client):
    rows = np.array([[9.0, np.nan], [np.nan, 2.0]])
    wanted = trained(names=["age", "height"]).predict(
        xgboost.DMatrix(rows, feature_names=["age", "height"])
    )
    found = ask(client, "named", [{"age": 9, "height": None}, {"height": 2}])
    assert found == pytest.approx(wanted.tolist(), abs=1e-6)
    assert "every column is left out" in refusal(client, "named", {})


def test_a_linear_booster_is_served(client):
    low, high = ask(client, "linear", ROWS)
    assert low < high


def test_labels_make_a_booster_of_two_classes_name_them(client):
    low, high = ask(client, "binary", ROWS)
    assert (low["predicted_label"], high["predicted_label"]) == ("low", "high")
    assert low["label_values"] == ["low", "high"]
    assert sum(low["label_probs"]) == pytest.approx(1)


def test_without_labels_the_numbers_come_as_the_booster_gives_them(client):
    (found,) = ask(client, "several", ROWS[:1])
    assert np.argmax(found) == 0
    assert sum(found) == pytest.approx(1, abs=1e-6)


def test_a_column_of_categories_is_encoded_by_its_vocabulary(client, models):
    rows = np.array([[8.0, np.nan, np.nan, 1.0]])
    wanted = trained(4).predict(xgboost.DMatrix(rows))
    assert ask(client, "houses", [{"rooms": 8, "city": "rome"}]) == pytest.approx(wanted, abs=1e-6)
    told = state(client, "houses")
    inputs = told["signatures"]["serving_default"]["inputs"]
    assert [one.get("categories") for one in inputs] == [None, ["_null_filler", "bern", "rome"]]
    assert told["model_type"] == "boosted_tree_regressor"


def test_an_inspection_tells_of_trees_and_columns(models):
    told = XgboostBooster().inspect(models / "houses" / "1")
    assert dict(told.facts)["objective"] == "reg:squarederror"
    assert ("city", "categorical_one_hot", "3") in told.parts


def load(folder: Path, labels: tuple[str, ...] | None = None) -> None:
    XgboostBooster().load(ModelSource("m", 1, folder, folder, labels=labels))


def test_labels_that_do_not_fit_are_refused(tmp_path: Path):
    folder = write(tmp_path / "1", trained(objective="multi:softprob", num_class=3))
    with pytest.raises(ModelError, match=r"2 classes are named; model.bst tells 3 apart"):
        load(folder, ("a", "b"))
    with pytest.raises(ModelError, match="reg:squarederror, which gives no score a class"):
        load(write(tmp_path / "2", trained()), ("a", "b"))
    with pytest.raises(ModelError, match="labels are given, which nothing reads"):
        load(export(tmp_path / "3", trained(1), {"rooms": ""}), ("a", "b"))


def test_where_xgboost_is_not_installed_it_is_said_how_to_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError) as refused:
        load(write(tmp_path / "1", trained()))
    assert str(refused.value) == (
        "model.bst needs XGBoost, which is not installed: ./setup.sh xgboost installs it, "
        "docker build --build-arg XGBOOST=yes makes an image with it"
    )


def test_an_xgboost_without_the_binary_format_says_how_to_save_it_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = write(tmp_path / "1", trained(), raw_format="deprecated")
    path = folder / "model.bst"
    path.write_bytes(path.read_bytes()[:-40])  # None of its versions reads it.
    monkeypatch.setattr("xgboost.__version__", "3.2.0")
    with pytest.raises(ModelError) as refused:
        load(folder)
    assert str(refused.value) == (
        "model.bst is in XGBoost's binary format, which xgboost 3.2.0 does not read: ./setup.sh "
        "xgboost installs one that does, or save it anew with xgboost 3.0: "
        "xgboost.Booster(model_file='model.bst').save_model('model.ubj')"
    )
