"""What the two sides of the inference socket say to each other, as `wire` messages and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from app.serving import errors
from app.serving.client import Chosen, ModelStatus, Prediction
from app.serving.packing import Layout, PackingError, merged, parse_layout, parted
from app.serving.wire import Message, WireError

_MOST_ROWS = 100_000
_FILE = "file"

ERRORS: Mapping[str, type[errors.ServingError]] = {
    error.__name__: error
    for error in (
        errors.ModelNotFound,
        errors.VersionNotFound,
        errors.ModelAmbiguous,
        errors.ModelNotReady,
        errors.LoadFailed,
        errors.ModelChanged,
        errors.InferenceUnavailable,
        errors.InferenceOverloaded,
        errors.InputRefused,
        errors.CallerGone,
        errors.InferenceFailed,
        errors.InferenceTimeout,
    )
}


@dataclass(frozen=True)
class EnterRequest:
    """A place in the queue asked for: for which model, and how long the caller can wait."""

    model: str | None
    version: int | str | None
    timeout_s: float | None
    loaded: str | None = None
    key: str | None = None

    def header(self) -> dict[str, Any]:
        """Return the message's header."""
        return {
            "op": "enter",
            "model": self.model,
            "version": self.version,
            "timeout_s": self.timeout_s,
            "loaded": self.loaded,
            "key": self.key,
        }

    @classmethod
    def parse(cls, header: Mapping[str, Any]) -> EnterRequest:
        """Read the header; raises WireError."""
        try:
            return cls(
                model=_optional(header["model"], str),
                version=_optional(header["version"], _version),
                timeout_s=_optional(header["timeout_s"], float),
                loaded=_optional(header["loaded"], str),
                key=_optional(header["key"], str),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise WireError(f"no request to enter: {type(error).__name__} {error}") from error


@dataclass(frozen=True)
class ChooseRequest:
    """The question which model a request means."""

    model: str | None
    version: int | str | None
    key: str | None = None

    def header(self) -> dict[str, Any]:
        """Return the message's header."""
        return {"op": "choose", **asdict(self)}

    @classmethod
    def parse(cls, header: Mapping[str, Any]) -> ChooseRequest:
        """Read the header; raises WireError."""
        try:
            return cls(
                model=_optional(header["model"], str),
                version=_optional(header["version"], _version),
                key=_optional(header["key"], str),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise WireError(f"no request to choose: {type(error).__name__} {error}") from error


@dataclass(frozen=True)
class PredictRequest:
    """Inputs, for the place that was given before or for one that is asked for with them.

    They travel with the message, or where they are large in the memory behind a descriptor, as the
    `layout` says. Those of several rows are merged: `rows` has their number, and whether stacked.
    """

    asked: Mapping[str, Any]
    entry: EnterRequest | None = None
    layout: Layout | None = None
    rows: tuple[int, bool] | None = None

    def header(self) -> dict[str, Any]:
        """Return the message's header."""
        return {
            "op": "predict",
            "asked": dict(self.asked),
            "entry": None if self.entry is None else self.entry.header(),
            "layout": self.layout,
            "rows": self.rows,
        }

    @classmethod
    def parse(cls, header: Mapping[str, Any]) -> PredictRequest:
        """Read the header; raises WireError."""
        try:
            return cls(
                asked=dict(header["asked"]),
                entry=_optional(header["entry"], EnterRequest.parse),
                layout=_optional(header["layout"], parse_layout),
                rows=_optional(header["rows"], _rows),
            )
        except (KeyError, TypeError, ValueError, PackingError) as error:
            raise WireError(f"no request to predict: {type(error).__name__} {error}") from error


@dataclass(frozen=True)
class ControlRequest:
    """A model that is told to `load` or to `unload`, and how long the caller can wait."""

    op: str
    model: str
    timeout_s: float

    def header(self) -> dict[str, Any]:
        """Return the message's header."""
        return asdict(self)

    @classmethod
    def parse(cls, header: Mapping[str, Any]) -> ControlRequest:
        """Read the header; raises WireError."""
        try:
            return cls(str(header["op"]), str(header["model"]), float(header["timeout_s"]))
        except (KeyError, TypeError, ValueError) as error:
            raise WireError(f"no request to load: {type(error).__name__} {error}") from error


@dataclass(frozen=True)
class SampleRequest:
    """A picture that lies with a model."""

    model: str
    name: str

    def header(self) -> dict[str, Any]:
        """Return the message's header."""
        return {"op": "sample", **asdict(self)}

    @classmethod
    def parse(cls, header: Mapping[str, Any]) -> SampleRequest:
        """Read the header; raises WireError."""
        try:
            return cls(str(header["model"]), str(header["name"]))
        except KeyError as error:
            raise WireError(f"no request for a sample: {error}") from error


def _rows(value: Any) -> tuple[int, bool]:
    count, is_stacked = value
    if not 1 <= int(count) <= _MOST_ROWS:
        raise ValueError(f"{count} rows")
    return int(count), bool(is_stacked)


def _span(value: Any) -> tuple[int, int]:
    start, end = value
    return int(start), int(end)


def _version(value: Any) -> int | str:
    return value if isinstance(value, str) else int(value)


def _optional(value: Any, kind: Callable[[Any], Any]) -> Any:
    return None if value is None else kind(value)


def of_entry() -> Message:
    """Return the message that says that the place is given."""
    return Message({"entered": True})


def to_entry(message: Message) -> None:
    """Read such a message; raises the error in it, or WireError."""
    if _answer(message).get("entered") is not True:
        raise WireError("no place in the queue")


def of_choice(chosen: Chosen) -> Message:
    """Return the message that says which model is meant."""
    return Message({"chosen": asdict(chosen)})


def to_choice(message: Message) -> Chosen:
    """Return the model in a message; raises the error in it, or WireError."""
    try:
        told = _answer(message)["chosen"]
        return Chosen(**{**told, "span": _optional(told["span"], _span)})
    except (KeyError, TypeError, ValueError) as error:
        raise WireError(f"no choice: {type(error).__name__} {error}") from error


def of_control() -> Message:
    """Return the message that says that a model was loaded, or unloaded."""
    return Message({"done": True})


def to_control(message: Message) -> None:
    """Read such a message; raises the error in it, or WireError."""
    if _answer(message).get("done") is not True:
        raise WireError("neither loaded nor unloaded")


def of_prediction(prediction: Prediction, *, released: bool = True) -> Message:
    """Return the message that carries a prediction.

    `released` says that nothing refers any more to the memory that its inputs came in.
    """
    header = {
        "model": prediction.model,
        "version": prediction.version,
        "queue_ms": prediction.queue_ms,
        "inference_ms": prediction.inference_ms,
        "released": released,
        "ticket": prediction.ticket,
    }
    return Message(header, prediction.result)


def to_prediction(message: Message) -> Prediction:
    """Return the prediction in a message; raises the error in it, or WireError."""
    header = _answer(message)
    try:
        return Prediction(
            model=header["model"],
            version=header["version"],
            result=message.arrays,
            queue_ms=header["queue_ms"],
            inference_ms=header["inference_ms"],
            ticket=header["ticket"],
        )
    except KeyError as error:
        raise WireError(f"no prediction: {type(error).__name__} {error}") from error


def is_released(message: Message) -> bool:
    """Say whether the memory that the inputs came in may hold others."""
    return message.header.get("released") is True


def of_predictions(predictions: Sequence[Prediction], *, released: bool = True) -> Message:
    """Return the message that carries those of several rows; see `of_prediction`."""
    arrays, is_stacked = merged([one.result for one in predictions])
    header = {
        "model": predictions[0].model,
        "version": predictions[0].version,
        "took_ms": [(one.queue_ms, one.inference_ms) for one in predictions],
        "is_stacked": is_stacked,
        "released": released,
        "tickets": [one.ticket for one in predictions],
    }
    return Message(header, arrays)


def to_predictions(message: Message) -> list[Prediction]:
    """Return the predictions in a message; raises the error in it, or WireError."""
    header = _answer(message)
    try:
        took_ms = header["took_ms"]
        results = parted(message.arrays, len(took_ms), header["is_stacked"])
        return [
            Prediction(header["model"], header["version"], result, queue_ms, inference_ms, ticket)
            for result, (queue_ms, inference_ms), ticket in zip(
                results, took_ms, header["tickets"], strict=True
            )
        ]
    except (KeyError, TypeError, ValueError, PackingError) as error:
        raise WireError(f"no predictions: {type(error).__name__} {error}") from error


def of_statuses(statuses: list[ModelStatus]) -> Message:
    """Return the message that carries the state of every model."""
    return Message({"models": [asdict(status) for status in statuses]})


def to_statuses(message: Message) -> list[ModelStatus]:
    """Return the states in a message; raises the error in it, or WireError."""
    try:
        return [ModelStatus(**status) for status in _answer(message)["models"]]
    except (KeyError, TypeError) as error:
        raise WireError(f"no list of models: {type(error).__name__} {error}") from error


def of_sample(content: bytes | None) -> Message:
    """Return the message that carries a file, or says that there is none."""
    if content is None:
        return Message({"sample": False})
    return Message({"sample": True}, {_FILE: np.frombuffer(content, np.uint8)})


def to_sample(message: Message) -> bytes | None:
    """Return the file in a message; raises the error in it, or WireError."""
    if _answer(message).get("sample") is not True:
        return None
    try:
        return message.arrays[_FILE].tobytes()
    except KeyError as error:
        raise WireError("no file") from error


def of_trouble(trouble: str | None) -> Message:
    """Return the message that says what is wrong with the repository."""
    return Message({"trouble": trouble})


def to_trouble(message: Message) -> str | None:
    """Return that; raises the error in the message, or WireError."""
    trouble = _answer(message).get("trouble")
    return None if trouble is None else str(trouble)


def of_readiness(is_ready: bool, reason: str) -> Message:
    """Return the message that says whether traffic may come."""
    return Message({"is_ready": is_ready, "reason": reason})


def to_readiness(message: Message) -> tuple[bool, str]:
    """Return the readiness in a message; raises the error in it, or WireError."""
    header = _answer(message)
    return header.get("is_ready") is True, str(header.get("reason"))


def of_error(error: errors.ServingError) -> Message:
    """Return the message that carries an error; its args are plain JSON values."""
    return Message({"error": {"type": type(error).__name__, "args": list(error.args)}})


def _answer(message: Message) -> Mapping[str, Any]:
    """Return the header of an answer, or raise the error that it carries."""
    error = message.header.get("error")
    if error is None:
        return message.header
    try:
        known = ERRORS[error["type"]](*error["args"])
    except (KeyError, TypeError) as unknown:
        raise WireError(f"an unknown error: {error!r}") from unknown
    raise known
