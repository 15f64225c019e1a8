"""Answers of the Open Inference Protocol: metadata, and tensors as JSON or as bytes behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.api.contract.document import VERSION
from app.api.exchange import Answer
from app.api.problems import ProblemError
from app.api.signatures import Declared, Served, served, takes_values
from app.api.v2 import pictures
from app.api.v2.datatypes import bytes_of, name_of
from app.api.v2.reading import HEADER, SIZE, Infer
from app.kinds.arrays import json_of
from app.serving.client import Chosen, ModelStatus

Tensors = dict[str, NDArray[Any]]

#: What the server has of the protocol beside its least.
EXTENSIONS = ["binary_tensor_data", "model_repository"]

_STATES = {
    "loading": "LOADING",
    "ready": "READY",
    "failed": "UNAVAILABLE",
    "unloaded": "UNAVAILABLE",
}


def server() -> dict[str, Any]:
    """Return what the server is."""
    return {"name": "slipway", "version": VERSION, "extensions": EXTENSIONS}


def index(models: Sequence[ModelStatus]) -> list[dict[str, str]]:
    """Return how far each version has come; one without a number has none."""
    return [
        {
            "name": one.name,
            **({"version": str(one.version)} if one.version else {}),
            "state": _STATES[one.state],
            "reason": one.error or ("unloaded" if one.state == "unloaded" else ""),
        }
        for one in models
    ]


def model(chosen: Chosen, versions: Sequence[ModelStatus]) -> dict[str, Any]:
    """Return what a model is."""
    signature = pictures.declared(chosen) or served(chosen)
    kind = next((one.kind for one in versions if one.version == chosen.version), None)
    return {
        "name": chosen.model,
        "versions": [str(one.version) for one in versions if one.state == "ready"],
        "platform": kind or "",
        "inputs": [_metadata(signature, one) for one in signature.inputs],
        "outputs": [_metadata(signature, one) for one in signature.outputs],
    }


def wanted_outputs(sent: Infer, chosen: Chosen) -> Mapping[str, bool]:
    """Return which outputs the answer has, and which of them as bytes; raises ProblemError.

    It has all, where they are not known before.
    """
    there = [one["name"] for one in (pictures.declared(chosen) or served(chosen)).outputs]
    if sent.outputs is None:
        return dict.fromkeys(there, sent.is_binary)
    for name in sent.outputs:
        if name not in there:
            detail = f"there is no output {name!r} of model {chosen.model!r}; there are "
            raise ProblemError("invalid-input", detail + ", ".join(there))
    return sent.outputs


def joined(made: Sequence[Tensors], chosen: Chosen) -> Tensors:
    """Return the tensors of all instances as those of one batch; raises ProblemError."""
    if not takes_values(chosen.facts):
        return pictures.joined(made, chosen.face)
    if not served(chosen).is_batched:
        return made[0]
    try:
        return {name: np.stack([one[name] for one in made]) for name in made[0]}
    except ValueError:
        detail = "the instances' outputs are of different shapes: ask one by one"
        raise ProblemError("invalid-input", detail) from None


def response(chosen: Chosen, sent: Infer, tensors: Tensors, wanted: Mapping[str, bool]) -> Answer:
    """Return the answer with the outputs that are wanted."""
    parts: list[bytes] = []
    outputs = []
    wanted = wanted or dict.fromkeys(tensors, sent.is_binary)
    for name, is_binary in wanted.items():
        array = tensors[name]
        output: dict[str, Any] = {
            "name": name,
            "datatype": name_of(array.dtype.name),
            "shape": [*array.shape],
        }
        if is_binary:
            parts.append(bytes_of(array))
            output["parameters"] = {SIZE: len(parts[-1])}
        else:
            output["data"] = json_of(array.reshape(-1))
        outputs.append(output)
    document = {
        "model_name": chosen.model,
        "model_version": str(chosen.version),
        **({} if sent.id is None else {"id": sent.id}),
        "outputs": outputs,
    }
    text = json.dumps(document).encode()
    if not any(wanted.values()):
        return Answer(text + b"\n")
    headers = {HEADER: str(len(text))}
    return Answer(b"".join((text, *parts)), "application/octet-stream", headers)


def _metadata(signature: Served, declared: Declared) -> dict[str, Any]:
    return {
        "name": declared["name"],
        "datatype": name_of(declared["dtype"]),
        "shape": signature.shape(declared),
    }
