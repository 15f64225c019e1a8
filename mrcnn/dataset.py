"""The base class of a training set, as Matterport's users subclass it.

A subclass calls `add_class` and `add_image` for what it has, overrides `load_mask`, and whoever
uses it calls `prepare` first.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mrcnn.pictures.pixels import rgb

_logger = logging.getLogger(__name__)


class Dataset:
    """Pictures and classes of one or several sources, numbered through once prepared."""

    def __init__(self, class_map: Any = None) -> None:
        self._image_ids: NDArray[np.int_] = np.zeros(0, int)
        self.image_info: list[dict[str, Any]] = []
        self.class_info: list[dict[str, Any]] = [{"source": "", "id": 0, "name": "BG"}]
        self.source_class_ids: dict[str, list[int]] = {}

    def add_class(self, source: str, class_id: int, class_name: str) -> None:
        """Register a class under its source's own number; a second time has no effect."""
        if "." in source:
            raise ValueError(f"the source's name {source!r} must not hold a dot")
        if not any(c["source"] == source and c["id"] == class_id for c in self.class_info):
            self.class_info.append({"source": source, "id": class_id, "name": class_name})

    def add_image(self, source: str, image_id: Any, path: str | None, **kwargs: Any) -> None:
        """Register a picture; `kwargs` are kept with it in `image_info`."""
        self.image_info.append({"id": image_id, "source": source, "path": path, **kwargs})

    def image_reference(self, image_id: int) -> str:
        """Return where to read about a picture; a subclass knows better."""
        return ""

    def prepare(self, class_map: Any = None) -> None:
        """Number classes and pictures; call it after the last `add_class` and `add_image`."""
        self.num_classes = len(self.class_info)
        self.class_ids = np.arange(self.num_classes)
        self.class_names = [info["name"].split(",")[0] for info in self.class_info]
        self.num_images = len(self.image_info)
        self._image_ids = np.arange(self.num_images)
        self.class_from_source_map = _numbers_by_source(self.class_info)
        self.image_from_source_map = _numbers_by_source(self.image_info)
        self.sources = list(dict.fromkeys(info["source"] for info in self.class_info))
        self.source_class_ids = {
            source: [
                index
                for index, info in enumerate(self.class_info)
                if index == 0 or info["source"] == source
            ]
            for source in self.sources
        }

    def map_source_class_id(self, source_class_id: str) -> int:
        """Return the class id of "source.id", for example "coco.12"."""
        return self.class_from_source_map[source_class_id]

    def get_source_class_id(self, class_id: int, source: str) -> Any:
        """Return the number that `source` itself has for a class of its own."""
        info = self.class_info[class_id]
        if info["source"] != source:
            raise ValueError(f"class {class_id} is of source {info['source']!r}, not {source!r}")
        return info["id"]

    @property
    def image_ids(self) -> NDArray[np.int_]:
        return self._image_ids

    def source_image_link(self, image_id: int) -> Any:
        """Return the path or address of a picture."""
        return self.image_info[image_id]["path"]

    def load_image(self, image_id: int) -> NDArray[np.uint8]:
        """Return a picture as uint8 [h, w, 3] RGB, whatever its file holds.

        As in the original, transparency is cut off and EXIF turns nothing. Samples of more than 8
        bits are scaled to 8. Raises ValueError for those that stand for no brightness.
        """
        with Image.open(self.image_info[image_id]["path"]) as picture:
            picture.load()
            return np.array(rgb(picture))

    def load_mask(self, image_id: int) -> tuple[NDArray[Any], NDArray[np.int32]]:
        """Return the masks, bool [h, w, n], and class ids, int32 [n]; a subclass has some."""
        _logger.warning("%s has no load_mask of its own", type(self).__name__)
        return np.empty([0, 0, 0]), np.empty([0], np.int32)


def _numbers_by_source(infos: list[dict[str, Any]]) -> dict[str, int]:
    return {f"{info['source']}.{info['id']}": number for number, info in enumerate(infos)}
