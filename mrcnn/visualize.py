"""Matterport's `mrcnn.visualize`: its public names, for the notebooks and scripts that use it.

Matplotlib is imported at the first call, so that a server which only needs `draw_instances` runs
without it. Boxes are y1 x1 y2 x2 in pixels and `class_names[0]` is the background.
"""

from __future__ import annotations

import colorsys
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import contourpy
import numpy as np
from numpy.typing import NDArray

from mrcnn import old_imports
from mrcnn.drawing import draw_instances
from mrcnn.masks import paste
from mrcnn.metrics import compute_matches
from mrcnn.overlaps import extract_bboxes
from mrcnn.plots import (
    display_images,
    display_table,
    display_top_masks,
    display_weight_stats,
    plot_overlaps,
    plot_precision_recall,
    pyplot,
)

__all__ = [
    *old_imports.VISUALIZE,
    "apply_mask",
    "display_differences",
    "display_images",
    "display_instances",
    "display_table",
    "display_top_masks",
    "display_weight_stats",
    "draw_box",
    "draw_boxes",
    "draw_instances",
    "draw_rois",
    "find_contours",
    "plot_overlaps",
    "plot_precision_recall",
    "random_colors",
]

Array = NDArray[Any]

if not TYPE_CHECKING:
    __getattr__ = old_imports.importer(__name__, old_imports.VISUALIZE)
Color = Sequence[float]

_LINE_WIDTH = 2


def find_contours(image: Array, level: float) -> list[Array]:
    """Return the lines [n, (row, column)] along which `image` [h, w] passes `level`."""
    lines = contourpy.contour_generator(z=image.astype(float)).lines(level)
    return [np.asarray(line)[:, ::-1] for line in lines]


def random_colors(N: int, bright: bool = True) -> list[tuple[float, float, float]]:  # noqa: N803
    """Return `N` colours, RGB 0..1, evenly spread over the hues and shuffled."""
    colors = [colorsys.hsv_to_rgb(turn / N, 1.0, 1.0 if bright else 0.7) for turn in range(N)]
    random.shuffle(colors)
    return colors


def apply_mask(image: Array, mask: Array, color: Color, alpha: float = 0.5) -> Array:
    """Tint `image` in place where `mask` [h, w] is set; `color` is RGB 0..1. Returns `image`."""
    inside = np.asarray(mask, bool)
    colors = image[..., :3]  # a fourth channel stays as it is
    colors[inside] = colors[inside] * (1 - alpha) + 255 * alpha * np.asarray(color[:3])
    return image


def display_instances(
    image: Array,
    boxes: Array,
    masks: Array,
    class_ids: Array,
    class_names: Sequence[str],
    scores: Array | None = None,
    title: str = "",
    figsize: tuple[float, float] = (16, 16),
    ax: Any = None,
    show_mask: bool = True,
    show_bbox: bool = True,
    colors: Sequence[Color] | None = None,
    captions: Sequence[str] | None = None,
) -> None:
    """Show a picture with its instances: tinted masks, outlines, boxes, captions.

    `boxes` is [n, 4], `masks` [h, w, n], `class_ids` and `scores` [n]; a box of zeros is left out.
    Without `ax` a figure is made and shown. Raises ValueError where the counts differ.
    """
    count = len(boxes)
    if not count:
        print("\n*** No instances to display *** \n")
    elif not count == masks.shape[-1] == len(class_ids):
        raise ValueError(f"{count} boxes, {masks.shape[-1]} masks and {len(class_ids)} class ids")
    canvas = ax or pyplot().subplots(1, figsize=figsize)[1]
    colors = colors or random_colors(count)
    _frame(canvas, image, title, margin=10)

    tinted = image.astype(np.uint8)
    for index in range(count):
        if not np.any(boxes[index]):
            continue
        if show_bbox:
            _add_box(canvas, boxes[index], colors[index], linestyle="dashed", alpha=0.7)
        caption = captions[index] if captions else _caption(class_ids, class_names, scores, index)
        _add_caption(canvas, boxes[index], caption)
        if show_mask:
            apply_mask(tinted, masks[..., index], colors[index])
        _add_outline(canvas, masks[..., index], colors[index])
    canvas.imshow(tinted)
    if not ax:
        pyplot().show()


