"""Every setting of the server: what each room declares, read once from the environment.

Nothing else in `app` reads the environment. Only who puts the rooms together knows all settings; a
room's own code takes its group.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.api.settings import ApiSettings
from app.hosting.settings import HostingSettings
from app.kinds.limits import Limits
from app.records.settings import RecordSettings
from app.serving.settings import ServingSettings
from app.variables import NO_PATH, SettingsError, described, group, one_of, read, variable

#: The variables of tensorflow/serving's image, and what is the default where one of them is set.
_OF_TENSORFLOW_SERVING = ("MODEL_NAME", "MODEL_BASE_PATH")
_ITS_DEFAULTS = {"MODEL_REPOSITORY": "/models", "PORT": "8501"}

__all__ = ["Settings", "SettingsError"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The server's settings; `from_environment` is the one way to make them outside of tests."""

    serving: ServingSettings = group(ServingSettings)
    hosting: HostingSettings = group(HostingSettings)
    api: ApiSettings = group(ApiSettings)
    limits: Limits = group(Limits)
    records: RecordSettings = group(RecordSettings)
    log_level: str = variable(
        "LOG_LEVEL",
        "info",
        one_of("debug", "info", "warning", "error"),
        "The least severity that is logged.",
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read every variable; an empty one counts as unset. Raises SettingsError."""
        is_like_its_image = any(
            environment.get(name, "").strip() for name in _OF_TENSORFLOW_SERVING
        )
        settings = read(cls, environment, _ITS_DEFAULTS if is_like_its_image else {})
        serving = settings.serving
        if serving.inference_socket == NO_PATH:
            socket = _run_folder(settings.hosting.port) / "inference.sock"
            serving = replace(serving, inference_socket=socket)
        # What the variable says is the address of a bucket, or the folder.
        told: Path | str = serving.model_repository
        if isinstance(told, str):
            mirrors = serving.model_mirror or _caches(environment) / "mirrors"
            mirror = mirrors / _folder_name(told)
            serving = replace(serving, model_repository=mirror, model_bucket=told)
        records = settings.records
        if records.prediction_log == NO_PATH:
            name = f"predictions-{settings.hosting.port}.sqlite"
            records = replace(records, prediction_log=_states(environment) / name)
        return replace(settings, serving=serving, records=records)

    @classmethod
    def variables(cls) -> dict[str, tuple[str, str]]:
        """Return each variable with its default and its meaning, for documentation."""
        return {
            declared["variable"]: (declared["default"], declared["meaning"])
            for declared, _ in described(cls())
        }

    @classmethod
    def aliases(cls) -> dict[str, str]:
        """Return each variable that a platform sets with the one that it stands for."""
        return {
            declared["alias"]: declared["variable"]
            for declared, _ in described(cls())
            if declared["alias"]
        }

    def masked(self) -> dict[str, Any]:
        """Return variable -> value for the log. No setting is a secret so far."""
        values = {declared["variable"]: _loggable(value) for declared, value in described(self)}
        return values | {
            "MODEL_REPOSITORY": self.serving.model_address,
            "PREDICTION_LOG": str(self.records.prediction_log or "off"),
        }


def _run_folder(port: int) -> Path:
    """Return this user's folder for what lives while a server on `port` runs."""
    try:
        folder = tempfile.gettempdir()
    except FileNotFoundError:
        # Nothing can be written here: who has to write says so.
        folder = "/tmp"
    return Path(folder) / f"slipway-{os.getuid()}-{port}"


def _caches(environment: Mapping[str, str]) -> Path:
    """Return this user's folder for what can be had again."""
    home = Path(environment.get("HOME") or "/tmp")
    return Path(environment.get("XDG_CACHE_HOME") or home / ".cache") / "slipway"


def _states(environment: Mapping[str, str]) -> Path:
    """Return this user's folder for what is to last."""
    home = Path(environment.get("HOME") or "/tmp")
    return Path(environment.get("XDG_STATE_HOME") or home / ".local" / "state") / "slipway"


def _folder_name(address: str) -> str:
    """Return a name for a bucket's folder that no other one has, and that people know it by."""
    digest = hashlib.sha256(address.encode()).hexdigest()[:8]
    return f"{re.sub('[^A-Za-z0-9.]+', '-', address)[:80]}-{digest}"


def _loggable(value: object) -> object:
    return str(value) if isinstance(value, Path) else value
