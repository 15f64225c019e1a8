"""Writes the whole graph as OpenVINO reads it, in float32 or with the layers in eight bits."""

from __future__ import annotations

import errno
import json
from collections.abc import Sequence
from pathlib import Path

import openvino as ov

from mrcnn.config import Config
from mrcnn.exporting.answers import Masks
from mrcnn.exporting.graph import whole
from mrcnn.forms import Form
from mrcnn.programs.openvino.program import graph_of, read_graph
from mrcnn.weights import WeightFile


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
    """Write `model.xml` and `model.bin`; raises WeightFileError, FormError, or OSError.

    The labels are in it under `labels` of its runtime information, as JSON.
    """
    model = graph_of(file, config) if form is None else read_graph(form)
    model = whole(model, file.architecture, config, least=least, masks=masks)
    model.set_rt_info(json.dumps(list(labels)), "labels")
    try:
        ov.save_model(model, folder / "model.xml", compress_to_fp16=False)
    except RuntimeError as error:  # it does not say which
        reason = "the graph cannot be written there; is the disk full?"
        raise OSError(errno.EIO, reason, str(folder)) from error
