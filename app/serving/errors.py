"""The errors of serving. HTTP statuses are given to them in exactly one place, in `app.api`.

Each error's `args` are plain JSON values, so that it crosses the socket and comes out equal.
"""

# Named for what is the case, so that they read well where HTTP gives them a status.
# ruff: noqa: N818

from __future__ import annotations

from collections.abc import Sequence


class ServingError(Exception):
    """Something that keeps a prediction from being made; its text can be shown to the caller."""


class ModelNotFound(ServingError):
    """The repository has no model of that name."""

    def __init__(self, name: str, available: Sequence[str]) -> None:
        super().__init__(name, list(available))
        self.name = name
        self.available = list(available)

    def __str__(self) -> str:
        return f"there is no model {self.name!r}; there is {_listed(self.available)}"


class VersionNotFound(ServingError):
    """The model is there, that version of it is not loaded; a label is text, as those there are."""

    def __init__(
        self, name: str, version: int | str, available: Sequence[int] | Sequence[str]
    ) -> None:
        super().__init__(name, version, list(available))
        self.name = name
        self.version = version
        self.available = list(available)

    def __str__(self) -> str:
        loaded = _listed([str(version) for version in self.available])
        if isinstance(self.version, str):
            told = f"no version of model {self.name!r} has the label {self.version!r}"
            return f"{told}; there is {loaded}"
        return f"version {self.version} of model {self.name!r} is not loaded; loaded is {loaded}"


class ModelAmbiguous(ServingError):
    """There are several models and the request named none."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(list(names))
        self.names = list(names)

    def __str__(self) -> str:
        return f"name a model: there is {_listed(self.names)}"


class ModelNotReady(ServingError):
    """The model is known but does not serve: it is being loaded, or it failed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LoadFailed(ServingError):
    """A model that was told to load did not come to serve."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ModelChanged(ServingError):
    """The model was loaded anew since its face was asked for: the request has to be read again."""

    def __init__(self) -> None:
        super().__init__()

    def __str__(self) -> str:
        return "the model was replaced while the request was on its way"


class InferenceUnavailable(ServingError):
    """The inference process is not there, or went away."""

    def __init__(self, reason: str, retry_after_s: float) -> None:
        super().__init__(reason, retry_after_s)
        self.reason = reason
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return self.reason


class InferenceOverloaded(ServingError):
    """There is no room, or not enough time, for another request beside those that are in work.

    For `full_s` seconds nobody else needs to ask; 0 where only this request had too little time.
    """

    def __init__(self, reason: str, retry_after_s: float, full_s: float = 0.0) -> None:
        super().__init__(reason, retry_after_s, full_s)
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.full_s = full_s

    def __str__(self) -> str:
        return self.reason


class InputRefused(ServingError):
    """The model cannot take this input, whoever asks and however often.

    `unit`, `value` and `limit` say by what it is too large, where that is the reason; `name` is the
    input's, where a model has several, and `row` the number of the one that is refused of several.
    """

    def __init__(
        self,
        reason: str,
        unit: str | None = None,
        value: int = 0,
        limit: int = 0,
        name: str | None = None,
        row: int = 0,
    ) -> None:
        super().__init__(reason, unit, value, limit, name, row)
        self.reason, self.name, self.row = reason, name, row
        self.unit, self.value, self.limit = unit, value, limit

    def __str__(self) -> str:
        return self.reason


class CallerGone(ServingError):
    """Whoever asked has hung up; nothing was predicted for nobody."""

    def __init__(self) -> None:
        super().__init__()

    def __str__(self) -> str:
        return "the caller has hung up"


class InferenceFailed(ServingError):
    """The model raised an error on this request; the log has its traceback."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class InferenceTimeout(ServingError):
    """The prediction was not made in the time that the request has."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(timeout_s)
        self.timeout_s = timeout_s

    def __str__(self) -> str:
        return f"no prediction within {self.timeout_s:g} s"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "none"
