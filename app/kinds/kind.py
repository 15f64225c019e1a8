"""What a kind of model has to do to be served.

The seam between the model repository and the frameworks: importing this module, or asking a kind
about a file, imports no framework; only `Kind.load` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mrcnn.instances import Instances


class ModelError(Exception):
    """A model that cannot be loaded; its text is one line that names the cause."""


class PictureError(Exception):
    """A picture that a model cannot take, for a reason that lies in the picture.

    `unit`, `value` and `limit` say by what it is too large, where that is the reason.
    """

    def __init__(
        self, reason: str, *, unit: str | None = None, value: int = 0, limit: int = 0
    ) -> None:
        super().__init__(reason)
        self.unit, self.value, self.limit = unit, value, limit


@dataclass(frozen=True)
class Parameters:
    """What one request asks for; None means the model's own default."""

    min_score: float | None = None
    max_instances: int | None = None


@dataclass(frozen=True)
class ModelSource:
    """One model as it was found on disk.

    `folder` is what paths in the options are relative to; `options` are those of `model.yaml`,
    already validated; `labels` are the lines as given, one a class; `threads` 0 means the
    framework's own choice; `max_molded_pixels` bounds what one picture may become for the network.
    """

    name: str
    version: int
    path: Path
    folder: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] | None = None
    threads: int = 0
    max_molded_pixels: int = 4_194_304


class LoadedModel(Protocol):
    """A model in memory. One thread at a time calls `predict`, with what `check` let pass."""

    @property
    def kind(self) -> str:
        """The kind's name."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The class names; `labels[0]` belongs to class id 1."""

    def describe(self) -> dict[str, Any]:
        """Return what the file says the model is, as plain JSON values."""

    def warm_up(self) -> None:
        """Run once what is slow the first time."""

    def check(self, image: NDArray[np.uint8]) -> None:
        """Raise PictureError where `predict` cannot take the image; from any thread, and quick."""

    def predict(
        self, images: Sequence[NDArray[np.uint8]], parameters: Sequence[Parameters]
    ) -> list[Instances]:
        """Return what is on each image, by the parameters of each.

        An image is uint8 RGB [height, width, 3], or [height, width, 4] where the picture has a
        fourth channel, transparency for one; a kind that has no use for it drops it.
        """


class Kind(Protocol):
    """One kind of model file."""

    @property
    def name(self) -> str:
        """The name that `kind:` in `model.yaml` and `/v1/models` use."""

    def recognises(self, path: Path) -> bool:
        """Say by the file's content whether it is of this kind; never raises."""

    def refusal(self, path: Path) -> str:
        """Say in one line why the file is not recognised; never raises."""

    def examine(self, source: ModelSource) -> dict[str, Any]:
        """Return what is known of the model without a framework, as plain JSON values.

        Raises ModelError for all that can be seen to be wrong with the file, the options and the
        labels: `load` sees the same, in the same words.
        """

    def load(self, source: ModelSource) -> LoadedModel:
        """Load the model; raises ModelError."""