def display_differences(
    image: Array,
    gt_box: Array,
    gt_class_id: Array,
    gt_mask: Array,
    pred_box: Array,
    pred_class_id: Array,
    pred_score: Array,
    pred_mask: Array,
    class_names: Sequence[str],
    title: str = "",
    ax: Any = None,
    show_mask: bool = True,
    show_box: bool = True,
    iou_threshold: float = 0.5,
    score_threshold: float = 0.5,
) -> None:
    """Show the truth in green and the predictions in red, these with score / overlap."""
    truth, predictions = (gt_box, gt_class_id, gt_mask), (pred_box, pred_class_id, pred_score)
    gt_match, pred_match, overlaps = compute_matches(
        *truth, *predictions, pred_mask, iou_threshold, score_threshold
    )
    order = np.argsort(pred_score[: len(pred_match)])[::-1]  # as the overlaps' rows are
    matched = np.where(pred_match > -1, pred_match, 0).astype(int)
    best = overlaps.max(axis=1, initial=0)
    if len(gt_match):
        best = np.where(pred_match > -1, overlaps[np.arange(len(order)), matched], best)
    captions = [""] * len(gt_match)
    captions += [
        f"{pred_score[i]:.2f} / {overlap:.2f}" for i, overlap in zip(order, best, strict=True)
    ]
    display_instances(
        image,
        np.concatenate([gt_box[: len(gt_match)], pred_box[order]]),
        np.concatenate([gt_mask[..., : len(gt_match)], pred_mask[..., order]], axis=-1),
        np.concatenate([gt_class_id[: len(gt_match)], pred_class_id[order]]),
        class_names,
        title=title or "Truth green, predictions red with score / overlap",
        ax=ax,
        show_mask=show_mask,
        show_bbox=show_box,
        colors=[(0.0, 1.0, 0.0, 0.8)] * len(gt_match) + [(1.0, 0.0, 0.0, 1.0)] * len(order),
        captions=captions,
    )


def draw_rois(
    image: Array,
    rois: Array,
    refined_rois: Array,
    mask: Array,
    class_ids: Array,
    class_names: Sequence[str],
    limit: int = 10,
) -> None:
    """Show up to `limit` regions, dashed, and what they were refined to; `mask` is [n, m, m]."""
    chosen = np.arange(len(rois))
    if len(rois) > limit:
        chosen = np.random.default_rng().choice(chosen, limit, replace=False)
    canvas = pyplot().subplots(1, figsize=(12, 12))[1]
    _frame(canvas, image, f"{len(chosen)} of {len(rois)} regions", margin=20)
    tinted = image.astype(np.uint8)
    for index, color in zip(chosen, random_colors(len(chosen)), strict=True):
        if not class_ids[index]:
            _add_box(canvas, rois[index], "gray", linestyle="dashed")
            continue
        _add_refined(canvas, rois[index], refined_rois[index], color, linestyle="dashed")
        _add_caption(canvas, refined_rois[index], class_names[class_ids[index]])
        top, left, bottom, right = rois[index][:4].astype(int)
        part = tinted[top:bottom, left:right]
        apply_mask(part, paste(mask[index], (top, left, bottom, right)), color)
    canvas.imshow(tinted)
    positive = int(np.count_nonzero(class_ids > 0))
    print("Positive ROIs: ", positive)
    print("Negative ROIs: ", int(np.count_nonzero(class_ids == 0)))
    print(f"Positive Ratio: {positive / max(1, len(class_ids)):.2f}")


def draw_box(image: Array, box: Sequence[int], color: Color) -> Array:
    """Draw a box's outline, two pixels wide, into `image` [h, w, 3] itself; RGB 0..255."""
    top, left, bottom, right = (int(side) for side in box)
    inside = image[max(0, top) : bottom + _LINE_WIDTH, max(0, left) : right + _LINE_WIDTH]
    inside[:_LINE_WIDTH] = inside[-_LINE_WIDTH:] = color
    inside[:, :_LINE_WIDTH] = inside[:, -_LINE_WIDTH:] = color
    return image


