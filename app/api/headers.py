"""The request headers that a prediction reads."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.api.problems import ProblemError
from app.kinds.fields import NUMBER

REQUEST_TIMEOUT, IN_WSGI = "X-Request-Timeout", "HTTP_X_REQUEST_TIMEOUT"

SHORTEST_TIMEOUT_S = 0.001


class PredictHeaders(BaseModel):
    """What a request may say beside its body; `/openapi.json` adds the longest time."""

    model_config = ConfigDict(frozen=True)

    request_id: str | None = Field(
        default=None,
        alias="X-Request-ID",
        description="Comes back with the answer and stands in the log. One that is not 1 to 128 "
        "letters, digits or `._:+/=-` is replaced.",
    )
    request_timeout_s: Annotated[float, Field(ge=SHORTEST_TIMEOUT_S), NUMBER] | None = Field(
        default=None,
        alias="X-Request-Timeout",
        description="Seconds after which the answer is of no use any more: what takes longer is "
        "given up with 504. Without it: the longest time.",
    )


def request_timeout_s(value: str | None, longest_s: float) -> float | None:
    """Return how long the sender waits for an answer; None where the header is not there.

    Raises ProblemError (400) for what is no number of seconds from `SHORTEST_TIMEOUT_S` to
    `longest_s`.
    """
    if value is None:
        return None
    try:
        timeout_s = PredictHeaders.model_validate({REQUEST_TIMEOUT: value}).request_timeout_s
    except ValidationError:
        timeout_s = None
    if timeout_s is None or timeout_s > longest_s:
        expected = f"a number of seconds from {SHORTEST_TIMEOUT_S:g} to {longest_s:g} is allowed"
        raise ProblemError(
            "invalid-parameter",
            f"header {REQUEST_TIMEOUT!r} is {value[:80]!r}: {expected}",
            field=REQUEST_TIMEOUT,
            value=value,
            limit=longest_s,
        )
    return timeout_s
