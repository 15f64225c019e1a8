"""A kind as its clients see it: what may be asked, how inputs are read and answers are shown.

HTTP workers and the command line know a model by its face alone. No framework, no files, no HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from app.kinds.fields import WHOLE_NUMBER
from app.kinds.findings import Finding as Finding
from app.kinds.limits import Limits as Limits
from app.kinds.tensors import Facts, Tensors
from app.names import VERSION_LABEL

_ID = Annotated[str, Field(examples=["01JD6Z8M3V5W0Q4T2R9XK7B1NC"])]
_Milliseconds = Annotated[float, Field(ge=0)]
_Name = Annotated[str, Field(min_length=1)]
_Version = Annotated[int, Field(ge=1, le=2**31 - 1), WHOLE_NUMBER]
# It begins with a letter: "3" is a version.
_Label = Annotated[str, Field(pattern=f"^{VERSION_LABEL}$")]


class GivenError(Exception):
    """What a client has given does not fit.

    `problem` is the slug of the problem that it is told of, `members` are what else is named there.
    """

    def __init__(self, problem: str, reason: str, **members: object) -> None:
        super().__init__(reason)
        self.problem, self.reason, self.members = problem, reason, members


@dataclass(frozen=True, eq=False)
class Parsed:
    """One input of a request as a model takes it, and the picture that it was, if it was one.

    The picture is uint8 [height, width, 3], or 4 where it has a fourth channel, in its own size.
    """

    inputs: Tensors
    picture: NDArray[np.uint8] | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """One prediction: what came out, what its model is, and the picture that went in, if any."""

    result: Tensors
    facts: Facts
    picture: NDArray[np.uint8] | None = None


class Parameters(BaseModel):
    """What a request may ask of any model, beside its inputs; None leaves it to the server."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: _Name | None = Field(
        default=None,
        description="The model that answers, by its name in `/models`. Without it: the default "
        "model.",
    )
    version: _Version | _Label | None = Field(
        default=None,
        description="The version of the model, or its label, as `stable`. Without it: the highest.",
    )

    def asked(self) -> dict[str, Any]:
        """Return what the model is told of it, as plain JSON values."""
        return {}

    def named_form(self) -> str | None:
        """Return the form of the answer that is asked for, if one is; raises GivenError."""
        return None

    def check_form(self, form: str, *, is_list: bool) -> None:
        """Raise GivenError where the answer cannot take the form with what else is asked for."""


class Timing(TypedDict):
    """Where the time went, in milliseconds."""

    decode: _Milliseconds
    queue: _Milliseconds
    inference: _Milliseconds
    encode: _Milliseconds


class Answer(TypedDict):
    """What every answer in JSON says of its prediction; a face adds what was found."""

    prediction_id: _ID
    model: str
    version: Annotated[int, Field(ge=1)]
    timing_ms: Timing


@dataclass(frozen=True)
class Form:
    """A form of the answer other than JSON.

    `part` makes of one outcome, the parameters and its place among the request's what `whole` puts
    together to the body. `type` is what the body is, for the contract.
    """

    media_type: str
    part: Callable[[Outcome, Any, int], Any]
    whole: Callable[[list[Any]], bytes]
    takes_several: bool = True
    type: Any = bytes


@dataclass(frozen=True)
class Example:
    """For the contract: an input as JSON holds it, parameters of two kinds, and an outcome."""

    given: Any
    asked: Mapping[str, Any]
    asked_otherwise: Mapping[str, Any]
    outcome: Outcome


@dataclass(frozen=True)
class Summary:
    """An outcome for a person at a terminal.

    Args:
        found: what, and how much of it.
        inputs: in what.
        rows: a table whose first row has its heads.
        right: `>` for each of its columns that is aligned to the right.
    """

    found: str
    inputs: str
    rows: Sequence[tuple[object, ...]] = field(default_factory=tuple)
    right: str = ""


class Face(Protocol):
    """How clients see the models of a kind. Free of state, and safe to share between threads."""

    @property
    def name(self) -> str:
        """What the inference process calls it."""

    @property
    def parameters(self) -> type[Parameters]:
        """What a request may ask for."""

    @property
    def answer(self) -> Any:
        """What an answer in JSON looks like: a TypedDict on top of `Answer`."""

    @property
    def forms(self) -> Mapping[str, Form]:
        """The forms beside `json` by their names, the best first."""

    @property
    def most_inputs(self) -> int:
        """How many inputs one request may have."""

    @property
    def is_quick(self) -> bool:
        """Whether `parse` costs so little that all inputs are parsed before one is predicted."""

    def read(
        self, given: Sequence[object], fields: Sequence[str], limits: Limits, *, ahead: bool
    ) -> list[Any]:
        """Look at all that one request gives: a body's or a file's bytes, or values of JSON.

        `fields` are their names in the request. What comes back is for `parse`, which is called
        for each in its turn; `ahead` asks for what would only be found wrong there to be looked
        at now, as far as that is cheap. Raises GivenError, or PictureError.
        """

    def parse(self, given: Any, facts: Facts, limits: Limits) -> Parsed:
        """Make a model's inputs of one of them; raises GivenError, or ImageError."""

    def example(self) -> Example:
        """Return an example for the contract."""

    def noise(self, facts: Facts) -> Tensors:
        """Return inputs that any model takes, to try whether it answers."""

    def members(self, outcome: Outcome, parameters: Any) -> dict[str, Any]:
        """Return what an answer in JSON says beside `Answer`."""

    def counts(self, outcome: Outcome) -> dict[str, int]:
        """Return how often each class was found, by its name."""

    def told(self, outcome: Outcome) -> dict[str, Any]:
        """Return what the log says of the inputs."""

    def rows(self, outcome: Outcome) -> list[Finding]:
        """Return what the prediction log keeps of it: a row for each thing found, one at least."""

    def input_shape(self, outcome: Outcome) -> str:
        """Return the shape of the input in that log, as 480x640x3."""

    def summary(self, outcome: Outcome) -> Summary:
        """Return the outcome for a person at a terminal."""

    def drawing(self, outcome: Outcome) -> Image.Image | None:
        """Return the outcome as a picture, where it can be one."""

    def golden(self, document: Any) -> Any:
        """Return what a golden answer says: JSON that POST /predict gave; raises ValueError."""

    def difference(self, golden: Any, outcome: Outcome) -> str | None:
        """Say in one line in which way the outcome is not the golden one; None where it is."""
