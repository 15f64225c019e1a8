"""Which sinks the settings mean."""

from __future__ import annotations

from collections.abc import Iterator

from app.records.settings import RecordSettings
from app.records.shipper.sink import Sink
from app.records.shipper.source import SOURCES, Source


def sinks_of(settings: RecordSettings) -> Iterator[tuple[Sink, Source]]:
    """Yield each sink with the table of the log that it is for."""
    for source in SOURCES:
        if settings.bigquery_table:
            from app.records.shipper.bigquery import BigQuery

            table = f"{settings.bigquery_table}{source.suffix}"
            yield BigQuery(table, source.columns(), settings.bigquery_emulator), source
        if settings.sink:
            from app.records.shipper.files import Files

            yield Files(settings.sink, source.name, source.columns()), source
