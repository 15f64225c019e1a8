"""What can go wrong when a server is asked: one family, with what the server's problem says."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

_LONGEST_SHOWN = 200


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is known of a failure; where the server answered, its problem document (RFC 9457).

    Args:
        slug: the last part of the problem's `type`, as `model-not-found`.
        document: the whole of it: `value`, `limit`, `allowed` and others stand there.
        retry_after_s: when the server says that it may be asked again.
        is_temporary: whether asking the same again may help, and does no harm.
    """

    slug: str = ""
    title: str = ""
    status: int | None = None
    field: str | None = None
    request_id: str | None = None
    document: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    retry_after_s: float = 0.0
    is_temporary: bool = False


class SlipwayError(Exception):
    """A call that did not give what it was asked for; `detail` is a sentence that says why."""

    def __init__(self, detail: str, problem: Problem | None = None) -> None:
        super().__init__(detail, problem)
        self.detail, self.problem = detail, problem or Problem()

    def __str__(self) -> str:
        known = [self.slug, self.request_id and f"request {self.request_id}"]
        told = ", ".join(one for one in known if one)
        return f"{self.detail} ({told})" if told else self.detail

    @property
    def slug(self) -> str:
        """Which problem it is, as `model-not-found`; empty where the server named none."""
        return self.problem.slug

    @property
    def status(self) -> int | None:
        """The HTTP status; None where there was no answer."""
        return self.problem.status

    @property
    def field(self) -> str | None:
        """Which part of the request is at fault, as `min_score`, where one is."""
        return self.problem.field

    @property
    def request_id(self) -> str | None:
        """Under which id the request stands in the server's log."""
        return self.problem.request_id


class ProblemError(SlipwayError):
    """The server refused, or failed, and says why."""


class TooLateError(SlipwayError, TimeoutError):
    """The time was over: here, or by the server's own clock (status 504)."""


class UnreachableError(SlipwayError):
    """No connection came about, or it broke before the whole answer was there."""


class AnswerError(SlipwayError):
    """What came back is no answer of a Slipway server, or not of the kind that was expected."""


def problem_of(status: int, headers: Mapping[str, str], body: bytes) -> SlipwayError:
    """Return the error that an answer of status 400 and above tells of."""
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    document: dict[str, Any] = parsed if isinstance(parsed, dict) else {}
    phrase = next((one.phrase for one in HTTPStatus if one == status), "")
    problem = Problem(
        slug=str(document.get("type", "")).rpartition("/")[2],
        title=str(document.get("title", phrase)),
        status=status,
        field=document.get("field"),
        request_id=document.get("request_id") or headers.get("X-Request-ID"),
        document=document,
        retry_after_s=_seconds(headers.get("Retry-After", "")),
        is_temporary=status in (429, 502, 503),
    )
    shown = body[:_LONGEST_SHOWN].decode(errors="replace").strip()
    told = document.get("detail") or f"status {status} {phrase}: {shown}".rstrip(": ")
    kind = TooLateError if status == HTTPStatus.GATEWAY_TIMEOUT else ProblemError
    return kind(str(told), problem)


def _seconds(retry_after: str) -> float:
    """Return what Retry-After says: seconds, or a date, as proxies write it; 0 for neither."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    return max(0.0, (until.astimezone(UTC) - datetime.now(UTC)).total_seconds())
