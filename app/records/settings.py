"""The settings of this room: where the log lies, how large it may become, and where it is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from app.variables import NO_PATH, SettingsError, one_of, repository, text, variable, whole_number

_TABLE = re.compile(r"[a-z][a-z0-9:.-]{2,62}\.\w{1,1024}\.[\w-]{1,1024}", re.ASCII)
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,4})?)%")
OFF = "off"


def log_file(value: str) -> Path | None:
    """Return a path; NO_PATH where none is told, None for `off`."""
    if value.lower() == OFF:
        return None
    if "://" in value:
        raise ValueError("a file on this machine, or off")
    return Path(value).expanduser().absolute() if value else NO_PATH


def table(value: str) -> str | None:
    if value and not _TABLE.fullmatch(value):
        raise ValueError("a table: project.dataset.table")
    return value or None


def place(value: str) -> Path | str | None:
    return repository(value) if value else None


def share(value: str) -> float:
    """Return which share of the inputs is kept, 0 to 1."""
    if value.lower() in (OFF, "all"):
        return float(value.lower() == "all")
    match = _SHARE.fullmatch(value)
    if not match or not 0 < float(match[1]) <= 100:
        raise ValueError("off, all, or a share such as 1%")
    return float(match[1]) / 100


@dataclass(frozen=True, kw_only=True)
class RecordSettings:
    """The prediction log."""

    prediction_log: Path | None = variable(
        "PREDICTION_LOG",
        "",
        log_file,
        "The file of the prediction log, on a disk; `off`: predictions are not recorded. Without "
        "it: `predictions-<PORT>.sqlite` in `~/.local/state/slipway`, or what XDG_STATE_HOME says.",
    )
    most_rows: int = variable(
        "PREDICTION_LOG_ROWS",
        "1000000",
        whole_number(1000, 10**12),
        "How many rows the prediction log keeps; the oldest go first, once they are sent.",
    )
    most_mib: int = variable(
        "PREDICTION_LOG_MIB",
        "1024",
        whole_number(8, 10**9),
        "How much disk it takes, in MiB.",
    )
    when_full: str = variable(
        "PREDICTION_LOG_FULL",
        "drop",
        one_of("drop", "refuse"),
        "When it is full of rows that are not sent yet: `drop` what is new, or `refuse` requests.",
    )
    bigquery_table: str | None = variable(
        "BIGQUERY_TABLE",
        "",
        table,
        "The table of BigQuery that predictions are sent to: `project.dataset.table`.",
    )
    bigquery_emulator: str | None = variable(
        "BIGQUERY_STORAGE_EMULATOR_HOST",
        "",
        text,
        "`host:port` of what stands in for BigQuery's Storage Write API, without TLS and "
        "credentials.",
    )
    sink: Path | str | None = variable(
        "PREDICTION_SINK",
        "",
        place,
        "A bucket or a folder that predictions are sent to as Parquet: `gs://…`, `s3://…`, "
        "`az://…`.",
    )
    access: str = variable(
        "PREDICTIONS",
        "closed",
        one_of("open", "closed"),
        "Whether whoever reaches the port may read the prediction log and send feedback.",
    )

    inputs_share: float = variable(
        "RECORD_INPUTS",
        OFF,
        share,
        "Which requests' inputs are kept beside the log: `off`, `all`, or a share such as `1%`.",
    )
    inputs_to: Path | str | None = variable(
        "RECORD_INPUTS_TO",
        "",
        place,
        "The bucket or the folder that they are kept in: `gs://…`, `s3://…`, `az://…`.",
    )
    inputs_days: int = variable(
        "RECORD_INPUTS_DAYS",
        "30",
        whole_number(1, 3650),
        "For how many days a folder keeps them; a bucket needs a rule of its own.",
    )

    def __post_init__(self) -> None:
        if self.inputs_share and (self.inputs_to is None or self.prediction_log is None):
            wanted = "PREDICTION_LOG is off" if self.inputs_to else "RECORD_INPUTS_TO is not set"
            raise SettingsError(f"RECORD_INPUTS={100 * self.inputs_share:g}%: {wanted}")
        if self.prediction_log is None and (self.bigquery_table or self.sink):
            raise SettingsError(
                "PREDICTION_LOG='off': predictions are sent on from it, and BIGQUERY_TABLE or "
                "PREDICTION_SINK is set"
            )

    @property
    def has_shipper(self) -> bool:
        """Whether anything is to be taken from this machine: rows, or inputs."""
        return bool(self.sinks or self.inputs_share)

    @property
    def sinks(self) -> tuple[str, ...]:
        """The names of where predictions are sent to."""
        return tuple(
            name for name, told in (("bigquery", self.bigquery_table), ("files", self.sink)) if told
        )
