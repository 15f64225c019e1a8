"""Plots and tables about a model's results, the part of Matterport's `visualize` without boxes.

Everything here draws with Matplotlib, which `pyplot` imports when it is first needed.
"""

from __future__ import annotations

import html
import itertools
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_OVERFLOW = 1000  # no trained weight is that large


def pyplot() -> Any:
    """Import `matplotlib.pyplot`, or raise an ImportError that says what to install."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "this function draws with Matplotlib, which is not installed: pip install matplotlib"
        ) from error
    return plt


def display_images(
    images: Sequence[Array],
    titles: Sequence[str] | None = None,
    cols: int = 4,
    cmap: Any = None,
    norm: Any = None,
    interpolation: str | None = None,
) -> None:
    """Show pictures in rows of `cols`, each under its title."""
    plt = pyplot()
    rows = max(1, -(-len(images) // cols))
    plt.figure(figsize=(14, max(1, 14 * rows // cols)))
    for index, image in enumerate(images):
        plt.subplot(rows, cols, index + 1)
        plt.title("" if titles is None else titles[index], fontsize=9)
        plt.axis("off")
        plt.imshow(image.astype(np.uint8), cmap=cmap, norm=norm, interpolation=interpolation)
    plt.show()


def display_top_masks(
    image: Array, mask: Array, class_ids: Array, class_names: Sequence[str], limit: int = 4
) -> None:
    """Show a picture and, beside it, the masks [h, w, n] of the classes that cover most of it."""
    areas = {
        class_id: np.count_nonzero(mask[..., class_ids == class_id])
        for class_id in np.unique(class_ids).tolist()
    }
    largest = sorted((c for c in areas if areas[c]), key=lambda c: areas[c], reverse=True)
    images, titles = [image], [f"H x W={image.shape[0]}x{image.shape[1]}"]
    for class_id in [*largest[:limit], *[None] * (limit - len(largest))]:
        masks = mask[..., class_ids == class_id] if class_id is not None else mask[..., :0]
        images.append((masks * np.arange(1, masks.shape[-1] + 1)).sum(axis=-1))
        titles.append("-" if class_id is None else class_names[class_id])
    display_images(images, titles=titles, cols=limit + 1, cmap="Blues_r")


def plot_precision_recall(
    AP: float,  # noqa: N803
    precisions: Sequence[float] | Array,
    recalls: Sequence[float] | Array,
) -> None:
    """Plot the precision over the recall; `AP` goes into the title."""
    axes = pyplot().subplots(1)[1]
    axes.set_title(f"Precision-Recall Curve. AP@50 = {AP:.3f}")
    axes.set(xlim=(0, 1.1), ylim=(0, 1.1), xlabel="Recall", ylabel="Precision")
    axes.plot(recalls, precisions)


def plot_overlaps(
    gt_class_ids: Array,
    pred_class_ids: Array,
    pred_scores: Array,
    overlaps: Array,
    class_names: Sequence[str],
    threshold: float = 0.5,
) -> None:
    """Plot the overlap of each prediction [rows] with each true instance [columns].

    Above `threshold` a cell says whether the classes agree. Padding of class 0 is left out.
    """
    gt_class_ids = gt_class_ids[gt_class_ids != 0]
    pred_class_ids = pred_class_ids[pred_class_ids != 0]
    plt = pyplot()
    plt.figure(figsize=(12, 10))
    plt.imshow(overlaps, interpolation="nearest", cmap="Blues")
    rows = [
        f"{class_names[class_id]} ({score:.2f})"
        for class_id, score in zip(pred_class_ids, pred_scores, strict=False)
    ]
    plt.yticks(np.arange(len(rows)), rows)
    columns = [class_names[class_id] for class_id in gt_class_ids]
    plt.xticks(np.arange(len(columns)), columns, rotation=90)
    for row, column in itertools.product(*map(range, overlaps.shape)):
        overlap = overlaps[row, column]
        verdict = ""
        if overlap > threshold:
            agrees = gt_class_ids[column] == pred_class_ids[row]
            verdict = "match" if agrees else "wrong"
        color = "white" if overlap > overlaps.max() / 2 else "black" if overlap > 0 else "grey"
        text = f"{overlap:.3f}\n{verdict}"
        plt.text(column, row, text, ha="center", va="center", fontsize=9, color=color)
    plt.xlabel("Ground Truth")
    plt.ylabel("Predictions")
    plt.tight_layout()


def display_table(table: Iterable[Iterable[Any]]) -> None:
    """Show rows of values: as HTML in a notebook, as aligned text elsewhere."""
    rows = [[str(value) for value in row] for row in table]
    ipython = sys.modules.get("IPython")  # a notebook has it loaded
    if ipython is not None and ipython.get_ipython() is not None:
        cells = ["".join(f"<td>{html.escape(value)}</td>" for value in row) for row in rows]
        text = "".join(f"<tr>{row}</tr>" for row in cells)
        ipython.display.display(ipython.display.HTML(f"<table>{text}</table>"))
        return
    widths = [max(map(len, column)) for column in itertools.zip_longest(*rows, fillvalue="")]
    for row in rows:
        cells = [value.ljust(width) for value, width in zip(row, widths, strict=False)]
        print("  ".join(cells).rstrip())


def display_weight_stats(model: Any) -> None:
    """Show the least and largest value and the spread of each weight of `model.keras_model`.

    A constant array that is no bias is marked as dead, a huge one as overflown.
    """
    table = [["WEIGHT NAME", "SHAPE", "MIN", "MAX", "STD"]]
    for weight in model.keras_model.weights:
        values = np.asarray(weight)
        name = getattr(weight, "path", weight.name)
        if values.min() == values.max() and not name.endswith("bias"):
            name += " *** dead?"
        if np.abs(values).max() > _OVERFLOW:
            name += " *** overflow?"
        figures = [f"{values.min():+9.4f}", f"{values.max():+10.4f}", f"{values.std():+9.4f}"]
        table.append([name, str(values.shape), *figures])
    display_table(table)
