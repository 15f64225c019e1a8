"""Pictures of which a COCO file tells what is on them, for a model that has labels of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.images.decoding import measure
from app.images.limits import ImageError
from app.kinds.kind import Labelled, LabelsError, ModelSource
from app.kinds.limits import Limits
from app.kinds.mask_rcnn.coco import COCO_LABELS
from app.kinds.mask_rcnn.model import labels_for
from mrcnn.annotations import AnnotatedPicture, Annotations, AnnotationsError, read_annotations
from mrcnn.evaluation import Truth

# Of names that have no other side so many are told.
_NAMED = 5


@dataclass(frozen=True)
class Known:
    """What is on pictures of a folder, in a model's own classes; `remarks` tell what is not."""

    truth: Truth
    images: Path
    remarks: tuple[str, ...]

    @property
    def pictures(self) -> tuple[AnnotatedPicture, ...]:
        """All of them, or those that `of` has left."""
        return self.truth.annotations.pictures

    def path(self, picture: AnnotatedPicture) -> Path:
        """Return where it lies."""
        return self.images / picture.file_name

    def of(self, pictures: Sequence[AnnotatedPicture]) -> Known:
        """Return what is on these."""
        kept = Truth(self.truth.annotations.of(pictures), self.truth.category_of)
        return Known(kept, self.images, self.remarks)

    def check_pictures(self, limits: Limits, tell: Callable[[int], None]) -> None:
        """Raise LabelsError for a picture that is not there, or not as its labels say.

        Only headers are read, before hours are spent on what comes before a bad one.
        """
        for count, picture in enumerate(self.pictures, start=1):
            path = self.path(picture)
            try:
                size = measure(path.read_bytes(), limits.picture)
            except ImageError as error:
                raise LabelsError(f"{path}: {error}") from error
            except OSError as error:
                told = f"`file_name` of the image {picture.id} in {self.truth.annotations.name}"
                raise LabelsError(f"{path}: {error.strerror}; it is {told}") from error
            if size != (picture.width, picture.height):
                raise LabelsError(
                    f"{path}: has {size[0]} x {size[1]} pixels; `width` and `height` of the image "
                    f"{picture.id} in {self.truth.annotations.name} are "
                    f"{picture.width} x {picture.height}"
                )
            tell(count)


def known(labelled: Labelled, source: ModelSource, num_classes: int) -> Known:
    """Read what is on the pictures, and match its categories with a model's labels.

    Raises LabelsError.
    """
    try:
        annotations = read_annotations(labelled.labels)
    except AnnotationsError as error:
        raise LabelsError(str(error)) from error
    except OSError as error:
        raise LabelsError(f"{labelled.labels}: {error.strerror}") from error
    if labelled.most is not None:
        annotations = annotations.of(annotations.pictures[: labelled.most])
    labels = labels_for(num_classes, source.labels)
    if source.labels is None and labels != COCO_LABELS:
        category_of = {key: key for key in annotations.categories if 1 <= key < num_classes}
        there = f"the model's class ids, 1 to {num_classes - 1}: it has no labels"
    else:
        category_of = _by_name(annotations, labels)
        there = f"the model's labels: {_names(labels)}"
    if not category_of:
        raise LabelsError(
            f"{annotations.name}: `categories` has nothing of {there}; it has "
            f"{_names([f'{name} ({key})' for key, name in annotations.categories.items()])}"
        )
    remarks = _remarks(annotations, category_of, labels)
    kept = annotations.within(category_of.values())
    if not kept.counted:
        raise LabelsError(
            f"{annotations.name}: `annotations` has no instance, crowds aside, of a category that "
            f"the model knows, on {len(kept.pictures)} pictures"
        )
    return Known(Truth(kept, category_of), labelled.images, remarks)


def _by_name(annotations: Annotations, labels: Sequence[str]) -> dict[int, int]:
    """Return the category of each class id."""
    ids: dict[str, int] = {}
    for key, name in annotations.categories.items():
        other = ids.setdefault(_plain(name), key)
        if other != key:
            raise LabelsError(
                f"{annotations.name}: `categories` has {name!r} twice, ids {other} and {key}"
            )
    plain = enumerate(map(_plain, labels), start=1)
    return {class_id: ids[name] for class_id, name in plain if name in ids}


def _plain(name: str) -> str:
    """Return a name as it is compared: case, spaces, `_` and `-` make no other one of it."""
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


def _remarks(
    annotations: Annotations, category_of: dict[int, int], labels: Sequence[str]
) -> tuple[str, ...]:
    remarks = []
    strange = [key for key in annotations.categories if key not in category_of.values()]
    if strange:
        count = sum(not one["iscrowd"] for one in annotations.instances) - (
            annotations.within(category_of.values()).counted
        )
        names = _names([annotations.categories[key] for key in strange])
        remarks.append(
            f"categories that the model does not know are left out, with {count} instances: {names}"
        )
    unasked = [label for key, label in enumerate(labels, start=1) if key not in category_of]
    if unasked:
        remarks.append(
            f"labels without a category; what is found of them does not count: {_names(unasked)}"
        )
    return tuple(remarks)


def _names(names: Sequence[str]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
