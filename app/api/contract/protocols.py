"""What the routes of the other protocols take and answer: their shapes are defined elsewhere.

TensorFlow Serving's are at https://www.tensorflow.org/tfx/serving/api_rest, those of the Open
Inference Protocol at https://github.com/kserve/open-inference-protocol.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from app.api.contract import examples, records
from app.api.contract.operation import Content, Operation
from app.api.dialects import V1, V2
from app.api.headers import PredictHeaders
from app.api.negotiation import JSON
from app.api.problems import PROBLEMS
from app.kinds.registry import faces

#: What these groups of operations are about.
TAGS = {
    "TensorFlow Serving": "Its REST API, for its clients and for those of KServe's V1.",
    "Open Inference": "The Open Inference Protocol, for clients of KServe's V2 and of Triton.",
}

_PATH = {
    "name": ("The model's name.", "street"),
    "version": ("The version.", "1"),
    "label": ("The version's label.", "stable"),
}
_OF_MODELS = ("model-not-found", "version-not-found", "invalid-parameter", "internal-error")
_OF_STATE = (*_OF_MODELS, "inference-unavailable", "bad-request", "model-not-ready")
_OF_CONTROL = ("model-control-refused", "model-load-failed")
_OF_BODIES = (
    "invalid-parameter",
    "invalid-json",
    "incomplete-body",
    "invalid-input",
    "length-required",
    "body-too-large",
    "unsupported-media-type",
    "internal-error",
)
_OF_OTHER_ROUTES = {
    "sample-not-found",
    "problem-not-found",
    "client-gone",
    *_OF_CONTROL,
    *records.PROBLEMS,
}
_OF_PREDICTIONS = (*(slug for slug in PROBLEMS if slug not in _OF_OTHER_ROUTES), "bad-request")


class ModelNames(TypedDict):
    """Every model of the repository."""

    models: list[str]


class VersionStatus(TypedDict):
    """How far one version has come."""

    version: str
    state: str
    status: dict[str, str]


class VersionStatuses(TypedDict):
    """How far a model's versions have come."""

    model_version_status: list[VersionStatus]


class Metadata(TypedDict):
    """A model's signatures, with names, types and shapes."""

    model_spec: dict[str, str]
    metadata: dict[str, Any]


class Rows(TypedDict):
    """What comes out for each of `instances`."""

    predictions: list[Any]


class Columns(TypedDict):
    """What comes out for `inputs`, as a batch."""

    outputs: Any


class Results(TypedDict):
    """A number, or labels with scores, for each of `examples`."""

    results: list[Any]


class ServerMetadata(TypedDict):
    """The server, and what it has beside the protocol's least."""

    name: str
    version: str
    extensions: list[str]


class Live(TypedDict):
    """The HTTP side works."""

    live: bool


class ServerReady(TypedDict):
    """Predictions can be made."""

    ready: bool


class ModelReady(ServerReady):
    """A model can be asked."""

    name: str


class Indexed(TypedDict):
    """How far a version of a model has come, and why it does not serve."""

    name: str
    version: NotRequired[str]
    state: Annotated[str, Field(description="`READY`, `LOADING` or `UNAVAILABLE`.")]
    reason: str


class TensorMetadata(TypedDict):
    """A tensor; -1 is any length."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(TypedDict):
    """What a model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class Tensor(TensorMetadata):
    """A tensor with its elements, in row-major order: here, or as bytes behind the JSON."""

    data: NotRequired[list[Any]]
    parameters: NotRequired[dict[str, Any]]


class Inference(TypedDict):
    """What comes out for a batch of tensors."""

    model_name: str
    model_version: str
    id: NotRequired[str]
    outputs: list[Tensor]


_v1 = partial(Operation, tag="TensorFlow Serving", path=_PATH, dialect=V1)
_v2 = partial(Operation, tag="Open Inference", path=_PATH, dialect=V2)


def _values() -> object:
    return faces()["values"].example().given


def _predictions() -> Rows:
    return {"predictions": [examples.predict_answer(faces()["values"])["outputs"]]}


def _versions() -> VersionStatuses:
    status = {"error_code": "OK", "error_message": ""}
    return {"model_version_status": [{"version": "1", "state": "AVAILABLE", "status": status}]}


def _tensor() -> Tensor:
    return {"name": "x", "datatype": "FP32", "shape": [2, 1], "data": [1.0, 2.0]}


def _inference() -> Inference:
    outputs: list[Tensor] = [{**_tensor(), "name": "y"}]
    return {"model_name": "street", "model_version": "1", "id": "42", "outputs": outputs}


