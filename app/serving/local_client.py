"""Inference in this process: for the inference process itself, tests and single-process hosts."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from app import log
from app.kinds.kind import InputError, Kind
from app.kinds.tensors import Tensors
from app.serving.client import ANY, Ask, Chosen, InferenceClient, ModelStatus, Prediction
from app.serving.entries import Choice, Entry
from app.serving.errors import InferenceFailed, InputRefused, ModelChanged, ServingError
from app.serving.lane import Asked, Place
from app.serving.lanes import Lanes
from app.serving.layout import Find, find_models
from app.serving.loader import Loader
from app.serving.mirroring import Mirror
from app.serving.repository import ModelRepository
from app.serving.settings import ServingSettings
from app.serving.shadows import Copy, Shadows
from app.serving.signatures import check_inputs, signature_of

# It goes through the socket in one message.
_LARGEST_SAMPLE_BYTES = 64 << 20


class LocalClient(InferenceClient):
    """Predicts with a repository's models, each in a lane of its own."""

    def __init__(
        self,
        repository: ModelRepository,
        lanes: Lanes,
        *,
        timeout_s: float,
        mirror: Mirror | None = None,
    ) -> None:
        self._repository = repository
        self._lanes = lanes
        self._timeout_s = timeout_s
        self._shadows = Shadows(lanes, timeout_s=timeout_s)
        self._loader = Loader(repository, self._retire, mirror)

    @classmethod
    def start(
        cls,
        settings: ServingSettings,
        *,
        kinds: Sequence[Kind] | None = None,
        find: Find = find_models,
    ) -> LocalClient:
        """Begin to load the models that `find` finds, and return at once.

        Those of a bucket are mirrored first, unless what is to be found is given.
        """
        # Here: what recognises files reads HDF5, which the HTTP workers do without.
        from app.kinds.registry import kinds as known_kinds

        mirror = None
        if settings.model_bucket is not None and find is find_models:
            mirror = Mirror(settings.model_bucket, settings.model_repository)
        repository = ModelRepository(
            settings,
            known_kinds() if kinds is None else kinds,
            find,
            is_mirrored=mirror is not None,
        )
        lanes = Lanes(settings.queue_limit)
        return cls(repository, lanes, timeout_s=settings.inference_timeout_s, mirror=mirror)

    def keep_up(self, poll_s: float) -> None:
        """From now on load what comes to the repository, and let go of what goes."""
        self._loader.keep_up(poll_s)

    def sample(self, model: str, name: str) -> bytes | None:
        """Return a picture that lies with a model; None where there is none of that name."""
        path = self._repository.sample(model, name)
        if path is None:
            return None
        try:
            is_one = path.is_file() and path.stat().st_size <= _LARGEST_SAMPLE_BYTES
            return path.read_bytes() if is_one else None
        except OSError:
            return None

    def load_model(self, name: str, timeout_s: float) -> None:
        """Load what lies in the repository under a name; raises ServingError."""
        self._loader.load(name, timeout_s)

    def unload_model(self, name: str, timeout_s: float) -> None:
        """Have a model serve no more; raises ModelNotFound."""
        retired = self._repository.unload(name)
        # Whoever has a place is not cut off because the caller has less time.
        draining = threading.Thread(target=self._retire, args=(retired,), daemon=True)
        draining.start()
        draining.join(timeout_s)

    def _retire(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._lanes.retire(entry.loaded, self._timeout_s)

    def wait_until_loaded(self, timeout_s: float | None = None) -> bool:
        """Wait until every model has loaded or failed; say whether that is so."""
        return self._loader.wait(timeout_s)

    def choose(self, ask: Ask = ANY) -> Chosen:
        """Return the ready model that a request means; raises ServingError."""
        choice = self._repository.choose(ask)
        entry, facts = choice.entry, choice.model.facts
        return Chosen(entry.name, entry.version, entry.face, facts, entry.loaded, choice.span)

    def enter(self, ask: Ask = ANY, *, ahead: bool = True) -> LocalTurn:
        """Take a place in the model's queue; raises ServingError."""
        choice = self._repository.choose(ask)
        entry = choice.entry
        if ask.loaded not in (None, entry.loaded):
            raise ModelChanged
        longest_s = self._timeout_s
        timeout_s = longest_s if ask.timeout_s is None else min(ask.timeout_s, longest_s)
        place = self._lanes.enter(entry, choice.model, timeout_s=timeout_s, is_gone=ask.is_gone)
        return LocalTurn(choice, place, self._shadows.copy_for(choice, ask.key))

    def answered(self, ticket: str) -> None:
        """Have the shadow asked, now that the answer is sent."""
        self._shadows.release(ticket)

    def running_s(self) -> float:
        """Return how long the pass has been running that runs longest; 0 where none does."""
        return self._lanes.running_s

    def models(self) -> list[ModelStatus]:
        """Return every model of the repository."""
        return [
            one
            if one.shadow is None
            else replace(one, shadow=asdict(self._shadows.tally(one.name, one.version)))
            for one in self._repository.statuses()
        ]

    def trouble(self) -> str | None:
        """Say why the repository was not as it should be at the last look; None where it was."""
        return self._repository.trouble

    def readiness(self) -> tuple[bool, str]:
        """Say whether traffic may come, and in one line why not."""
        return self._repository.readiness()

    def close(self) -> None:
        """Finish the predictions that wait and end the lanes' threads."""
        self._loader.close()
        self._shadows.close()
        self._lanes.close()


class LocalTurn:
    """A place in the queue of one model of this process."""

    def __init__(self, choice: Choice, place: Place, shadow: Copy | None) -> None:
        self._entry, self._model = choice.entry, choice.model
        self._place, self._shadow = place, shadow
        self._asked: Asked | None = None

    def predict(self, inputs: Tensors, asked: Mapping[str, Any] | None = None) -> Prediction:
        """Return what comes out for the inputs, once; raises ServingError."""
        (prediction,) = self.predict_all([inputs], asked)
        return prediction

    def predict_all(
        self, rows: Sequence[Tensors], asked: Mapping[str, Any] | None = None
    ) -> list[Prediction]:
        """Return what comes out for each of several inputs, once; raises ServingError."""
        self._check(rows, asked or {})
        if self._shadow is not None:
            self._shadow.take(rows, asked or {})
        return self._predictions(self._place.wait(rows, asked or {}))

    def begin(
        self,
        rows: Sequence[Tensors],
        asked: Mapping[str, Any],
        done: Callable[[list[Prediction] | ServingError], None],
    ) -> None:
        """Do the same without waiting: `done` is called by another thread, unless `close` was.

        Raises ServingError for what is refused at once.
        """
        self._check(rows, asked)
        if self._shadow is not None:
            self._shadow.take(rows, asked)
        self._asked = self._place.ask(rows, asked, lambda found: done(self._result(found)))

    def _check(self, rows: Sequence[Tensors], asked: Mapping[str, Any]) -> None:
        signature = signature_of(self._entry.signatures, asked)
        for index, inputs in enumerate(rows):
            with _telling(index):
                check_inputs(signature, inputs)
                self._model.check(inputs)

    def _result(self, asked: Asked) -> list[Prediction] | ServingError:
        try:
            return self._predictions(asked)
        except ServingError as error:
            return error
        except Exception as error:
            # Whoever waits for it is to be told, whatever it is.
            log.event("answer_failed", "ERROR", exception=True)
            return InferenceFailed(type(error).__name__)

    def _predictions(self, asked: Asked) -> list[Prediction]:
        with _telling(asked.failed[0] if asked.failed else 0):
            outcomes = asked.found()
        results = [outcome.result for outcome in outcomes]
        ticket = None if self._shadow is None else self._shadow.answered(results)
        return [
            Prediction(
                model=self._entry.name,
                version=self._entry.version,
                result=outcome.result,
                queue_ms=outcome.queue_ms,
                inference_ms=outcome.inference_ms,
                ticket=None if index else ticket,
            )
            for index, outcome in enumerate(outcomes)
        ]

    def close(self) -> None:
        """Give the place away, and what was begun in it; may be called again."""
        if self._asked is not None:
            self._asked.give_up()
        self._place.close()
        if self._shadow is not None:
            self._shadow.close()


@contextlib.contextmanager
def _telling(row: int) -> Iterator[None]:
    """Say of an input that is refused which of several it is."""
    try:
        yield
    except InputError as error:
        refused = error.unit, error.value, error.limit, error.name, row
        raise InputRefused(str(error), *refused) from error
