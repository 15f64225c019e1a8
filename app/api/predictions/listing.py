"""GET /predictions: rows of the log, the newest first, a page at a time or all that there are.

A page is JSON, and says where the next one is. The other forms are sent while they are read, so
that a log of any length takes no memory.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import cast
from urllib.parse import urlencode

from flask import Response, jsonify, render_template, request

from app.api import inputs, negotiation, pages
from app.api.predictions.access import is_begun, log_of, telling
from app.api.predictions.answers import LoggedRow, LoggedRows
from app.api.predictions.following import first_after
from app.api.predictions.parameters import (
    USUAL_ROWS,
    ListParameters,
    cursor_of,
    parse,
    place_of,
)
from app.api.problems import ProblemError
from app.api.services import Services, services
from app.records import asking
from app.records.asking import Filter, Told
from app.records.forms import FORMS, PYARROW, Form, has_parquet
from app.records.outbox import Outbox

_MEDIA_TYPES = {"json": negotiation.JSON} | {name: form.media_type for name, form in FORMS.items()}


def list_predictions() -> Response:
    """List what was predicted, the newest first; a browser gets the page of it."""
    accept, given = request.headers.get("Accept", ""), [*inputs.query(request)]
    if "format" not in dict(given) and negotiation.asks_for_page(accept):
        return pages.guarded(render_template("predictions.html"))
    shared = services()
    records = log_of(shared)
    asked = parse(ListParameters, given)
    form = asked.format or negotiation.accepted(accept, _MEDIA_TYPES)
    if form == "parquet" and not has_parquet():
        raise _no_parquet()
    with telling():
        if asked.wait_s:
            first_after(shared, records, asked)
        if form != "json" and asked.limit is None and asked.cursor is None and asked.after is None:
            return _all(shared, records, asked.filter(), FORMS[form])
        return _page(records, asked, form)


def _page(records: Outbox, asked: ListParameters, form: str) -> Response:
    rows = asked.limit or USUAL_ROWS
    found, newest = _found(records, asked, rows + 1)
    page, has_more = found[:rows], len(found) > rows
    place = page[-1].seq if page else newest
    is_onward = asked.after is not None
    following = cursor_of(place) if has_more and not is_onward else None
    # What is newer than a page of the newest, or follows the last row that was told.
    latest = place if has_more and is_onward else newest
    if form == "json":
        told = [cast(LoggedRow, one.fields) for one in page]
        answer: LoggedRows = {
            "predictions": told,
            "next": following,
            "newest": cursor_of(latest),
        }
        response = jsonify(answer)
    else:
        body = b"".join(FORMS[form].write([page]))
        response = Response(body, mimetype=_MEDIA_TYPES[form])
    if following is not None:
        response.headers["Link"] = f'<{_address(cursor=following)}>; rel="next"'
    return response


def _found(records: Outbox, asked: ListParameters, rows: int) -> tuple[list[Told], int]:
    """Return rows, and the place up to which the log was looked at."""
    if not is_begun(records):
        return [], 0
    wanted = asked.filter()
    with records.read() as connection:
        newest = asking.newest(connection)
        if asked.after is not None:
            start = place_of(asked.after)
            # Beyond the end is the place of a log that was set aside: this one is new.
            found = asking.after(connection, wanted, start if start <= newest else 0, rows)
            return [one for one in found if one.seq <= newest], newest
        before = newest + 1 if asked.cursor is None else place_of(asked.cursor)
        return asking.before(connection, wanted, before, rows), newest


def _all(shared: Services, records: Outbox, wanted: Filter, form: Form) -> Response:
    """Send all that there is, piece by piece."""
    if refusal := shared.admission.linger():
        raise refusal
    try:
        empty: Iterator[list[Told]] = iter(())
        rows = (
            asking.pages(records.read, wanted, newest_first=True, rows=None)
            if is_begun(records)
            else empty
        )
        # What goes wrong at once is still told.
        first = next(rows, [])
        body = form.write(itertools.chain([first] if first else [], rows))
        response = Response(body, mimetype=form.media_type)
    except BaseException:
        shared.admission.part()
        raise
    response.call_on_close(shared.admission.part)
    return response


def _address(**changed: str) -> str:
    """Return the address of the same question with parameters changed."""
    given = {name: value for name, value in request.args.items() if name not in changed}
    return f"{request.path}?{urlencode(given | changed)}"


def _no_parquet() -> ProblemError:
    detail = f"Parquet is written by pyarrow, which is not installed on the server: {PYARROW}"
    offered = [name for name in _MEDIA_TYPES if name != "parquet"]
    return ProblemError("not-acceptable", detail, field="format", value="parquet", allowed=offered)