def draw_boxes(
    image: Array,
    boxes: Array | None = None,
    refined_boxes: Array | None = None,
    masks: Array | None = None,
    captions: Sequence[str] | None = None,
    visibilities: Sequence[int] | None = None,
    title: str = "",
    ax: Any = None,
) -> None:
    """Show boxes, dotted, and what they were refined to, solid; `masks` is [h, w, n].

    A visibility of 0 greys a box, 1 is plain, 2 makes it solid. Raises ValueError without boxes.
    """
    shown = boxes if boxes is not None else refined_boxes
    if shown is None:
        raise ValueError("draw_boxes needs boxes or refined_boxes")
    canvas = ax or pyplot().subplots(1, figsize=(12, 12))[1]
    _frame(canvas, image, title, margin=image.shape[0] // 10)
    tinted = image.astype(np.uint8)
    for index, color in enumerate(random_colors(len(shown))):
        if not np.any(shown[index]):
            continue
        visibility = 1 if visibilities is None else visibilities[index]
        line: Any = color if visibility else "gray"
        style = {
            "linestyle": "solid" if visibility == 2 else "dotted",
            "alpha": 1.0 if visibility else 0.5,
        }
        if refined_boxes is not None and visibility:
            first = boxes[index] if boxes is not None else None
            _add_refined(canvas, first, refined_boxes[index], line, **style)
        elif boxes is not None:
            _add_box(canvas, boxes[index], line, **style)
        if captions is not None:
            place = refined_boxes if refined_boxes is not None else shown
            _add_caption(canvas, place[index], captions[index])
        if masks is not None:
            apply_mask(tinted, masks[..., index], color)
            _add_outline(canvas, masks[..., index], color)
    canvas.imshow(tinted)


def _frame(canvas: Any, image: Array, title: str, margin: int) -> None:
    """Set the picture's limits, with some room for what reaches beyond it."""
    canvas.set_ylim(image.shape[0] + margin, -margin)
    canvas.set_xlim(-margin, image.shape[1] + margin)
    canvas.axis("off")
    canvas.set_title(title)


def _caption(class_ids: Array, class_names: Sequence[str], scores: Array | None, index: int) -> str:
    name = class_names[class_ids[index]]
    score = None if scores is None else scores[index]
    return f"{name} {score:.3f}" if score else name


def _add_box(canvas: Any, box: Array, color: Any, **style: Any) -> None:
    from matplotlib.patches import Rectangle

    top, left, bottom, right = box[:4]
    style = {"linewidth": _LINE_WIDTH, "edgecolor": color, "facecolor": "none", **style}
    canvas.add_patch(Rectangle((left, top), right - left, bottom - top, **style))


def _add_refined(
    canvas: Any, box: Array | None, refined_box: Array, color: Any, **style: Any
) -> None:
    """Add a box, what it was refined to, and a line between their upper left corners."""
    _add_box(canvas, refined_box, color)
    if box is not None:
        _add_box(canvas, box, color, **style)
        canvas.plot([box[1], refined_box[1]], [box[0], refined_box[0]], color=color)


def _add_caption(canvas: Any, box: Array, text: str) -> None:
    plate = {"facecolor": "black", "alpha": 0.4, "pad": 2, "edgecolor": "none"}
    canvas.text(box[1], box[0], text, size=11, color="w", va="top", bbox=plate)


def _add_outline(canvas: Any, mask: Array, color: Any) -> None:
    from matplotlib.patches import Polygon

    top, left, bottom, right = extract_bboxes(mask[..., None])[0]
    if bottom == top:
        return
    padded = np.pad(mask[top:bottom, left:right].astype(float), 1)
    for line in find_contours(padded, 0.5):
        vertices = np.add(line[:, ::-1], [left - 1, top - 1])
        canvas.add_patch(Polygon(vertices, facecolor="none", edgecolor=color))
