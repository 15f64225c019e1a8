"""Where Matterport's training keeps its runs: `<model_dir>/<name><date>T<time>/mask_rcnn_*.h5`."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_CHECKPOINT = re.compile(
    r".*[/\\][\w-]+(?P<date>\d{8}T\d{4})[/\\]mask_rcnn_[\w-]+(?P<epoch>\d{4})\.h5"
)
_DATE = "%Y%m%dT%H%M"


@dataclass(frozen=True)
class Run:
    """A training run: its folder, the path of its checkpoints by `{epoch:04d}`, epochs done."""

    log_dir: str
    checkpoint_path: str
    epoch: int


def run_of(model_dir: str, name: str, checkpoint: str | None = None) -> Run:
    """Return the run that `checkpoint` is of, or one that begins now where it is of none."""
    found = _CHECKPOINT.fullmatch(checkpoint) if checkpoint else None
    began = datetime.strptime(found["date"], _DATE) if found else datetime.now()
    folder = Path(model_dir) / f"{name.lower()}{began:{_DATE}}"
    path = folder / f"mask_rcnn_{name.lower()}_{{epoch:04d}}.h5"
    return Run(str(folder), str(path), int(found["epoch"]) if found else 0)


def last_checkpoint(model_dir: str, name: str) -> str:
    """Return the last checkpoint of the last run of `name`; raises FileNotFoundError."""
    folder, key = Path(model_dir), name.lower()
    runs = sorted(p for p in folder.glob("*") if p.name.startswith(key) and p.is_dir())
    if not runs:
        raise FileNotFoundError(errno.ENOENT, f"no folder of a run of {key!r}", str(folder))
    checkpoints = sorted(runs[-1].glob("mask_rcnn*.h5"))
    if not checkpoints:
        raise FileNotFoundError(errno.ENOENT, "no checkpoint", str(runs[-1]))
    return str(checkpoints[-1])
