"""Who may ask for the prediction log, and what is told where it cannot be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from app.api.problems import RETRY_AFTER_S, ProblemError
from app.api.services import Services
from app.records.errors import RecordsError
from app.records.outbox import Outbox

#: A ULID (github.com/ulid/spec), which every prediction's id is.
ULID = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"


def closed(setting: str, value: str, told: str) -> ProblemError:
    """Return the problem of a log that is not to be read, and by which setting."""
    return ProblemError("predictions-closed", f"{setting} is {value!r}: {told}", field=setting)


def log_of(services: Services) -> Outbox:
    """Return the log that may be read; raises ProblemError (403)."""
    if services.record_settings.access != "open":
        told = "with 'open' whoever reaches the port may read the log and send feedback"
        raise closed("PREDICTIONS", services.record_settings.access, told)
    if services.records is None:
        raise closed("PREDICTION_LOG", "off", "predictions are not recorded")
    return services.records


@contextmanager
def telling() -> Iterator[None]:
    """Tell what keeps the log from being read or written; raises ProblemError (503)."""
    try:
        yield
    except RecordsError as error:
        raise ProblemError("log-unavailable", str(error), retry_after_s=RETRY_AFTER_S) from error


def is_begun(records: Outbox) -> bool:
    """Say whether there is a log: the first prediction begins it."""
    return records.path.is_file()


def check_id(prediction_id: str) -> None:
    """Refuse what is no prediction's id; raises ProblemError (404)."""
    if not re.fullmatch(ULID, prediction_id):
        raise not_found(prediction_id)


def not_found(prediction_id: str) -> ProblemError:
    """Return the problem of a prediction that this log has not, or not any more."""
    detail = f"there is no prediction {prediction_id!r} in this log"
    return ProblemError("prediction-not-found", detail, field="prediction_id", value=prediction_id)
