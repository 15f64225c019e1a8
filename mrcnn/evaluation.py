"""How good a network's answers are where it is known what is right: COCO's average precision.

pycocotools computes it. An area is the mask's for masks, and the box's for boxes. No framework is
imported.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mrcnn.annotations import Annotations
from mrcnn.instances import Instances
from mrcnn.masks import encode_rle

#: Detections down to this score count: average precision wants the whole curve.
MIN_SCORE = 0.05
#: COCO's first one, the mean over IoUs from .5 to .95.
AP = "AP@[.5:.95]"
#: COCO counts so many of a picture.
MOST_DETECTIONS = 100
STATISTICS = (AP, "AP50", "AP75", "AP small", "AP medium", "AP large")

#: Fewer labelled instances than these are not to judge by, nor a network that hardly finds any.
LEAST_LABELLED = 50
LEAST_AP_POINTS = 5.0
#: Leaving out so many groups of pictures in turn shows how much chance there is in a loss.
GROUPS = 10


@dataclass(frozen=True)
class Evaluation:
    """Average precisions as pycocotools computes them, 0 to 1.

    Attributes:
        mask, box: those of `STATISTICS`, without areas of which there is no instance.
        mask_by_class: category -> mask AP@[.5:.95], where there are instances of it.
        pictures: how many.
    """

    mask: dict[str, float]
    box: dict[str, float]
    mask_by_class: dict[str, float]
    pictures: int

    def table(self) -> str:
        """A Markdown table of the whole."""
        rows = ["| | mask | box |", "| --- | --- | --- |"]
        rows += [f"| {name} | {self.mask[name]:.3f} | {self.box[name]:.3f} |" for name in self.mask]
        rows += ["", "| class | mask AP |", "| --- | --- |"]
        rows += [f"| {name} | {value:.3f} |" for name, value in self.mask_by_class.items()]
        return "\n".join(rows)


@dataclass(frozen=True)
class Truth:
    """What is on pictures, and which of its categories each class of a network is.

    What is found of a class that is none of them does not count.
    """

    annotations: Annotations
    category_of: Mapping[int, int]

    def judge(self, found: Iterable[Instances]) -> Evaluation:
        """Judge what was found on each picture, in their order, from `MIN_SCORE` on."""
        findings = Findings(self)
        for instances in found:
            findings.add(instances)
        return findings.judged()


class Findings:
    """What is found on the pictures of a truth, one after the other."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self._left = iter(truth.annotations.pictures)
        self._results: list[dict[str, Any]] = []

    def add(self, instances: Instances) -> None:
        """Say what was found on the next picture, from `MIN_SCORE` on."""
        self._results += _results(next(self._left).id, instances, self.truth.category_of)

    def judged(self) -> Evaluation:
        """Judge it all; there have to be instances that are no crowd."""
        return evaluate(self.truth.annotations, self._results)

    def mask_ap_without(self) -> list[float]:
        """Return the mask AP without each of `GROUPS` groups of the pictures, in turn."""
        annotations = self.truth.annotations
        ids = [picture.id for picture in annotations.pictures]
        with contextlib.redirect_stdout(io.StringIO()):
            reference = _data_set(annotations.dataset())
            run = COCOeval(reference, _found(reference, _masks(self._results)), "segm")
            run.params.areaRng, run.params.areaRngLbl = [[0, 1e10]], ["all"]
            run.params.maxDets = [MOST_DETECTIONS]
            values = []
            for group in range(min(GROUPS, len(ids))):
                # `accumulate` takes as many of the first as it is told of, not those.
                run.params.imgIds = [
                    key for place, key in enumerate(ids) if place % GROUPS != group
                ]
                run.evaluate()
                run.accumulate()
                precision = run.eval["precision"]
                there = precision[precision > -1]
                values.append(float(there.mean()) if there.size else 0.0)
        return values


