"""What the HTTP side sees of inference, wherever the models run.

`app.serving.connect.connect` chooses the implementation; nothing here imports a framework.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from app.kinds.kind import Parameters
from mrcnn.instances import Instances


@dataclass(frozen=True, eq=False)
class Prediction:
    """What one model found on one photo."""

    model: str
    version: int
    labels: tuple[str, ...]
    """The class names; `labels[0]` belongs to class id 1."""
    instances: Instances
    queue_ms: float
    inference_ms: float


@dataclass(frozen=True)
class ModelStatus:
    """One model of the repository: what it is, and whether it serves.

    `version` is 0 where no numbered version was found; `description` holds the kind's own facts
    (backbone, class count, config) and the file's name, bytes and sha256.
    """

    name: str
    version: int
    state: str
    """`loading`, `ready` or `failed`."""
    kind: str | None = None
    is_default: bool = False
    description: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    loaded_s: float | None = None


#: Says whether whoever asked has hung up.
IsGone = Callable[[], bool]


class Turn(Protocol):
    """A place in the queue, given or to be taken, of the thread that entered; to be closed."""

    def predict(
        self,
        image: NDArray[np.uint8],
        parameters: Parameters = Parameters(),  # noqa: B008 - a frozen value
    ) -> Prediction:
        """Return what is on `image`, once; raises ServingError.

        It is uint8 [height, width, 3] RGB, or [height, width, 4] where the picture has a fourth
        channel.
        """

    def close(self) -> None:
        """Give the place away; may be called again."""


class InferenceClient(Protocol):
    """Predictions and the state of the models. Safe to share between threads."""

    def enter(
        self,
        *,
        model: str | None = None,
        version: int | None = None,
        timeout_s: float | None = None,
        is_gone: IsGone | None = None,
        ahead: bool = True,
    ) -> Turn:
        """Take a place in the queue before the work of decoding a photo is done.

        Args:
            model: its name; the default model unless told.
            version: of the model; the highest unless told.
            timeout_s: from now on, until the prediction is there; INFERENCE_TIMEOUT_S at most.
            is_gone: asked while the photo waits; one that nobody waits for is not predicted.
            ahead: without it the place may as well be taken when the photo comes. That is quicker
                where there is room, and `predict` may then raise what this would.

        Raises:
            InferenceOverloaded: there is no place, or the wait would be longer than the time.
            ServingError: there is no such model, it is not ready, nothing runs.
        """

    def predict(
        self,
        image: NDArray[np.uint8],
        *,
        model: str | None = None,
        version: int | None = None,
        parameters: Parameters = Parameters(),  # noqa: B008 - a frozen value
    ) -> Prediction:
        """Enter and predict: return what is on `image`, as `Turn.predict` takes it."""
        with contextlib.closing(self.enter(model=model, version=version)) as turn:
            return turn.predict(image, parameters)

    def models(self) -> list[ModelStatus]:
        """Return every model of the repository; raises InferenceUnavailable."""

    def readiness(self) -> tuple[bool, str]:
        """Say whether traffic may come, and in one line why not; never raises."""

    def is_ready(self) -> bool:
        """Say whether traffic may come; never raises."""
        return self.readiness()[0]

    def close(self) -> None:
        """Let go of connections, threads and models."""
