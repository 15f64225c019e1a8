"""Matterport's batches for training, as a generator and as a sequence: `mrcnn.model.<name>`.

Notebooks look at them; `mrcnn.training.trainer` takes `Example`s instead.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrcnn.anchors import anchors_for
from mrcnn.config import Config
from mrcnn.dataset import Dataset
from mrcnn.inputs import load_image_gt, mold_image
from mrcnn.training.ground_truth import (
    build_detection_targets,
    build_rpn_targets,
    generate_random_rois,
)

Array = NDArray[Any]

_logger = logging.getLogger(__name__)
#: Pictures that may fail before a generator gives up.
_FAILURES_LEFT_OUT = 5


@dataclass(frozen=True)
class _Source:
    """Where the entries of a batch come from, and what is wanted with them."""

    dataset: Dataset
    config: Config
    augment: bool = False
    augmentation: Any = None
    random_rois: int = 0
    detection_targets: bool = False
    no_augmentation_sources: Collection[str] = ()
    anchors: Array = field(init=False)

    def __post_init__(self) -> None:
        anchors = anchors_for(tuple(self.config.IMAGE_SHAPE), self.config)
        object.__setattr__(self, "anchors", anchors)

    def entry(self, image_id: int) -> tuple[list[Array], list[Array]] | None:
        """Return one picture's inputs and targets, or None for a picture without instances."""
        config = self.config
        source = self.dataset.image_info[image_id]["source"]
        image, meta, class_ids, boxes, masks = load_image_gt(
            self.dataset,
            config,
            image_id,
            augment=self.augment,
            augmentation=None if source in self.no_augmentation_sources else self.augmentation,
            use_mini_mask=config.USE_MINI_MASK,
        )
        if not (class_ids > 0).any():
            return None
        match, deltas = build_rpn_targets(image.shape, self.anchors, class_ids, boxes, config)
        most = config.MAX_GT_INSTANCES
        chosen = np.arange(len(boxes))
        if len(boxes) > most:
            chosen = np.random.choice(chosen, most, replace=False)
        truth = (class_ids[chosen], boxes[chosen], masks[..., chosen])
        molded = mold_image(image.astype(np.float32), config)
        inputs = [molded, meta, match[:, None], deltas]
        inputs += [_padded(part, most) for part in (truth[0].astype(np.int32), truth[1])]
        inputs.append(np.moveaxis(_padded(np.moveaxis(truth[2], -1, 0), most), 0, -1))
        rois, targets = self._regions(image.shape, (class_ids, boxes, masks))
        return inputs + rois, targets

    def _regions(
        self, shape: tuple[int, ...], truth: tuple[Array, Array, Array]
    ) -> tuple[list[Array], list[Array]]:
        if not self.random_rois:
            return [], []
        class_ids, boxes, masks = truth
        rois = generate_random_rois(shape, self.random_rois, class_ids, boxes)
        if not self.detection_targets:
            return [rois], []
        masks = masks.astype(bool)
        sampled, *targets = build_detection_targets(
            rois, class_ids.astype(np.int32), boxes, masks, self.config
        )
        return [rois, sampled], [targets[0][:, None], *targets[1:]]


def _padded(rows: Array, count: int) -> Array:
    full = np.zeros((count, *rows.shape[1:]), rows.dtype)
    full[: len(rows)] = rows
    return full


def _entries(
    source: _Source, image_ids: Iterator[int]
) -> Iterator[tuple[list[Array], list[Array]]]:
    """Yield the entries of pictures; some may fail, with a line in the log."""
    failures = 0
    for image_id in image_ids:
        try:
            found = source.entry(image_id)
        except Exception:
            failures += 1
            if failures > _FAILURES_LEFT_OUT:
                raise
            _logger.exception("picture %s fails", source.dataset.image_info[image_id])
            continue
        if found is not None:
            yield found


def _batch(
    entries: Iterator[tuple[list[Array], list[Array]]], size: int
) -> tuple[list[Array], list[Array]]:
    chosen = list(islice(entries, size))
    inputs, targets = (
        [np.stack(column) for column in zip(*(entry[part] for entry in chosen), strict=True)]
        for part in (0, 1)
    )
    return inputs, targets


def _endless(image_ids: Array, shuffle: bool) -> Iterator[int]:
    if not len(image_ids):
        raise ValueError("the data set has no pictures; prepare() is called after adding them")
    image_ids = np.copy(image_ids)
    while True:
        if shuffle:
            np.random.shuffle(image_ids)
        yield from image_ids.tolist()


def data_generator(
    dataset: Dataset,
    config: Config,
    shuffle: bool = True,
    augment: bool = False,
    augmentation: Any = None,
    random_rois: int = 0,
    batch_size: int = 1,
    detection_targets: bool = False,
    no_augmentation_sources: Collection[str] | None = None,
) -> Iterator[tuple[list[Array], list[Array]]]:
    """Yield batches without end: (inputs, targets), each a list of arrays with the batch in front.

    Inputs: molded images, metas, match [anchors, 1] and deltas of anchors, and, padded to
    MAX_GT_INSTANCES, class ids, boxes in pixels, masks [h, w, instances]; with `random_rois` so
    many regions; with `detection_targets` those sampled of them too, and their class ids, deltas
    and masks as targets. Pictures without instances are left out, and so are up to five that fail,
    with a line in the log.
    """
    source = _Source(
        dataset,
        config,
        augment=augment,
        augmentation=augmentation,
        random_rois=random_rois,
        detection_targets=detection_targets,
        no_augmentation_sources=no_augmentation_sources or (),
    )
    entries = _entries(source, _endless(dataset.image_ids, shuffle))
    while True:
        yield _batch(entries, batch_size)


class DataGenerator:
    """The same batches by number, as the forks for TensorFlow 2 have them.

    Args:
        dataset, config: where they come from; BATCH_SIZE is read.
        shuffle: whether pictures are mixed anew whenever batch 0 is asked for.
        augmentation, random_rois, detection_targets: those of `data_generator`.
    """

    def __init__(
        self,
        dataset: Dataset,
        config: Config,
        shuffle: bool = True,
        augmentation: Any = None,
        random_rois: int = 0,
        detection_targets: bool = False,
    ) -> None:
        self.dataset, self.config, self.shuffle = dataset, config, shuffle
        self.image_ids, self.batch_size = np.copy(dataset.image_ids), config.BATCH_SIZE
        self._source = _Source(
            dataset,
            config,
            augmentation=augmentation,
            random_rois=random_rois,
            detection_targets=detection_targets,
        )

    def __len__(self) -> int:
        return -(-len(self.image_ids) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[list[Array], list[Array]]:
        if not 0 <= index < len(self):
            raise IndexError(f"there is no batch {index} of {len(self)}")
        if self.shuffle and index == 0:
            np.random.shuffle(self.image_ids)
        image_ids = np.roll(self.image_ids, -index * self.batch_size)
        entries = _entries(self._source, _endless(image_ids, shuffle=False))
        return _batch(entries, self.batch_size)