def _indexed() -> list[Indexed]:
    return [{"name": "street", "version": "1", "state": "READY", "reason": ""}]


def _of_v1(name: str, answer: Operation) -> dict[str, Operation]:
    return {f"v1.{name}{place}": answer for place in ("", "_version", "_label")}


def _of_v2(name: str, answer: Operation) -> dict[str, Operation]:
    return {f"v2.{name}": answer, f"v2.{name}_version": answer}


def _json(type: Any, make: Callable[[], object] | None = None) -> tuple[Content, ...]:
    return (Content(JSON, type, {"example": make} if make else {}),)


def _examples_of(answer: str) -> Operation:
    return _v1(
        answer=answer,
        description="Features by name, of a signature that is made for it.",
        bodies=_json(dict[str, Any], lambda: {"examples": [{"x": 1.0}]}),
        contents=_json(Results),
        headers=PredictHeaders,
        answer_headers=("X-Prediction-ID",),
        problems=_OF_PREDICTIONS,
    )


_V1 = {
    "v1.list_names": _v1(
        answer="The names.",
        contents=_json(ModelNames, lambda: {"models": ["street"]}),
        problems=("inference-unavailable", "internal-error"),
    ),
    **_of_v1(
        "show_status",
        _v1(
            answer="Their states.",
            contents=_json(VersionStatuses, _versions),
            problems=_OF_STATE,
        ),
    ),
    **_of_v1(
        "show_metadata",
        _v1(answer="Its signatures.", contents=_json(Metadata), problems=_OF_STATE),
    ),
    **_of_v1(
        "predict",
        _v1(
            answer="What comes out.",
            description="Rows in `instances`, or columns in `inputs`; of another signature with "
            "`signature_name`. A picture is base64, with `parameters` as `/predict` has them.",
            bodies=_json(dict[str, Any], lambda: {"instances": [_values()]}),
            contents=_json(Rows | Columns, _predictions),
            headers=PredictHeaders,
            answer_headers=("X-Prediction-ID",),
            problems=_OF_PREDICTIONS,
        ),
    ),
    **_of_v1("classify", _examples_of("Labels with scores.")),
    **_of_v1("regress", _examples_of("A number each.")),
}
_V2 = {
    "v2.server": _v2(
        answer="The server.", contents=_json(ServerMetadata), problems=("internal-error",)
    ),
    "v2.live": _v2(answer="It lives.", contents=_json(Live), problems=("internal-error",)),
    "v2.ready": _v2(
        answer="Predictions can be made.",
        contents=_json(ServerReady),
        problems=("not-ready", "internal-error"),
    ),
    "v2.repository_index": _v2(
        answer="Each version's state.",
        description='All of them, or with `{"ready": true}` those that serve.',
        contents=_json(list[Indexed], _indexed),
        problems=(*_OF_BODIES, "inference-unavailable"),
    ),
    "v2.load_model": _v2(
        answer="It serves.",
        description="Where MODEL_CONTROL is on. A version that serves as it lies in the folder is "
        "left alone; one that fails leaves what served before. The body may be empty.",
        contents=(),
        headers=PredictHeaders,
        problems=(*_OF_BODIES, *_OF_STATE, *_OF_CONTROL),
    ),
    "v2.unload_model": _v2(
        answer="It serves no more, and whoever asked it before is answered.",
        description="Where MODEL_CONTROL is on. The body may be empty.",
        contents=(),
        headers=PredictHeaders,
        problems=(*_OF_BODIES, *_OF_STATE, "model-control-refused"),
    ),
    **_of_v2(
        "show_model",
        _v2(answer="The model.", contents=_json(ModelMetadata), problems=_OF_STATE),
    ),
    **_of_v2(
        "model_ready",
        _v2(answer="It can be asked.", contents=_json(ModelReady), problems=_OF_STATE),
    ),
    **_of_v2(
        "infer",
        _v2(
            answer="What comes out.",
            description="Tensors whose first axis is the batch's, in the JSON or, after the header "
            "`Inference-Header-Content-Length`, as bytes behind it.",
            bodies=(
                *_json(dict[str, Any], lambda: {"id": "42", "inputs": [_tensor()]}),
                Content("application/octet-stream", bytes),
            ),
            contents=(
                *_json(Inference, _inference),
                Content("application/octet-stream", bytes),
            ),
            headers=PredictHeaders,
            answer_headers=("X-Prediction-ID",),
            problems=_OF_PREDICTIONS,
        ),
    ),
}

#: endpoint: what it takes and answers.
OPERATIONS = _V1 | _V2
