"""What is on pictures, as a COCO annotation file tells: instances with their masks and categories.

All of it is looked at when it is read: whoever judges by it trusts it. No framework is imported.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pycocotools import mask as coco

_LISTS = ("images", "annotations", "categories")
# Of a value so much is told.
_TOLD = 60
# A coordinate may lie outside of the picture, by its own size at most: what draws polygons takes
# memory by their length.
_OUTSIDE = 1
# Characters of COCO's compressed code; the last one says that none follows.
_COUNTS = re.compile(r"[0-o]*[0-O]")


class AnnotationsError(ValueError):
    """Annotations that cannot be used; the message is one line: file, field, value."""


@dataclass(frozen=True)
class AnnotatedPicture:
    """A picture whose instances are known: its sides in pixels, after its EXIF turn."""

    id: int
    file_name: str
    width: int
    height: int


@dataclass(frozen=True)
class Annotations:
    """What is on some pictures.

    Attributes:
        name: the file's.
        categories: their names by their ids.
        instances: COCO's annotations with `id`, `image_id`, `category_id`, `iscrowd`, `bbox`,
            `area` and, as a run-length code, `segmentation`.
    """

    name: str
    pictures: tuple[AnnotatedPicture, ...]
    categories: Mapping[int, str]
    instances: tuple[Mapping[str, Any], ...]

    @property
    def counted(self) -> int:
        """How many instances are to be found: all but crowds."""
        return sum(not instance["iscrowd"] for instance in self.instances)

    def of(self, pictures: Iterable[AnnotatedPicture]) -> Annotations:
        """Return what is on these of the pictures, in the order given."""
        kept = tuple(pictures)
        ids = {picture.id for picture in kept}
        there = tuple(one for one in self.instances if one["image_id"] in ids)
        return replace(self, pictures=kept, instances=there)

    def within(self, category_ids: Iterable[int]) -> Annotations:
        """Return what is there of these categories."""
        ids = set(category_ids)
        categories = {key: name for key, name in self.categories.items() if key in ids}
        there = tuple(one for one in self.instances if one["category_id"] in ids)
        return replace(self, categories=categories, instances=there)

    def dataset(self) -> dict[str, Any]:
        """Return it as pycocotools takes it; what that adds is not seen here."""
        return {
            "info": {},
            "images": [vars(picture) for picture in self.pictures],
            "categories": [{"id": key, "name": name} for key, name in self.categories.items()],
            "annotations": [dict(instance) for instance in self.instances],
        }


def read_annotations(path: Path) -> Annotations:
    """Read a COCO file of instances; raises AnnotationsError, or OSError."""
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise AnnotationsError(f"{path.name}: is no JSON: {error}") from error
    reader = _Reader(path.name)
    lists = reader.lists(document)
    categories = reader.categories(lists["categories"])
    pictures = reader.pictures(lists["images"])
    instances = reader.instances(lists["annotations"], pictures, categories)
    return Annotations(path.name, tuple(pictures.values()), categories, instances)


class _Reader:
    """Reads the parts of a file, and says where one is not as it has to be."""

    def __init__(self, name: str) -> None:
        self._name = name

    def lists(self, document: object) -> dict[str, list[Any]]:
        """Return the three lists, of which none is empty."""
        if not isinstance(document, dict):
            raise AnnotationsError(
                f"{self._name}: is a {type(document).__name__}, not an object with "
                f"{', '.join(_LISTS)}"
            )
        for field in _LISTS:
            if field not in document:
                raise AnnotationsError(f"{self._name}: has no `{field}`")
            if not isinstance(document[field], list) or not document[field]:
                raise self._wrong(field, document[field], "a list with one or more is needed")
        return {field: document[field] for field in _LISTS}

    def categories(self, given: list[Any]) -> dict[int, str]:
        """Return the names by their ids."""
        categories: dict[int, str] = {}
        names: dict[str, str] = {}
        for index, each in enumerate(given):
            place = f"categories[{index}]"
            key = self._new_id(place, each, categories)
            categories[key] = self._new_text(place, each, "name", names)
        return categories

    def pictures(self, given: list[Any]) -> dict[int, AnnotatedPicture]:
        """Return the pictures by their ids."""
        pictures: dict[int, AnnotatedPicture] = {}
        files: dict[str, str] = {}
        for index, each in enumerate(given):
            place = f"images[{index}]"
            key = self._new_id(place, each, pictures)
            file = self._new_text(place, each, "file_name", files)
            width, height = (self._whole(place, each, side, 1) for side in ("width", "height"))
            pictures[key] = AnnotatedPicture(key, file, width, height)
        return pictures

    def instances(
        self,
        given: list[Any],
        pictures: Mapping[int, AnnotatedPicture],
        categories: Mapping[int, str],
    ) -> tuple[Mapping[str, Any], ...]:
        """Return COCO's annotations, counted anew: pycocotools overlooks one whose id is 0."""
        instances: list[Mapping[str, Any]] = []
        for index, each in enumerate(given):
            place = f"annotations[{index}]"
            for field, known in (("image_id", pictures), ("category_id", categories)):
                if self._whole(place, each, field) not in known:
                    what = "image" if field == "image_id" else "category"
                    raise self._wrong(f"{place}.{field}", each[field], f"no {what} has this id")
            picture = pictures[each["image_id"]]
            crowd = each.get("iscrowd", 0)
            if crowd not in (0, 1):
                raise self._wrong(f"{place}.iscrowd", crowd, "0 or 1 is needed")
            code = self._code(f"{place}.segmentation", each.get("segmentation"), picture)
            instances.append(
                {
                    "id": index + 1,
                    "image_id": picture.id,
                    "category_id": each["category_id"],
                    "iscrowd": int(crowd),
                    "segmentation": code,
                    "bbox": self._box(place, each, code),
                    "area": self._area(place, each, code),
                }
            )
        return tuple(instances)

    def _code(self, place: str, given: object, picture: AnnotatedPicture) -> dict[str, Any]:
        """Return polygons or a code of either sort as a compressed one."""
        size = [picture.height, picture.width]
        if isinstance(given, list):
            self._check_polygons(place, given, picture)
            merged: dict[str, Any] = coco.merge(coco.frPyObjects(given, *size))
            return merged
        if not isinstance(given, dict):
            raise self._wrong(place, given, "polygons or a run-length code are needed")
        if given.get("size") != size:
            wanted = f"the picture's is {size}, height and width"
            raise self._wrong(f"{place}.size", given.get("size"), wanted)
        counts = given.get("counts")
        if isinstance(counts, list):
            if not all(_is_whole(count) and count >= 0 for count in counts):
                raise self._wrong(f"{place}.counts", counts, "whole numbers are needed")
            if sum(counts) != size[0] * size[1]:
                wanted = f"together they are {sum(counts)}, and the picture {size[0] * size[1]}"
                raise self._wrong(f"{place}.counts", counts, wanted)
            code: dict[str, Any] = coco.frPyObjects(given, *size)
            return code
        if not isinstance(counts, str) or not _COUNTS.fullmatch(counts):
            raise self._wrong(f"{place}.counts", counts, "COCO's run-length code is needed")
        code = {"size": size, "counts": counts.encode("ascii")}
        if not 0 <= int(coco.area(code)) <= size[0] * size[1]:
            raise self._wrong(f"{place}.counts", counts, "it is of more pixels than the picture")
        return code

    def _check_polygons(self, place: str, given: list[Any], picture: AnnotatedPicture) -> None:
        if not given:
            raise self._wrong(place, given, "polygons or a run-length code are needed")
        for index, polygon in enumerate(given):
            is_list = isinstance(polygon, list) and len(polygon) >= 6 and len(polygon) % 2 == 0
            if not is_list or not all(map(_is_number, polygon)):
                wanted = "x, y, x, y, … of three or more points are needed"
                raise self._wrong(f"{place}[{index}]", polygon, wanted)
            for side, values in ((picture.width, polygon[::2]), (picture.height, polygon[1::2])):
                far = [v for v in values if not -side * _OUTSIDE <= v <= side * (1 + _OUTSIDE)]
                if far:
                    wanted = f"the picture is {picture.width} x {picture.height}"
                    raise self._wrong(f"{place}[{index}]", far[0], wanted)

    def _box(self, place: str, each: Mapping[str, Any], code: dict[str, Any]) -> list[float]:
        box = each.get("bbox")
        if box is None:
            found: list[float] = coco.toBbox(code).tolist()
            return found
        if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
            raise self._wrong(f"{place}.bbox", box, "x, y, width and height are needed")
        if box[2] < 0 or box[3] < 0:
            raise self._wrong(f"{place}.bbox", box, "width or height is below 0")
        return [float(side) for side in box]

    def _area(self, place: str, each: Mapping[str, Any], code: dict[str, Any]) -> float:
        area = each.get("area")
        if area is None:
            return float(coco.area(code))
        if not _is_number(area) or area < 0:
            raise self._wrong(f"{place}.area", area, "a number from 0 on is needed")
        return float(area)

    def _new_id(self, place: str, each: object, there: Mapping[int, object]) -> int:
        key = self._whole(place, each, "id")
        if key in there:
            raise self._wrong(f"{place}.id", key, "one before has it too")
        return key

    def _whole(self, place: str, each: object, field: str, least: int = 0) -> int:
        value = self._value(place, each, field)
        if not _is_whole(value) or value < least:
            raise self._wrong(
                f"{place}.{field}", value, f"a whole number from {least} on is needed"
            )
        return int(value)

    def _new_text(self, place: str, each: object, field: str, there: dict[str, str]) -> str:
        value = self._value(place, each, field)
        if not isinstance(value, str) or not value.strip():
            raise self._wrong(f"{place}.{field}", value, "a text is needed")
        if there.setdefault(value, place) != place:
            raise self._wrong(f"{place}.{field}", value, f"so is that of {there[value]}")
        return value

    def _value(self, place: str, each: object, field: str) -> Any:
        if not isinstance(each, dict):
            raise self._wrong(place, each, "an object is needed")
        if field not in each:
            raise AnnotationsError(f"{self._name}: {place} has no `{field}`")
        return each[field]

    def _wrong(self, field: str, value: object, wanted: str) -> AnnotationsError:
        told = repr(value)
        told = told if len(told) <= _TOLD else f"{told[:_TOLD]}…"
        return AnnotationsError(f"{self._name}: {field} is {told}: {wanted}")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)  # type: ignore[arg-type]
