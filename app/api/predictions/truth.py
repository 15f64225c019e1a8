"""What a truth of feedback may be, of which prediction, and whether that agrees with it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.api.predictions.answers import (
    Feedback,
    TrueBox,
    TrueClassId,
    TrueInstance,
    TrueLabel,
    TrueMask,
)
from app.api.problems import ProblemError
from app.records.feedback import Truth, agreement
from app.serving.client import InferenceClient
from app.serving.errors import ServingError

_MOST_SHOWN = 20


@dataclass(frozen=True)
class Classes:
    """The classes of the model that predicted, as far as they are known: by number, and labels."""

    count: int | None
    labels: Mapping[str, int]
    is_whole: bool = False
    """Whether these are all labels that there are."""


#: Of a model that is not served here.
UNKNOWN = Classes(None, {})


def classes_of(client: InferenceClient, model: str, version: str) -> Classes:
    """Return the classes of a model, where it is served; its version too, or it is another."""
    try:
        served = client.models()
    except ServingError:
        return UNKNOWN
    for one in served:
        if (one.name, str(one.version), one.state) == (model, version, "ready"):
            labels = one.description.get("labels") or []
            count = one.description.get("num_classes") or len(labels) or None
            # A model that knows a background has a class more than labels: it is the first.
            first = 1 if labels and count == len(labels) + 1 else 0
            numbers = {label: first + index for index, label in enumerate(labels)}
            return Classes(count, numbers, is_whole=bool(labels))
    return UNKNOWN


def checked(sent: Feedback, rows: Sequence[Mapping[str, Any]], known: Classes) -> Truth:
    """Return a truth of the prediction with these rows, none where it is not in this log.

    Raises ProblemError (400).
    """
    is_number = bool(rows) and all(row["predicted_class"] < 0 for row in rows)
    is_label = isinstance(sent.truth, TrueLabel)
    if is_number and not (is_label and _is_called(rows, "") is not None):
        raise _unfit("truth", "the prediction has no class that could be right or wrong")
    named = {row["label"]: row["predicted_class"] for row in rows if row["label"] is not None}
    known = replace(known, labels={**named, **known.labels})
    match sent.truth:
        case TrueClassId() | TrueLabel() as one:
            number = _class_of(one, "truth", known, rows)
            if number is None:
                agrees = _is_called(rows, str(one.label)) if isinstance(one, TrueLabel) else None
                return Truth(_document(one), None, agrees)
            agrees = agreement([row["predicted_class"] for row in rows], [number])
            return Truth({**_document(one), "class_id": number}, number, agrees if rows else None)
        case several:
            return _of_instances(several.instances, rows, known)


def _of_instances(
    instances: Sequence[TrueInstance], rows: Sequence[Mapping[str, Any]], known: Classes
) -> Truth:
    size = _size(rows)
    documents, numbers = [], []
    for index, one in enumerate(instances):
        field = f"truth.instances[{index}]"
        if (one.class_id is None) == (one.label is None):
            raise _unfit(field, "either `class_id` or `label` is expected")
        number = _class_of(one, field, known, rows)
        if one.box is not None:
            _check_box(one.box, f"{field}.box", size)
        if one.mask is not None:
            _check_mask(one.mask, f"{field}.mask", size)
        documents.append(_document(one) | ({} if number is None else {"class_id": number}))
        numbers.append(number)
    truth = {"instances": documents}
    true = [number for number in numbers if number is not None]
    if not rows or len(true) < len(numbers):
        return Truth(truth, None, None)
    return Truth(truth, None, agreement([row["predicted_class"] for row in rows], true))


def _class_of(
    one: TrueClassId | TrueLabel | TrueInstance,
    field: str,
    known: Classes,
    rows: Sequence[Mapping[str, Any]],
) -> int | None:
    """Return the number of a class that is named; None for a label of which no number is known."""
    number: int | None = getattr(one, "class_id", None)
    if number is not None:
        lengths = [len(row["class_probabilities"]) for row in rows]
        count = known.count or max(lengths, default=0)
        if count and number >= count:
            told = f"the model has the classes 0 to {count - 1}"
            raise _unfit(f"{field}.class_id", f"it is {number}: {told}", value=number)
        return number
    label: str = getattr(one, "label", "")
    if label in known.labels:
        return known.labels[label]
    if known.is_whole:
        shown = sorted(known.labels)[:_MOST_SHOWN]
        told = f"it is {label!r}, which is no label of the model"
        raise _unfit(f"{field}.label", told, value=label, allowed=shown)
    return None


def _is_called(rows: Sequence[Mapping[str, Any]], label: str) -> bool | None:
    """Say whether a prediction without numbers of classes has answered a label."""
    for row in rows:
        outputs = json.loads(row["detail"]).get("outputs", {})
        for name, value in outputs.items():
            if name.startswith("predicted_"):
                return bool(label in value if isinstance(value, list) else label == value)
    # A row's own label is known by its number: this one is another.
    return False if any(row["label"] is not None for row in rows) else None


def _check_box(box: TrueBox, field: str, size: tuple[int, int] | None) -> None:
    if box.x_min >= box.x_max or box.y_min >= box.y_max:
        raise _unfit(field, "x_min has to be less than x_max, and y_min than y_max")
    if size is not None and (box.x_max > size[1] or box.y_max > size[0]):
        raise _unfit(field, f"it ends outside of the picture of {size[1]} x {size[0]} pixels")


def _check_mask(mask: TrueMask, field: str, size: tuple[int, int] | None) -> None:
    height, width = mask.size
    if size is not None and (height, width) != size:
        told = f"size is {mask.size}: the picture has {list(size)} (height, width)"
        raise _unfit(field, told)
    if _pixels(mask.counts) != height * width:
        raise _unfit(f"{field}.counts", f"it is no run-length code of {height * width:,} pixels")


def _pixels(counts: str) -> int | None:
    """Return how many pixels a compressed run-length code of COCO has; None for what is none.

    Each number is given in groups of five bits, the lowest first, from the fourth one on as the
    difference to the one but one before it (cocodataset/cocoapi, maskApi.c).
    """
    runs: list[int] = []
    value = shift = 0
    for each in counts.encode(errors="replace"):
        group = each - 48
        if not 0 <= group < 64 or shift > 30:
            return None
        value |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return sum(runs) if shift == 0 and all(run >= 0 for run in runs) else None


def _size(rows: Sequence[Mapping[str, Any]]) -> tuple[int, int] | None:
    """Return height and width of the picture that was sent; None where it was none."""
    sides = rows[0]["input_shape"].split("x") if rows else []
    return (int(sides[0]), int(sides[1])) if len(sides) == 3 and "".join(sides).isdigit() else None


def _document(one: TrueClassId | TrueLabel | TrueInstance) -> dict[str, Any]:
    return one.model_dump(exclude_none=True)


def _unfit(field: str, told: str, **members: Any) -> ProblemError:
    return ProblemError("invalid-input", f"`{field}`: {told}", field=field, **members)