@dataclass(frozen=True)
class Loss:
    """What another form of a network costs on labelled pictures: mask AP and box AP, 0 to 1.

    Attributes:
        before: what the form is compared with, for people.
        most_points: so many points of mask AP may be lost.
        error_points: the standard error of the loss: how far it may be off by which pictures they
            happen to be. It is a jackknife's, over groups of pictures.
    """

    pictures: int
    instances: int
    before: str
    mask_before: float
    mask_after: float
    box_before: float
    box_after: float
    most_points: float
    error_points: float

    @classmethod
    def between(cls, before: Findings, after: Findings, *, name: str, most_points: float) -> Loss:
        """Judge what both have found on the same pictures; `name` is what the first one is."""
        first, second = before.judged(), after.judged()
        losses = np.subtract(before.mask_ap_without(), after.mask_ap_without())
        return cls(
            pictures=first.pictures,
            instances=before.truth.annotations.counted,
            before=name,
            mask_before=first.mask[AP],
            mask_after=second.mask[AP],
            box_before=first.box[AP],
            box_after=second.box[AP],
            most_points=most_points,
            error_points=100 * float(np.sqrt((len(losses) - 1) * losses.var())),
        )

    @property
    def points(self) -> float:
        """How many points of mask AP are lost; below 0 where it is better."""
        return 100 * (self.mask_before - self.mask_after)

    def __str__(self) -> str:
        return (
            f"mask AP {100 * self.mask_after:.2f}, {self.before} {100 * self.mask_before:.2f} "
            f"({-self.points:+.2f} points, give or take {self.error_points:.2f}), on "
            f"{self.pictures} pictures with {self.instances} labelled instances"
        )

    def shortfall(self) -> str | None:
        """Say in which way it is too much; None where it is not."""
        if 100 * self.mask_before < LEAST_AP_POINTS:
            return (
                f"mask AP is {100 * self.mask_before:.2f} {self.before}, which says nothing of "
                f"another form; {LEAST_AP_POINTS:g} are needed"
            )
        if self.points > self.most_points:
            return (
                f"{self.points:.2f} points of mask AP are lost, {self.most_points} may be: {self}"
            )
        return None


def evaluate(annotations: Annotations, results: list[dict[str, Any]]) -> Evaluation:
    """Judge results by what is on the pictures.

    Args:
        annotations: with one or more instances that are no crowd.
        results: COCO's, each with `bbox` and `segmentation`.
    """
    boxes = [{k: v for k, v in one.items() if k != "segmentation"} for one in results]
    with contextlib.redirect_stdout(io.StringIO()):
        reference = _data_set(annotations.dataset())
        mask, box = (
            _run(reference, found, kind)
            for found, kind in ((_masks(results), "segm"), (boxes, "bbox"))
        )
    by_class: dict[str, float] = {}
    precision = mask.eval["precision"][:, :, :, 0, -1]  # [ious, recalls, categories]
    for index, key in enumerate(mask.params.catIds):
        values = precision[:, :, index]
        if (values > -1).any():
            by_class[annotations.categories[key]] = float(np.mean(values[values > -1]))
    return Evaluation(_told(mask), _told(box), by_class, len(annotations.pictures))


def _results(
    picture_id: int, instances: Instances, category_of: Mapping[int, int]
) -> list[dict[str, Any]]:
    results = []
    for index, class_id in enumerate(instances.class_ids.tolist()):
        if class_id not in category_of:
            continue
        box = instances.boxes_yxyx[index]
        y1, x1, y2, x2 = (float(side) for side in box)
        results.append(
            {
                "image_id": picture_id,
                "category_id": category_of[class_id],
                "score": float(instances.scores[index]),
                "segmentation": encode_rle(instances.masks[index], box, instances.image_size),
                "bbox": [x1, y1, x2 - x1, y2 - y1],
            }
        )
    return results


def _data_set(content: dict[str, Any]) -> COCO:
    data_set = COCO()
    data_set.dataset = content
    data_set.createIndex()
    return data_set


def _masks(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return results without boxes: beside a `bbox` a mask's area would be its box's."""
    return [{key: value for key, value in one.items() if key != "bbox"} for one in results]


def _found(reference: COCO, results: list[dict[str, Any]]) -> COCO:
    # It fails on an empty list.
    return reference.loadRes(results) if results else _data_set({"images": [], "annotations": []})


def _run(reference: COCO, results: list[dict[str, Any]], kind: str) -> COCOeval:
    run = COCOeval(reference, _found(reference, results), kind)
    run.evaluate()
    run.accumulate()
    run.summarize()
    return run


def _told(run: COCOeval) -> dict[str, float]:
    """Return the statistics that there are: -1 says that there is no instance."""
    found = zip(STATISTICS, map(float, run.stats[:6]), strict=True)
    return {name: value for name, value in found if value > -1}
