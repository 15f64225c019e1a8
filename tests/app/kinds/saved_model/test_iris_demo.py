"""The iris demo is what BigQuery ML would export, and what its script writes again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tensorflow.core.protobuf import saved_model_pb2

from app.kinds.kind import LoadedModel
from app.kinds.saved_model import train_iris
from tests.app.kinds.saved_model.saved_models import ask, load

FLOWER = {"sepal_length": 5.0, "sepal_width": 2.0, "petal_length": 3.5, "petal_width": 1.0}


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return root / "models" / "iris" / "1"


@pytest.fixture(scope="module")
def demo(folder: Path) -> LoadedModel:
    return load(folder)


def test_the_tutorials_flower_is_a_versicolor(demo):
    (answer,) = ask(demo, [FLOWER])
    assert answer["predicted_species"].tolist() == [b"versicolor"]
    best = answer["species_values"][answer["species_probs"].argmax()]
    assert best == b"versicolor"
    assert answer["species_probs"].sum() == pytest.approx(1)


def test_the_demo_has_bigquery_mls_names_types_and_shapes(demo, folder):
    signature = demo.facts["signatures"]["serving_default"]
    told = {one["name"]: (one["dtype"], one["shape"]) for one in signature["outputs"]}
    assert [(one["name"], one["dtype"], one["shape"]) for one in signature["inputs"]] == [
        (name, "float64", []) for name in sorted(train_iris.COLUMNS)
    ]
    assert told == {
        "predicted_species": ("bytes", [1]),
        "species_probs": ("float64", [3]),
        "species_values": ("bytes", [3]),
    }
    file = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    (graph,) = file.meta_graphs
    assert not graph.object_graph_def.nodes
    assert graph.signature_def["serving_default"].method_name == "tensorflow/serving/predict"


def test_training_again_gives_the_same_model(demo, tmp_path: Path):
    train_iris.export(train_iris.train(*train_iris.flowers()), tmp_path / "1")
    again, measures = load(tmp_path / "1"), train_iris.flowers()[0]
    rows = [dict(zip(train_iris.COLUMNS, row, strict=True)) for row in measures[::7]]
    for one, other in zip(ask(demo, rows), ask(again, rows), strict=True):
        assert np.allclose(one["species_probs"], other["species_probs"], atol=1e-9)


def test_the_demos_evaluation_is_that_of_its_script(folder):
    told = json.loads((folder / "evaluation.json").read_text())
    assert told == train_iris.evaluate()
    assert told["accuracy"] >= 0.97
