"""Which of its forms an answer of POST /predict takes: the parameter's, or what `Accept` asks for.

RFC 9110's rules: the most specific range decides a type's quality, the highest quality wins, and
of equals the first in `MEDIA_TYPES`.
"""

from __future__ import annotations

from collections.abc import Sequence

from werkzeug.http import parse_accept_header

from app.api.answers import AnswerFormat
from app.api.parameters import PredictParameters
from app.api.problems import ProblemError

#: What is offered, the best first. The media type of COCO results is our own: there is none.
MEDIA_TYPES: dict[AnswerFormat, str] = {
    "json": "application/json",
    "png": "image/png",
    "coco": "application/vnd.slipway.coco+json",
}


def answer_format(asked: PredictParameters, accept: str, *, is_list: bool) -> AnswerFormat:
    """Return what the answer has to be; `is_list` where the request has several pictures.

    A parameter counts more than `accept`, the header. Raises ProblemError: 400 for parameters that
    contradict each other, 406 where nothing that is offered is accepted.
    """
    named = _named(asked)
    if named == "png" and is_list:
        name = "render" if asked.render else "format"
        detail = f"{name}=png takes one picture, not a list of `instances`"
        raise ProblemError("invalid-parameter", detail, field=name, value="png")
    chosen = named or _accepted(accept, is_list=is_list)
    if chosen == "coco" and asked.masks not in ("rle", "none"):
        detail = f"parameter 'masks' is {asked.masks!r}: COCO results take one of rle, none"
        raise ProblemError("invalid-parameter", detail, field="masks", value=asked.masks)
    return chosen


def _named(asked: PredictParameters) -> AnswerFormat | None:
    if asked.render and asked.format not in (None, asked.render):
        detail = f"render={asked.render} and format={asked.format} contradict each other"
        raise ProblemError("invalid-parameter", detail, field="format", value=asked.format)
    return asked.render or asked.format


def _accepted(accept: str, *, is_list: bool) -> AnswerFormat:
    offered: list[AnswerFormat] = [name for name in MEDIA_TYPES if not (is_list and name == "png")]
    ranges = _ranges(accept)
    # A browser that goes to a page asks for HTML first, and by the way for pictures.
    if not ranges or ("text/html", 1) in ranges:
        return "json"
    best = max(offered, key=lambda name: _quality(MEDIA_TYPES[name], ranges))
    if _quality(MEDIA_TYPES[best], ranges) > 0:
        return best
    types = [MEDIA_TYPES[name] for name in offered]
    detail = f"Accept is {accept[:80]!r}: one of {', '.join(types)} is offered"
    raise ProblemError("not-acceptable", detail, field="Accept", value=accept[:200], allowed=types)


def _ranges(accept: str) -> list[tuple[str, float]]:
    """Return the media ranges in lower case, without their parameters, with their qualities."""
    parsed = parse_accept_header(accept)
    return [(value.partition(";")[0].strip().lower(), quality) for value, quality in parsed]


def _quality(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    """Return the quality of the most specific range that the type is in; 0 where none is."""
    for candidate in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
        qualities = [quality for media_range, quality in ranges if media_range == candidate]
        if qualities:
            return max(qualities)
    return 0
