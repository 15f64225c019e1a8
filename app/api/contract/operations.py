"""What each route takes and answers: the part of the contract that URLs and models do not tell.

Every route has its entry; a test tells which one lacks it. A path that a setting adds to a route
has that route's.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Union

from prometheus_client import CONTENT_TYPE_LATEST
from typing_extensions import TypedDict

from app.api import answers
from app.api.bodies import Instances, InstancesBeside, OnePicture, PictureForm
from app.api.contract import examples, protocols, records
from app.api.contract.operation import Content, Operation
from app.api.headers import PredictHeaders
from app.api.negotiation import JSON
from app.api.parameters import PredictParameters
from app.api.problems import PROBLEMS
from app.kinds.registry import faces

#: The static files are the pages', not the contract's.
NOT_IN_THE_CONTRACT = frozenset({"static"})


#: What the headers of answers mean.
HEADERS = {
    "X-Request-ID": ("The request's own, or a new one.", {"type": "string"}),
    "X-Prediction-ID": (
        "The id of the prediction; of several, up to 64, with commas between.",
        {"type": "string"},
    ),
    "Vary": ("The answer depends on `Accept`.", {"type": "string", "const": "Accept"}),
    "Link": ("The address of the next page, where there is one (RFC 8288).", {"type": "string"}),
    "Retry-After": ("Seconds after which to ask again.", {"type": "integer", "minimum": 1}),
}

#: What each group of operations is about.
TAGS = {
    "Predictions": "An input in, what a model says of it out.",
    "Models": "What is served, and what is there to try it with.",
    **records.TAGS,
    **protocols.TAGS,
    "Health": "For probes and for Prometheus.",
    "Pages": "For people, and this contract.",
}

_INPUTS = (
    "A picture is a file of a form, the body itself, or base64 in JSON; numbers and text are JSON. "
    "Which of them a model takes, and what it answers, is its `face` in `/models`: `instances` are "
    "things on a picture, `classes` what a picture shows, `values` numbers and text by name. "
    "The parameters stand in the query, the form or the JSON; one that is unknown to the model's "
    "face, given twice or out of range is refused. "
    "Pixels are those of the picture after its EXIF turn, `x` to the right, `y` down. "
    "The answer is JSON, COCO results or the picture with what was found drawn on it, by `format` "
    "or else by `Accept`."
)
#: Problems that stand in the log alone: nobody is there to read the answer.
UNSENT = frozenset({"client-gone"})
#: Problems of one route alone; all others are a prediction's.
_OF_OTHER_ROUTES = frozenset(
    {
        "model-control-refused",
        "model-load-failed",
        "not-ready",
        "problem-not-found",
        "sample-not-found",
        *records.PROBLEMS,
    }
)

PredictAnswer: Any = Union[tuple(face.answer for face in faces().values())]  # noqa: UP007 - of any number
PredictAnswers: Any = TypedDict("PredictAnswers", {"predictions": list[PredictAnswer]})
PredictAnswers.__doc__ = "What the model says of each of `instances`, in their order."
#: The face whose examples are shown.
_SHOWN = next(iter(faces().values()))


def _forms() -> Iterator[Content]:
    """Yield the forms of every face's answers, other than JSON."""
    for face in faces().values():
        for name, form in face.forms.items():
            examples_of = {"results": partial(examples.in_form, face, name)}
            is_json = form.type is not bytes
            yield Content(form.media_type, form.type, examples_of if is_json else {})


_PREDICT = Operation(
    tag="Predictions",
    description=_INPUTS,
    query=PredictParameters,
    headers=PredictHeaders,
    bodies=(
        Content("multipart/form-data", PictureForm),
        Content("image/*", bytes),
        Content("application/octet-stream", bytes),
        Content(
            JSON,
            OnePicture | Instances | InstancesBeside,
            {
                "one": partial(examples.one_input, _SHOWN),
                "several": partial(examples.several_inputs, _SHOWN),
                "parameters": partial(examples.inputs_and_parameters, _SHOWN),
                "values": partial(examples.several_inputs, faces()["values"]),
            },
        ),
    ),
    answer="What was found.",
    contents=(
        Content(
            JSON,
            PredictAnswer | PredictAnswers,
            {
                "one": partial(examples.predict_answer, _SHOWN),
                "several": partial(examples.predict_answers, _SHOWN),
                "values": partial(examples.predict_answers, faces()["values"]),
            },
        ),
        *_forms(),
    ),
    answer_headers=("X-Prediction-ID", "Vary"),
    problems=tuple(slug for slug in PROBLEMS if slug not in _OF_OTHER_ROUTES | UNSENT),
)

#: endpoint: what it takes and answers.
OPERATIONS = (
    protocols.OPERATIONS
    | records.OPERATIONS
    | {
        "predict.predict": _PREDICT,
        "models.list_models": Operation(
            tag="Models",
            answer="Every model.",
            contents=(Content(JSON, answers.Models, {"models": examples.models}),),
            problems=("inference-unavailable", "internal-error"),
        ),
        "models.show_model": Operation(
            tag="Models",
            path={"name": ("The model's name.", "street")},
            answer="Its versions.",
            contents=(Content(JSON, answers.ModelVersions, {"model": examples.model_versions}),),
            problems=("model-not-found", "inference-unavailable", "internal-error"),
        ),
        "pages.list_samples": Operation(
            tag="Models",
            answer="Their names and addresses.",
            contents=(Content(JSON, answers.Samples, {"samples": examples.samples}),),
            problems=("inference-unavailable", "internal-error"),
        ),
        "pages.show_sample": Operation(
            tag="Models",
            path={
                "model": ("The model's name.", "street"),
                "name": ("The file's name.", "crossing.jpg"),
            },
            answer="The picture's file.",
            contents=tuple(
                Content(kind, bytes) for kind in ("image/png", "image/jpeg", "image/webp")
            ),
            problems=("sample-not-found", "inference-unavailable", "internal-error"),
        ),
        "health.healthz": Operation(
            tag="Health",
            answer="The HTTP side works.",
            contents=(Content(JSON, answers.Alive, {"alive": lambda: {"status": "ok"}}),),
            problems=("internal-error",),
        ),
        "health.readyz": Operation(
            tag="Health",
            answer="Predictions can be made.",
            contents=(Content(JSON, answers.Ready, {"ready": lambda: {"status": "ready"}}),),
            problems=("not-ready", "internal-error"),
        ),
        "metrics.metrics": Operation(
            tag="Health",
            answer="All metrics, in Prometheus' text format.",
            contents=(Content(CONTENT_TYPE_LATEST.partition(";")[0], str),),
            problems=("internal-error",),
        ),
        "pages.page": Operation(
            tag="Pages",
            answer="The page.",
            contents=(Content("text/html", str),),
            problems=("internal-error",),
        ),
        "docs.openapi": Operation(
            tag="Pages",
            answer="The contract.",
            contents=(Content(JSON, dict[str, Any]),),
            problems=("internal-error",),
        ),
        "docs.docs": Operation(
            tag="Pages",
            answer="The contract, to be read.",
            contents=(Content("text/html", str),),
            problems=("internal-error",),
        ),
        "docs.show_problem": Operation(
            tag="Pages",
            path={"slug": ("The last part of its `type`.", "invalid-parameter")},
            answer="Its status and an example.",
            contents=(Content("text/html", str),),
            problems=("problem-not-found", "internal-error"),
        ),
    }
)
