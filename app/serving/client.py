"""What the HTTP side sees of inference, wherever the models run.

`app.serving.connect.connect` chooses the implementation; nothing here imports a framework.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.kinds.tensors import Facts, Tensors
from app.serving.split import point_of

#: Says whether whoever asked has hung up.
IsGone = Callable[[], bool]


@dataclass(frozen=True)
class Ask:
    """What a request wants of inference, beside its inputs.

    Args:
        model: its name; the default model unless told.
        version: of the model, or its label; the highest unless told.
        timeout_s: from now on, until the prediction is there; INFERENCE_TIMEOUT_S at most.
        is_gone: asked while the request waits; one that nobody waits for is not predicted.
        loaded: of the `Chosen` that the inputs are read for; no other may answer.
        key: the request's id, which decides between versions that share the requests.
    """

    model: str | None = None
    version: int | str | None = None
    timeout_s: float | None = None
    is_gone: IsGone | None = None
    loaded: str | None = None
    key: str | None = None


#: The default model, as soon as may be.
ANY = Ask()


@dataclass(frozen=True)
class Chosen:
    """The ready model that a request means, as its face has to know it."""

    model: str
    version: int
    face: str
    facts: Facts
    loaded: str = ""
    """What tells it from the same version loaded before or after."""
    span: tuple[int, int] | None = None
    """Of a split: for the keys on which of its points, the last not among them, it is chosen."""

    def is_for(self, key: str | None) -> bool:
        """Say whether it is chosen for a key too."""
        if self.span is None:
            return True
        return key is not None and self.span[0] <= point_of(key) < self.span[1]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What came out of one model for one set of inputs."""

    model: str
    version: int
    result: Tensors
    queue_ms: float
    inference_ms: float
    ticket: str | None = None
    """Of a prediction that a shadow is to make too, once `answered` is told of it."""


@dataclass(frozen=True)
class ModelStatus:
    """One model of the repository: what it is, and whether it serves.

    `version` is 0 where no numbered version was found; `description` holds the kind's own facts
    (backbone, class count, config) and the file's name, bytes and sha256.
    """

    name: str
    version: int
    state: str
    """`loading`, `ready`, `failed` or `unloaded`."""
    kind: str | None = None
    is_default: bool = False
    description: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    loaded_s: float | None = None
    face: str | None = None
    """How clients see it, once it is ready."""
    version_labels: Sequence[str] = field(default_factory=list)
    """What its version may be called beside its number."""
    split: float | None = None
    """What it is to answer of a hundred requests that name no version, where those are split."""
    share: float | None = None
    """What it answers of them now."""
    shadow: Mapping[str, Any] | None = None
    """Of a shadow, what came of the copies that it got; see `shadows.Tally`."""
    samples: Sequence[str] = field(default_factory=list)
    """The names of the pictures that lie with it."""


class Turn(Protocol):
    """A place in the queue, given or to be taken, of the thread that entered; to be closed."""

    def predict(self, inputs: Tensors, asked: Mapping[str, Any] | None = None) -> Prediction:
        """Return what comes out for the inputs, once; raises ServingError.

        `asked` is what the request asks of the model: plain JSON values that its kind knows.
        """

    def predict_all(
        self, rows: Sequence[Tensors], asked: Mapping[str, Any] | None = None
    ) -> list[Prediction]:
        """Return what comes out for each of several inputs, once; they may share passes.

        Raises ServingError where one of them fails.
        """

    def close(self) -> None:
        """Give the place away; may be called again."""


class InferenceClient(Protocol):
    """Predictions and the state of the models. Safe to share between threads."""

    def choose(self, ask: Ask = ANY) -> Chosen:
        """Return the ready model that a request means; raises ServingError."""

    def enter(self, ask: Ask = ANY, *, ahead: bool = True) -> Turn:
        """Take a place in the queue before the work of reading the inputs is done.

        Without `ahead` the place may as well be taken when the inputs come. That is quicker where
        there is room, and `predict` may then raise what this would.

        Raises:
            InferenceOverloaded: there is no place, or the wait would be longer than the time.
            ModelChanged: it is not the one any more that `ask` names.
            ServingError: there is no such model, it is not ready, nothing runs.
        """

    def predict(
        self, inputs: Tensors, ask: Ask = ANY, asked: Mapping[str, Any] | None = None
    ) -> Prediction:
        """Enter and predict."""
        with contextlib.closing(self.enter(ask)) as turn:
            return turn.predict(inputs, asked)

    def answered(self, ticket: str) -> None:
        """Tell that the answer with the prediction of such a ticket is sent; never raises."""

    def models(self) -> list[ModelStatus]:
        """Return every model of the repository; raises InferenceUnavailable."""

    def sample(self, model: str, name: str) -> bytes | None:
        """Return a picture that lies with a model; None where there is none of that name.

        Raises InferenceUnavailable.
        """

    def load_model(self, name: str, timeout_s: float) -> None:
        """Look at a model's place now, and load what is to be served and is not yet.

        Returns once all of that serves.

        Raises:
            ModelNotFound: nothing of that name lies in the repository.
            LoadFailed: a version failed; what served before goes on.
            ModelNotReady: it takes longer than `timeout_s`, and goes on.
            InferenceUnavailable: nothing runs.
        """

    def unload_model(self, name: str, timeout_s: float) -> None:
        """Have a model serve no more, until it is told to load or the process starts anew.

        Returns once those who asked it before are answered, or after `timeout_s`. Raises
        ModelNotFound, or InferenceUnavailable.
        """

    def trouble(self) -> str | None:
        """Say why the repository could not be read, or mirrored, at the last look.

        None where it could. Raises InferenceUnavailable.
        """

    def readiness(self) -> tuple[bool, str]:
        """Say whether traffic may come, and in one line why not; never raises."""

    def is_ready(self) -> bool:
        """Say whether traffic may come; never raises."""
        return self.readiness()[0]

    def close(self) -> None:
        """Let go of connections, threads and models."""
