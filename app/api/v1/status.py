"""How far models have come, and what they take and give, in TensorFlow Serving's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.api.admission import Model
from app.api.problems import ProblemError
from app.api.signatures import Declared, Served, all_served, of_pictures, takes_values
from app.serving.client import Chosen, ModelStatus

_STATES = {"loading": "LOADING", "ready": "AVAILABLE", "failed": "END", "unloaded": "END"}
_TYPES = {
    "bytes": "DT_STRING",
    "bool": "DT_BOOL",
    "float16": "DT_HALF",
    "float32": "DT_FLOAT",
    "float64": "DT_DOUBLE",
}
_METADATA = "type.googleapis.com/tensorflow.serving.SignatureDefMap"


def of(models: Sequence[ModelStatus], wanted: Model) -> dict[str, Any]:
    """Return the state of a model's versions; raises ProblemError where there is none."""
    name, version = wanted
    named = [model for model in models if model.name == name]
    found = [model for model in named if version in (None, model.version, *model.version_labels)]
    if named and not found and isinstance(version, str):
        raise unrecognised(version)
    if not found:
        which = "any versions" if version is None else f"version {version}"
        detail = f"Could not find {which} of model {name}"
        raise ProblemError("model-not-found", detail, field="model", value=name)
    found.sort(key=lambda model: model.version, reverse=True)
    return {"model_version_status": [_version(model) for model in found]}


def unrecognised(label: str) -> ProblemError:
    """Return the problem of a label that no version has."""
    detail = f"Unrecognized servable version label: {label}"
    return ProblemError("invalid-parameter", detail, field="label", value=label)


def metadata(chosen: Chosen) -> dict[str, Any]:
    """Return the signatures of a model that is ready."""
    served = [of_pictures()]
    if takes_values(chosen.facts):
        served = [*all_served(chosen.facts).values()]
    return {
        "model_spec": {
            "name": chosen.model,
            "signature_name": "",
            "version": str(chosen.version),
        },
        "metadata": {
            "signature_def": {
                "@type": _METADATA,
                "signature_def": {one.name: _signature(one) for one in served},
            }
        },
    }


def _version(model: ModelStatus) -> dict[str, Any]:
    status = {"error_code": "OK", "error_message": ""}
    if model.error is not None:
        status = {"error_code": "INTERNAL", "error_message": model.error}
    return {"version": str(model.version), "state": _STATES[model.state], "status": status}


def _signature(served: Served) -> dict[str, Any]:
    return {
        "inputs": {one["name"]: _tensor(served, one) for one in served.inputs},
        "outputs": {one["name"]: _tensor(served, one) for one in served.outputs},
        "method_name": f"tensorflow/serving/{_method(served)}",
        "defaults": {},
    }


def _tensor(served: Served, declared: Declared) -> dict[str, Any]:
    dims = [{"size": str(side), "name": ""} for side in served.shape(declared)]
    dtype = declared["dtype"]
    return {
        "dtype": _TYPES.get(dtype) or f"DT_{dtype.upper()}",
        "tensor_shape": {"dim": dims, "unknown_rank": False},
        # What it is called inside the graph is not known here, and of no use to anybody.
        "name": f"{declared['name']}:0",
    }


def _method(served: Served) -> str:
    """Return what a signature is for, by the names that TensorFlow Serving asks for."""
    outputs = {one["name"] for one in served.outputs}
    if [one["name"] for one in served.inputs] != ["inputs"]:
        return "predict"
    if outputs == {"outputs"}:
        return "regress"
    return "classify" if outputs and outputs <= {"classes", "scores"} else "predict"
