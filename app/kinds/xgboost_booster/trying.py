"""Has a booster tried in a process of its own: whatever becomes of that, the server goes on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.kinds.kind import ModelError
from app.kinds.requisites import XGBOOST, check_installed
from app.kinds.xgboost_booster.files import BINARY, format_of

_SCRIPT = Path(__file__).with_name("trial.py")
_LONGEST_S = 120
_MOST_TOLD = 160
# Of XGBoost's messages: the time, and the place in its own source.
_PLACE = re.compile(r"^\[[\d:]+\] \S+:\d+:\s*")
# The first release that does not read what the older ones wrote unless told otherwise.
_LOST_BINARY = (3, 1)


@dataclass(frozen=True)
class Tried:
    """What a booster is: `shape` is that of what comes out for one row."""

    xgboost: str
    features: int
    names: list[str] | None
    types: list[str] | None
    objective: str
    booster: str
    trees: int
    nodes: int
    shape: list[int]


def tried(path: Path) -> Tried:
    """Return what a booster is; raises ModelError where it cannot be served."""
    check_installed(XGBOOST, path.name)
    quiet = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    try:
        # -P: what lies beside the script is no module of its.
        done = subprocess.run(
            [sys.executable, "-P", str(_SCRIPT), str(path)],
            env={**os.environ, **quiet},
            capture_output=True,
            timeout=_LONGEST_S,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        reason = f"{path.name} is refused: XGBoost has not read it within {_LONGEST_S} s"
        raise ModelError(reason) from None
    if done.returncode:
        raise ModelError(f"{path.name} is refused: it ends XGBoost ({_end(done.returncode)})")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if "error" in told:
        raise ModelError(_refusal(path, told["error"]))
    return Tried(**told)


def _refusal(path: Path, error: str) -> str:
    from xgboost import __version__ as version

    is_lost = tuple(int(part) for part in version.split(".")[:2]) >= _LOST_BINARY
    if is_lost and format_of(path) == BINARY:
        return (
            f"{path.name} is in XGBoost's binary format, which xgboost {version} does not read: "
            f"./setup.sh xgboost installs one that does, or save it anew with xgboost 3.0: "
            f"xgboost.Booster(model_file={path.name!r}).save_model('model.ubj')"
        )
    first = next((line for line in error.splitlines() if line.strip()), "it is damaged")
    line = _PLACE.sub("", first).strip()
    line = line if len(line) <= _MOST_TOLD else f"{line[: _MOST_TOLD - 1]}…"
    return f"XGBoost does not take {path.name}: {line}"


def _end(code: int) -> str:
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"exit status {code}"
