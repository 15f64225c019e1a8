"""What the sinks need that may not be installed. Process 1 asks, which imports next to nothing."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

from app.records.settings import RecordSettings

_REMEDY = (
    "./setup.sh records installs it, docker build --build-arg RECORDS=yes makes an image with it"
)
_DRIVERS = {"gs": "gcsfs", "s3": "s3fs", "az": "adlfs"}


def missing_driver(settings: RecordSettings) -> str | None:
    """Say what the sinks need that is not installed; None where all is there."""
    for variable, module in _needed(settings):
        if not _is_installed(module):
            return f"{variable} is set, and needs {module}, which is not installed; {_REMEDY}"
    return None


def _needed(settings: RecordSettings) -> Iterator[tuple[str, str]]:
    if settings.bigquery_table:
        yield "BIGQUERY_TABLE", "google.cloud.bigquery_storage_v1"
    if settings.sink:
        yield "PREDICTION_SINK", "pyarrow"
    if isinstance(settings.sink, str):
        yield "PREDICTION_SINK", _DRIVERS[settings.sink.partition(":")[0]]
    if settings.inputs_share and isinstance(settings.inputs_to, str):
        yield "RECORD_INPUTS_TO", _DRIVERS[settings.inputs_to.partition(":")[0]]


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
