"""Writes small SavedModels of TensorFlow 1's form, as BigQuery ML does, and asks models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from app.kinds.kind import LoadedModel, ModelSource
from app.kinds.saved_model import SavedModel
from app.kinds.tensors import Tensors

#: What a graph takes and gives, by names: tensors that `build` has made.
Build = Callable[[], tuple[Mapping[str, Any], Mapping[str, Any]]]
V1 = tf.compat.v1


def write(
    folder: Path, build: Build, *, name: str = "serving_default", assets: bool = False
) -> Path:
    """Write what `build` builds, with one signature; returns the folder."""
    graph = tf.Graph()
    with graph.as_default(), V1.Session(graph=graph) as session:
        inputs, outputs = build()
        session.run([V1.global_variables_initializer(), V1.tables_initializer()])
        signature = V1.saved_model.predict_signature_def(dict(inputs), dict(outputs))
        builder = V1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {name: signature},
            assets_collection=V1.get_collection(V1.GraphKeys.ASSET_FILEPATHS) if assets else None,
            main_op=V1.tables_initializer(),
        )
        builder.save()
    return folder


def doubler() -> tuple[dict[str, Any], dict[str, Any]]:
    """Build a graph that doubles a number by a variable."""
    given = V1.placeholder(tf.float32, [None], name="x")
    factor = V1.get_variable("factor", initializer=2.0)
    return {"x": given}, {"y": tf.multiply(given, factor, name="y")}


def load(folder: Path, **options: Any) -> LoadedModel:
    """Load a folder with what its `model.yaml` might say, and warm it."""
    source = ModelSource("model", 1, folder, folder, options)
    model = SavedModel().load(source)
    model.warm_up()
    return model


def ask(model: LoadedModel, instances: Sequence[Mapping[str, Any]], **asked: Any) -> list[Tensors]:
    """Return the outputs for instances of plain values, checked, in one call."""
    name = asked.get("signature") or model.facts["default_signature"]
    inputs = [_arrays(model.facts["signatures"][name]["inputs"], one) for one in instances]
    for one in inputs:
        model.check(one)
    return model.predict(inputs, [asked] * len(inputs))


def _arrays(declared: Sequence[Mapping[str, Any]], instance: Mapping[str, Any]) -> Tensors:
    dtypes = {one["name"]: one["dtype"] for one in declared}
    return {
        name: _texts(value) if dtypes[name] == "bytes" else np.array(value, dtypes[name])
        for name, value in instance.items()
    }


def _texts(value: str | bytes | list[str]) -> Any:
    if isinstance(value, list):
        return np.array([one.encode() for one in value], object)
    return np.array(value.encode() if isinstance(value, str) else value, object)
