"""Draws what was found onto the photo, with Pillow alone, for answers and for the command line.

Masks are pasted one at a time in box coordinates; nothing is drawn that the photo's size does not
scale. For notebooks and old scripts there is `mrcnn.visualize`.
"""

from __future__ import annotations

import colorsys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mrcnn.instances import Instances
from mrcnn.masks import paste, polygons

Color = tuple[int, int, int]
Rectangle = tuple[int, int, int, int]  # x1 y1 x2 y2, as Pillow has it

_TINT_ALPHA = 0.45
_GOLDEN_ANGLE = 0.618034  # of the colour circle: neighbours in number are far apart in hue
_SHADES = ((0.85, 1.0), (0.5, 1.0), (0.95, 0.7))  # saturation and value of a class's 1st, 2nd, ...
_LIGHT_BACKGROUND = 140  # luma from which black text reads better than white


def draw_instances(
    image: NDArray[np.uint8], instances: Instances, labels: Sequence[str]
) -> Image.Image:
    """Return the photo in RGB with masks, outlines, boxes, labels and scores.

    It is uint8 [h, w, channels], of which one is grey and the first three are the colours.
    `labels[0]` names class 1; a class without a name is shown as its number. A class keeps its hue
    from photo to photo, and its instances differ in shade.
    """
    canvas = _canvas(image)
    colors = instance_colors(instances.class_ids)
    areas = np.prod(instances.boxes_yxyx[:, 2:] - instances.boxes_yxyx[:, :2], axis=1)
    for index in np.argsort(-areas, kind="stable"):  # the small ones stay visible on the large
        _draw_one(canvas, instances.masks[index], instances.boxes_yxyx[index], colors[index])
    plates = _Plates(canvas)
    for index, color in enumerate(colors):
        class_id = int(instances.class_ids[index])
        name = labels[class_id - 1] if class_id <= len(labels) else str(class_id)
        text = f"{name} {instances.scores[index]:.2f}"
        plates.add(text, instances.boxes_yxyx[index], color)
    return canvas


def instance_colors(class_ids: Sequence[int] | NDArray[np.integer]) -> list[Color]:
    """Return one colour an instance: the hue by its class, the shade by its turn in the class."""
    seen: Counter[int] = Counter()
    colors = []
    for class_id in map(int, class_ids):
        saturation, value = _SHADES[seen[class_id] % len(_SHADES)]
        seen[class_id] += 1
        red, green, blue = colorsys.hsv_to_rgb(class_id * _GOLDEN_ANGLE % 1, saturation, value)
        colors.append((round(255 * red), round(255 * green), round(255 * blue)))
    return colors


def line_width(size: tuple[int, int]) -> int:
    """Return a line's width for a picture of this size: 1 on a thumbnail, 2 at 640 x 480."""
    return max(1, round(min(size) / 260))


def _canvas(image: NDArray[np.uint8]) -> Image.Image:
    if image.shape[2] < 3:
        return Image.fromarray(image[:, :, 0]).convert("RGB")
    return Image.fromarray(image[:, :, :3])


def _draw_one(
    canvas: Image.Image, mask: NDArray[np.float32], box_yxyx: NDArray[np.int32], color: Color
) -> None:
    top, left, bottom, right = (int(side) for side in box_yxyx)
    cover = paste(mask, box_yxyx).view(np.uint8)
    cover *= round(255 * _TINT_ALPHA)
    canvas.paste(color, (left, top), Image.fromarray(cover))
    draw = ImageDraw.Draw(canvas)
    width = line_width(canvas.size)
    for outline in polygons(mask, box_yxyx):
        for ring in outline:
            # Pillow counts from a pixel's centre, polygons from its edge.
            draw.line([(x - 0.5, y - 0.5) for x, y in ring], color, width, joint="curve")
    draw.rectangle((left, top, right - 1, bottom - 1), outline=color, width=max(1, width // 2))


@dataclass
class _Plates:
    """Label plates on one picture, each where it hides no earlier one if there is such a place."""

    canvas: Image.Image
    taken: list[Rectangle] = field(default_factory=list)

    def __post_init__(self) -> None:
        size = max(10, min(self.canvas.size) // 34)
        self.font = ImageFont.load_default(size)
        self.margin = max(2, size // 5)
        ascent, descent = (
            self.font.getmetrics() if isinstance(self.font, ImageFont.FreeTypeFont) else (size, 0)
        )
        self.height = ascent + descent + self.margin

    def add(self, text: str, box_yxyx: NDArray[np.int32], color: Color) -> None:
        draw = ImageDraw.Draw(self.canvas)
        width = round(draw.textlength(text, self.font)) + 2 * self.margin
        place = self._place(width, box_yxyx)
        draw.rectangle(place, fill=color)
        luma = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
        ink = (0, 0, 0) if luma > _LIGHT_BACKGROUND else (255, 255, 255)
        draw.text((place[0] + self.margin, place[1] + self.margin // 2), text, ink, self.font)
        self.taken.append(place)

    def _place(self, width: int, box_yxyx: NDArray[np.int32]) -> Rectangle:
        top, left, bottom, right = (int(side) for side in box_yxyx)
        places = [
            self._inside_picture(x, y, width)
            for y in (top - self.height, top, bottom, bottom - self.height)
            for x in (left, right - width)
        ]
        return next((place for place in places if not self._is_taken(place)), places[0])

    def _inside_picture(self, x: int, y: int, width: int) -> Rectangle:
        x = max(0, min(x, self.canvas.width - width))
        y = max(0, min(y, self.canvas.height - self.height))
        return x, y, x + width - 1, y + self.height - 1

    def _is_taken(self, place: Rectangle) -> bool:
        x1, y1, x2, y2 = place
        return any(x1 <= u2 and u1 <= x2 and y1 <= v2 and v1 <= y2 for u1, v1, u2, v2 in self.taken)
