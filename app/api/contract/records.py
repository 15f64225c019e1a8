"""What the routes of the prediction log take and answer, with examples."""

from __future__ import annotations

from app.api.contract.operation import Content, Operation
from app.api.negotiation import JSON
from app.api.predictions import answers
from app.api.predictions.parameters import FilterParameters, ListParameters, cursor_of
from app.records.forms import FORMS

#: What this group of operations is about.
TAGS = {
    "Log": "What was predicted, and what turned out to be true; where `PREDICTIONS` is `open`.",
}
#: Problems that only these routes have.
PROBLEMS = frozenset({"predictions-closed", "prediction-not-found", "log-unavailable"})

_ID = "01JD6Z8M1T7C4N9E5H3YVQ0KSB"
_MADE = "2026-03-01T12:00:00.000000Z"
_BOX = {"x_min": 12, "y_min": 30, "x_max": 201, "y_max": 460}
_PATH = {"prediction_id": ("The prediction's id.", _ID)}
_COMMON = ("predictions-closed", "invalid-parameter", "log-unavailable", "internal-error")


def _row() -> answers.LoggedRow:
    return {
        "prediction_id": _ID,
        "instance_index": 0,
        "model_name": "street",
        "model_version": "3",
        "request_id": "01JD6Z8M1T7C4N9E5H3YVQ0KSA",
        "created_at": _MADE,
        "input_shape": "480x640x3",
        "predicted_class": 1,
        "label": "person",
        "score": 0.998,
        "class_probabilities": [0.001, 0.998, 0.001],
        "processing_time_ms": 818.6,
        "brightness": 0.41,
        "agrees": True,
    }


def _rows() -> answers.LoggedRows:
    return {"predictions": [_row()], "next": cursor_of(17), "newest": cursor_of(117)}


def _prediction() -> answers.LoggedPrediction:
    detail = {"label": "person", "score": 0.998, "box": _BOX}
    return {
        "prediction_id": _ID,
        "rows": [{**_row(), "detail": detail}],
        "feedback": [
            {
                "created_at": _MADE,
                "truth": {"label": "person", "class_id": 1},
                "agrees": True,
                "request_id": "01JD6Z8M1T7C4N9E5H3YVQ0KSC",
            }
        ],
    }


def _erased() -> answers.ErasedPrediction:
    statement = f"DELETE FROM `project.dataset.predictions` WHERE prediction_id = '{_ID}'"
    return {"prediction_id": _ID, "rows": 1, "feedback": 1, "inputs": 0, "elsewhere": [statement]}


def _summary() -> answers.LogSummary:
    return {
        "rows": 1,
        "is_whole": True,
        "step_s": 1,
        "rate": [{"at": _MADE, "predictions": 1}],
        "scores": [*[0] * 19, 1],
        "agreement": [
            {"at": _MADE, "model": "street", "version": "3", "agreed": 1, "disagreed": 0}
        ],
    }


def _feedback(**truth: object) -> dict[str, object]:
    return {"prediction_id": _ID, "truth": truth}


def _recorded() -> answers.Recorded:
    return {"recorded": True, "joined": True, "agrees": True}


OPERATIONS = {
    "predictions.list_predictions": Operation(
        tag="Log",
        description="`next` of a page is the `cursor` of the one after it, and stands in `Link` "
        "too. Who follows the log asks for what is `after` the `newest` of the last answer, and "
        "may wait for it. Without `limit`, JSON has 100 rows, and every other form all there are.",
        query=ListParameters,
        answer="The newest rows first.",
        contents=(
            Content(JSON, answers.LoggedRows, {"page": _rows}),
            Content(FORMS["ndjson"].media_type, str),
            Content(FORMS["csv"].media_type, str),
            Content(FORMS["parquet"].media_type, bytes),
            Content("text/html", str),
        ),
        answer_headers=("Link", "Vary"),
        problems=(*_COMMON, "not-acceptable", "too-many-requests"),
    ),
    "predictions.summarize_predictions": Operation(
        tag="Log",
        query=FilterParameters,
        answer="Counts of the newest 100,000 rows that the parameters mean.",
        contents=(Content(JSON, answers.LogSummary, {"summary": _summary}),),
        answer_headers=("Vary",),
        problems=_COMMON,
    ),
    "predictions.show_prediction": Operation(
        tag="Log",
        path=_PATH,
        answer="The prediction.",
        contents=(Content(JSON, answers.LoggedPrediction, {"prediction": _prediction}),),
        answer_headers=("Vary",),
        problems=(*_COMMON, "prediction-not-found"),
    ),
    "predictions.erase_prediction": Operation(
        tag="Log",
        description="What was sent on stays where it is: `elsewhere` says how it goes there.",
        path=_PATH,
        answer="How much was erased here; nothing where nothing was.",
        contents=(Content(JSON, answers.ErasedPrediction, {"erased": _erased}),),
        answer_headers=("Vary",),
        problems=(*_COMMON, "prediction-not-found"),
    ),
    "predictions.feedback": Operation(
        tag="Log",
        description="A class by its number or label, or all instances that are there. Of several "
        "truths of one prediction the last one counts.",
        bodies=(
            Content(
                JSON,
                answers.Feedback,
                {
                    "class": lambda: _feedback(class_id=1),
                    "label": lambda: _feedback(label="person"),
                    "instances": lambda: _feedback(instances=[{"class_id": 1, "box": _BOX}]),
                },
            ),
        ),
        status=201,
        answer="It is kept beside its prediction.",
        also={202: "It is kept; this log has not the prediction, or not any more."},
        contents=(Content(JSON, answers.Recorded, {"recorded": _recorded}),),
        answer_headers=("Vary",),
        problems=(
            *_COMMON,
            "invalid-json",
            "invalid-input",
            "incomplete-body",
            "length-required",
            "body-too-large",
            "unsupported-media-type",
        ),
    ),
}
