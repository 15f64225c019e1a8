"""Which of its forms an answer of POST /predict takes: the parameter's, or what `Accept` asks for.

RFC 9110's rules: the most specific range decides a type's quality, the highest quality wins, and
of equals the first that the face offers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from werkzeug.http import parse_accept_header

from app.api.problems import ProblemError
from app.kinds.face import Face, Parameters

JSON = "application/json"


def answer_form(face: Face, asked: Parameters, accept: str, *, is_list: bool) -> str:
    """Return the name of the form that the answer has to be; `is_list` where it is a list.

    A parameter counts more than `accept`, the header. Raises GivenError for parameters that
    contradict each other, ProblemError (406) where nothing that is offered is accepted.
    """
    offered = _offered(face, is_list=is_list)
    chosen = asked.named_form() or ("json" if asks_for_page(accept) else accepted(accept, offered))
    asked.check_form(chosen, is_list=is_list)
    return chosen


def media_types(face: Face) -> dict[str, str]:
    """Return what a face offers, the best first: the names of the forms and their media types."""
    return {"json": JSON, **{name: form.media_type for name, form in face.forms.items()}}


def _offered(face: Face, *, is_list: bool) -> dict[str, str]:
    forms = face.forms
    return {
        name: media_type
        for name, media_type in media_types(face).items()
        if not is_list or name == "json" or forms[name].takes_several
    }


def asks_for_page(accept: str) -> bool:
    """Say whether it is a browser that goes to a page: it asks for HTML first."""
    return ("text/html", 1) in _ranges(accept)


def accepted(accept: str, offered: Mapping[str, str]) -> str:
    """Return which of the forms that are offered, by name, the header asks for.

    The first where it asks for none. Raises ProblemError (406) where it takes none of them.
    """
    ranges = _ranges(accept)
    if not ranges:
        return next(iter(offered))
    best = max(offered, key=lambda name: _quality(offered[name], ranges))
    if _quality(offered[best], ranges) > 0:
        return best
    types = [*offered.values()]
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
