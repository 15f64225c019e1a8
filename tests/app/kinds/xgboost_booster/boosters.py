"""Trains small boosters of XGBoost, writes them as BigQuery ML does, and asks them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from flask.testing import FlaskClient

CITIES = ("_null_filler", "bern", "rome")


def ask(client: FlaskClient, model: str, instances: Sequence[Any]) -> list[Any]:
    """Return what TensorFlow Serving's protocol gives for instances."""
    response = client.post(f"/v1/models/{model}:predict", json={"instances": instances})
    assert response.status_code == 200, response.get_json()
    return response.get_json()["predictions"]


def refusal(client: FlaskClient, model: str, instance: Any) -> str:
    """Return why an instance is refused."""
    response = client.post(f"/v1/models/{model}:predict", json={"instances": [instance]})
    assert response.status_code == 400, response.get_json()
    return response.get_json()["error"]


def state(client: FlaskClient, model: str) -> Mapping[str, Any]:
    """Return what `/models` says of the only version of a model."""
    (version,) = client.get(f"/models/{model}").get_json()["versions"]
    return version


def trained(columns: int = 2, names: Sequence[str] | None = None, **parameters: Any) -> Any:
    """Return a booster whose value goes up with its first column."""
    rows = np.random.default_rng(0).uniform(0, 10, (200, columns))
    given = {"max_depth": 2, "nthread": 1, "verbosity": 0, **parameters}
    classes = given.get("num_class", 2 if "logistic" in given.get("objective", "") else 0)
    wanted = rows[:, 0] // (10.01 / classes) if classes else rows[:, 0]
    matrix = xgboost.DMatrix(rows, wanted, feature_names=names and list(names))
    return xgboost.train(given, matrix, 5)


def write(folder: Path, booster: Any, *, raw_format: str = "ubj", name: str = "model.bst") -> Path:
    """Write a booster in one of XGBoost's formats; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with xgboost.config_context(verbosity=0):  # It warns of its old format, as a warning of Python.
        (folder / name).write_bytes(booster.save_raw(raw_format=raw_format))
    return folder


def export(folder: Path, booster: Any, features: Mapping[str, str], **metadata: Any) -> Path:
    """Write a regressor as BigQuery ML exports it, with each feature's encoding."""
    write(folder, booster, raw_format="deprecated")
    told = {
        "model_type": "boosted_tree_regressor",
        "label_col": "price",
        "feature_names": list(features),
        "features": {name: {"encode_type": one} if one else {} for name, one in features.items()},
        **metadata,
    }
    (folder / "assets").mkdir()
    (folder / "assets" / "model_metadata.json").write_text(json.dumps(told))
    for index, encoding in enumerate(features.values()):
        if encoding:
            text = "".join(f"{city}\n" for city in CITIES)
            (folder / "assets" / f"{index}_{encoding}.txt").write_text(text)
    return folder
