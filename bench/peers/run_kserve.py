"""A peer: KServe's Python server, with a `Model` for each of the two."""

import json
import os
from typing import Any

from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer


def _models() -> Any:
    """Return what loads the models, at the first request.

    With several workers KServe starts processes anew and sends them each `Model`: what TensorFlow
    has loaded cannot be sent. And one that says nothing for 5 s, as while it imports TensorFlow,
    is ended and started again.
    """
    from bench.peers import models

    return models


class _Loaded(Model):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.ready = True


class Iris(_Loaded):
    def predict(
        self, payload: dict[str, Any] | InferRequest, *_: object, **__: object
    ) -> dict[str, Any] | InferResponse:
        if isinstance(payload, dict):
            return {"predictions": _models().iris().rows(payload["instances"])}
        columns = {tensor.name: tensor.as_numpy() for tensor in payload.inputs}
        outputs = []
        for name, values in _models().iris().columns(columns).items():
            kind = "FP64" if name == "species_probs" else "BYTES"
            shape = [len(values), len(values[0])]
            outputs.append(InferOutput(name, shape, kind, [one for row in values for one in row]))
        return InferResponse(payload.id or "", self.name, outputs)


class Fashion(_Loaded):
    def predict(
        self, payload: dict[str, Any] | InferRequest, *_: object, **__: object
    ) -> dict[str, Any] | InferResponse:
        if isinstance(payload, dict):
            return {"predictions": _models().fashion().rows(payload["instances"])}
        found = _models().fashion().files([payload.inputs[0].as_numpy().tobytes()])
        answers = [json.dumps(one) for one in found]
        output = InferOutput("predictions", [len(answers)], "BYTES", answers)
        return InferResponse(payload.id or "", self.name, [output])


if __name__ == "__main__":
    ModelServer(
        http_port=int(os.environ["PORT"]), workers=int(os.environ["WORKERS"]), enable_grpc=False
    ).start([Iris("iris"), Fashion("fashion")])
