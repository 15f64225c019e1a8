"""Boosted trees and forests that BigQuery ML exported answer as Google's own predictor does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.app.api.test_protocols import serving
from tests.app.kinds.xgboost_booster.boosters import ask, refusal, state
from tests.parts import absent

pytestmark = pytest.mark.slow

#: The export with a TRANSFORM, and what its expected answers are called.
TRANSFORMED = "boosted_tree_classifier_model"
AFTER = f"{TRANSFORMED} (bqml/, after transform)"


@pytest.fixture(scope="module")
def exports(data: Path) -> Path:
    folder = data / "public" / "bqml_xgboost"
    return folder if folder.is_dir() else absent("public/bqml_xgboost is not in the folder of data")


@pytest.fixture(scope="module")
def expected(exports: Path) -> dict[str, Any]:
    return json.loads((exports / "expected.json").read_text())


@pytest.fixture(scope="module")
def client(exports: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """Return a client of a server with every export, Google's own leniency asked for."""
    models = tmp_path_factory.mktemp("models")
    for source in (one for one in exports.iterdir() if one.is_dir()):
        _copy(source, models / source.name / "1", "allow_unseen: true")
    with_transform = exports.parent / "bqml" / TRANSFORMED
    _copy(with_transform, models / "main" / "1", "allow_unseen: true\ntransform: false")
    _copy(with_transform, models / "whole" / "1", "")
    _copy(exports / TRANSFORMED, models / "strict" / "1", "")
    yield from serving(models)


def _copy(source: Path, folder: Path, options: str) -> None:
    shutil.copytree(source, folder, copy_function=shutil.copyfile)
    (folder / "model.yaml").write_text(options)


def _is_same(found: Any, wanted: Any) -> bool:
    if not isinstance(wanted, dict):
        return found == pytest.approx(wanted, abs=1e-6)
    scores = next(name for name in wanted if name.endswith("_probs"))
    others = {name: value for name, value in wanted.items() if name != scores}
    return found == {**others, scores: pytest.approx(wanted[scores], abs=1e-6)}


def test_every_export_answers_as_googles_predictor_does(client, expected):
    names = [name for name in expected if name != AFTER]
    assert len(names) == 8
    for name in names:
        answers = ask(client, name, expected[name]["instances"])
        for found, wanted in zip(answers, expected[name]["output"], strict=True):
            assert _is_same(found, wanted), name


def test_those_of_which_only_the_file_is_known_are_served_too(client, exports, expected):
    for name in {one.name for one in exports.iterdir() if one.is_dir()} - set(expected):
        assert state(client, name)["state"] == "ready", name
    told = state(client, "boosted_tree_aft_model")
    assert (told["objective"], told["columns"]) == ("survival:aft", 35)


def test_columns_that_are_transformed_already_go_to_the_trees(client, expected):
    answers = ask(client, "main", expected[AFTER]["instances"])
    for found, wanted in zip(answers, expected[AFTER]["output"], strict=True):
        assert _is_same(found, wanted)


def test_raw_columns_go_through_the_transform_first(client):
    raw = {"f1": 1, "f2": 2.5, "f3": "aaa", "f4": ["aaa", "noise1"]}
    (found,) = ask(client, "whole", [raw])
    assert found["predicted_label_cls"] == "aaa"
    assert found["label_cls_values"] == ["eee", "ddd", "ccc", "bbb", "aaa"]
    assert sum(found["label_cls_probs"]) == pytest.approx(1, abs=1e-5)
    assert "f3 is 'zzz', which the model has never seen" in refusal(
        client, "whole", {**raw, "f3": "zzz"}
    )


def test_a_category_that_the_training_never_saw_is_named(client):
    told = refusal(client, "strict", {"f1": "f", "f2": ["a"], "f3": 3})
    assert told == (
        "f1 is 'f', which the model has never seen; allowed are '_null_filler', 'a', 'b', 'c'"
    )
    told = refusal(client, "strict", {"f1": "a", "f2": ["a", "g"], "f3": 3})
    assert "f2 is 'g', which the model has never seen" in told
