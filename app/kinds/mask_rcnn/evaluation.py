"""How good a Mask R-CNN is on labelled pictures, asked as a server asks it."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from app.images.limits import ImageError
from app.kinds.kind import Accuracy, InputError, Labelled, ModelError, ModelSource, Tell
from app.kinds.limits import Limits
from app.kinds.mask_rcnn.labelled import Known, known
from app.kinds.mask_rcnn.model import LoadedMaskRcnn, examined, load
from app.kinds.mask_rcnn.tensors import PICTURE, instances_of
from app.kinds.pictures import pixels_of
from mrcnn.evaluation import MIN_SCORE
from mrcnn.instances import Instances


def evaluate(source: ModelSource, labelled: Labelled, limits: Limits, tell: Tell) -> Accuracy:
    """Find what is on every picture, and judge it; raises ModelError, LabelsError, or OSError."""
    there = known(labelled, source, examined(source).architecture.num_classes)
    count = len(there.pictures)
    there.check_pictures(limits, lambda done: tell("checking", done, count))
    model = load(source)
    model.warm_up()
    taken_s: list[float] = []
    judged = there.truth.judge(_found(model, there, limits, tell, taken_s))
    annotations = there.truth.annotations
    counts = Counter(
        annotations.categories[one["category_id"]]
        for one in annotations.instances
        if not one["iscrowd"]
    )
    description = model.describe()
    return Accuracy(
        program=description["program"],
        precision=str(model.facts["precision"]),
        reason=_reason(description),
        pictures=count,
        instances=annotations.counted,
        picture_ms=1000 * statistics.median(taken_s),
        precisions={"mask": judged.mask, "box": judged.box},
        by_class={name: (counts[name], value) for name, value in judged.mask_by_class.items()},
        remarks=there.remarks,
    )


def _reason(description: Mapping[str, Any]) -> str:
    """Return why it runs in its precision and, where it does, in tight frames."""
    reason: str = description["precision_reason"]
    is_tight = description["resize"] == "tight"
    return f"{reason}; in tight frames: {description['resize_reason']}" if is_tight else reason


def _found(
    model: LoadedMaskRcnn, there: Known, limits: Limits, tell: Tell, taken_s: list[float]
) -> Iterator[Instances]:
    """Yield what is found on each picture; how long it took is added to `taken_s`."""
    for picture in there.pictures:
        path = there.path(picture)
        try:
            inputs = {PICTURE: pixels_of(path.read_bytes(), limits)}
            model.check(inputs)
            began_at = time.perf_counter()
            (result,) = model.predict([inputs], [{"min_score": MIN_SCORE}])
            taken_s.append(time.perf_counter() - began_at)
        except (ImageError, InputError) as error:
            raise ModelError(f"{path.name}: {error}") from error
        yield instances_of(result)
        tell("evaluating", len(taken_s), len(there.pictures))
