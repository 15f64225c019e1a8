"""Takes a prediction out of the log, and tells what is left of it in places out of reach."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.records.inputs import erase_input, inputs_of
from app.records.outbox import Outbox
from app.records.settings import RecordSettings

_SOURCES = ("predictions", "feedback")


@dataclass(frozen=True)
class Erased:
    """How much was erased here, and what a person has to do elsewhere.

    `inputs` are those that were kept, wherever they are.
    """

    rows: int
    feedback: int
    inputs: int
    elsewhere: tuple[str, ...]


def erase(records: Outbox, settings: RecordSettings, prediction_id: str) -> Erased:
    """Erase a prediction's inputs, all its rows, and its feedback; raises RecordsError.

    The rows name the inputs, and so go last: what fails can be done again. Their bytes are written
    over with zeros.
    """
    elsewhere = tuple(_elsewhere(settings, prediction_id))
    if not records.path.is_file():
        return Erased(0, 0, 0, elsewhere)
    here = replace(settings, prediction_log=records.path)
    with records.read() as connection:
        digests = inputs_of(connection, prediction_id)
    inputs = sum(erase_input(here, digest) for digest in digests)
    with records.transaction() as connection:
        connection.execute("PRAGMA secure_delete=ON")
        rows, feedback = (
            connection.execute(
                f"DELETE FROM main.{source} WHERE prediction_id = ?", (prediction_id,)
            ).rowcount
            for source in _SOURCES
        )
        connection.execute("DELETE FROM main.refused WHERE prediction_id = ?", (prediction_id,))
    return Erased(rows, feedback, inputs, elsewhere)


def _elsewhere(settings: RecordSettings, prediction_id: str) -> list[str]:
    told = []
    if table := settings.bigquery_table:
        told += [
            f"DELETE FROM `{name}` WHERE prediction_id = '{prediction_id}'"
            for name in (table, f"{table}_feedback")
        ]
    if settings.sink:
        told.append(
            f"the Parquet files in {settings.sink} of that day: write them anew without the rows "
            f"whose prediction_id is '{prediction_id}'"
        )
    return told
