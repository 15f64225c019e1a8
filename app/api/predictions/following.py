"""Waits for the first row that a question has, for those who follow the log.

Who waits holds a thread, without work: few may, so that predictions always find one.
"""

from __future__ import annotations

import time

from flask import request

from app.api.hangup import watch
from app.api.predictions.access import is_begun
from app.api.predictions.parameters import ListParameters, place_of
from app.api.services import Services
from app.records import asking
from app.records.outbox import Outbox

_LOOK_EACH_S = 0.25


def first_after(shared: Services, records: Outbox, asked: ListParameters) -> None:
    """Wait until the log has a row that is asked for, the time is over, or nobody waits any more.

    Raises InferenceOverloaded where too many wait already, and RecordsError.
    """
    if refusal := shared.admission.linger():
        raise refusal
    # It is no load: what the server is scaled by does not count it.
    shared.telemetry.requests_in_flight.dec()
    try:
        _wait(shared, records, asked)
    finally:
        shared.telemetry.requests_in_flight.inc()
        shared.admission.part()


def _wait(shared: Services, records: Outbox, asked: ListParameters) -> None:
    is_gone = watch(request.environ)
    give_up_at = time.monotonic() + (asked.wait_s or 0)
    seen = None if asked.after is None else place_of(asked.after)
    while True:
        if is_begun(records):
            with records.read() as connection:
                newest = asking.newest(connection)
                if seen is not None and seen > newest:
                    return
                if newest != seen:
                    if asking.after(connection, asked.filter(), seen or 0, 1):
                        return
                    # Of what is there nothing is asked for: only what comes is looked at.
                    seen = newest
        left_s = give_up_at - time.monotonic()
        if left_s <= 0 or shared.is_stopping() or (is_gone is not None and is_gone()):
            return
        time.sleep(min(_LOOK_EACH_S, left_s))
