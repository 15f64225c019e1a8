"""Writes the whole graph as ONNX Runtime reads it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import onnx
from onnx import helper

from mrcnn.config import Config
from mrcnn.exporting.answers import Masks
from mrcnn.exporting.graph import whole
from mrcnn.exporting.onnx_translation import translated
from mrcnn.forms import Form
from mrcnn.programs.openvino.program import graph_of, read_graph
from mrcnn.weights import WeightFile

#: What its sides are called; those that are not free have their numbers.
_SIDES = {
    "picture": ("batch", "height", "width", "channels"),
    "boxes": ("batch", "instances", "corners"),
    "classes": ("batch", "instances"),
    "scores": ("batch", "instances"),
    "masks": ("batch", "instances", "height", "width"),
}


def write(
    file: WeightFile,
    config: Config,
    form: Form | None,
    folder: Path,
    labels: Sequence[str],
    *,
    least: float,
    masks: Masks,
) -> None:
    """Write `model.onnx`; raises WeightFileError, FormError, ExportError, or OSError.

    The labels are in it under `labels` of its metadata, as JSON.
    """
    model = graph_of(file, config) if form is None else read_graph(form)
    model = whole(model, file.architecture, config, least=least, masks=masks)
    written = translated(model, _SIDES)
    del model
    helper.set_model_props(written, {"labels": json.dumps(list(labels))})
    data = written.SerializeToString()
    del written
    onnx.checker.check_model(data, full_check=True)
    (folder / "model.onnx").write_bytes(data)
