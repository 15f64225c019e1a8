"""Every setting of the server, read once from the environment.

A bad value stops the start with one line that names the variable, the value and what is allowed.
Nothing else in `app` reads the environment.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from app.variables import (
    SettingsError,
    file,
    folder,
    one_of,
    other_defaults,
    repository,
    route,
    seconds,
    socket,
    text,
    variable,
    whole_number,
)

#: prometheus-client's own: where the processes of one server keep what they count.
METRICS_FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_ROOM_AROUND_THE_IMAGE = 1 << 20

__all__ = ["METRICS_FOLDER_VARIABLE", "Settings", "SettingsError"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The server's settings; `from_environment` is the one way to make them outside of tests."""

    model_repository: Path = field(
        metadata=variable(
            "MODEL_REPOSITORY",
            "models",
            repository,
            "The folder with the models, or the address of a bucket.",
            alias="MODEL_BASE_PATH",
        )
    )
    model_poll_s: float = field(
        metadata=variable(
            "MODEL_POLL_S",
            "5",
            seconds(0, 86_400),
            "How often that folder is looked at for new versions; 0 is never.",
        )
    )
    model_mirror: Path | None = field(
        metadata=variable(
            "MODEL_MIRROR",
            "",
            folder,
            "Where models of a bucket are mirrored to; by default among this user's caches.",
        )
    )
    model_bucket: str | None = None
    """What MODEL_REPOSITORY says, where that is a bucket; `model_repository` is the mirror then."""
    model_control: str = field(
        metadata=variable(
            "MODEL_CONTROL",
            "off",
            one_of("off", "on"),
            "Whether requests may tell models to load and to serve no more.",
        )
    )
    port: int = field(
        metadata=variable(
            "PORT", "8080", whole_number(1, 65535), "The HTTP port.", alias="AIP_HTTP_PORT"
        )
    )
    health_route: str | None = field(
        metadata=variable(
            "HEALTH_ROUTE",
            "",
            route,
            "A path that is answered as /readyz is, for a platform that asks there.",
            alias="AIP_HEALTH_ROUTE",
        )
    )
    predict_route: str | None = field(
        metadata=variable(
            "PREDICT_ROUTE",
            "",
            route,
            "A path that is answered as /predict is, for a platform that sends there.",
            alias="AIP_PREDICT_ROUTE",
        )
    )
    log_level: str = field(
        metadata=variable(
            "LOG_LEVEL",
            "info",
            one_of("debug", "info", "warning", "error"),
            "The least severity that is logged.",
        )
    )
    default_model: str | None = field(
        metadata=variable(
            "DEFAULT_MODEL",
            "",
            text,
            "The model of a request that names none.",
            alias="MODEL_NAME",
        )
    )
    bucket_name: str | None = field(
        metadata=variable(
            "gcp_bucket_name",
            "",
            text,
            "The Cloud Storage bucket to which models are pushed.",
        )
    )
    ready: str = field(
        metadata=variable(
            "READY",
            "default",
            one_of("default", "all"),
            "Which models have to serve before the server is ready: the one that a request "
            "without a name means, or all.",
        )
    )
    inference: str = field(
        metadata=variable(
            "INFERENCE",
            "process",
            one_of("process", "in_process"),
            "Where the models run: in a process of their own, or in this one.",
        )
    )
    inference_socket: Path = field(
        metadata=variable(
            "INFERENCE_SOCKET",
            "",
            socket,
            "The inference process's Unix socket; by default in a folder named for the port.",
        )
    )
    inference_timeout_s: float = field(
        metadata=variable(
            "INFERENCE_TIMEOUT_S",
            "60",
            seconds(0.1, 3600),
            "How long one prediction may take, its wait in the queue included.",
        )
    )
    inference_threads: int = field(
        metadata=variable(
            "INFERENCE_THREADS",
            "0",
            whole_number(0, 1024),
            "Threads of the network; 0 means as many as this process may use cores.",
        )
    )
    stop_delay_s: float = field(
        metadata=variable(
            "STOP_DELAY_S",
            "0",
            seconds(0, 3600),
            "How long the server goes on after SIGTERM, not ready any more: time for load "
            "balancers to notice.",
        )
    )
    stop_timeout_s: float = field(
        metadata=variable(
            "STOP_TIMEOUT_S",
            "60",
            seconds(0, 3600),
            "How long, after STOP_DELAY_S, is waited for requests in flight.",
        )
    )
    keepalive_s: int = field(
        metadata=variable(
            "KEEPALIVE_S",
            "75",
            whole_number(1, 3600),
            "How long a connection may be idle: longer than whatever stands before the server "
            "keeps it.",
        )
    )
    tls_certificate: Path | None = field(
        metadata=variable(
            "TLS_CERTIFICATE",
            "",
            file,
            "A file with the server's certificate and its chain, PEM: the port speaks HTTPS.",
        )
    )
    tls_key: Path | None = field(
        metadata=variable("TLS_KEY", "", file, "The file with the certificate's key, PEM.")
    )
    queue_limit: int = field(
        metadata=variable(
            "QUEUE_LIMIT",
            "32",
            whole_number(1, 1024),
            "Predictions of one model that may be in work or wait at once; one more is refused.",
        )
    )
    http_processes: int = field(
        metadata=variable("HTTP_PROCESSES", "2", whole_number(1, 256), "HTTP worker processes.")
    )
    http_threads: int = field(
        metadata=variable(
            "HTTP_THREADS", "64", whole_number(1, 256), "Threads of each HTTP worker process."
        )
    )
    max_image_bytes: int = field(
        metadata=variable(
            "MAX_IMAGE_BYTES",
            "33554432",
            whole_number(1, 2**31 - 1),
            "The largest upload, in bytes.",
        )
    )
    max_image_pixels: int = field(
        metadata=variable(
            "MAX_IMAGE_PIXELS",
            "50000000",
            whole_number(1, 2**31 - 1),
            "The largest photo, width times height.",
        )
    )
    max_image_side: int = field(
        metadata=variable(
            "MAX_IMAGE_SIDE", "30000", whole_number(1, 2**31 - 1), "The longest side of a photo."
        )
    )
    max_image_frames: int = field(
        metadata=variable(
            "MAX_IMAGE_FRAMES",
            "1000",
            whole_number(1, 2**31 - 1),
            "The most frames of an animation; only the first is decoded.",
        )
    )
    max_request_pixels: int = field(
        metadata=variable(
            "MAX_REQUEST_PIXELS",
            "200000000",
            whole_number(1, 2**31 - 1),
            "The most pixels of all photos of one request.",
        )
    )
    max_molded_pixels: int = field(
        metadata=variable(
            "MAX_MOLDED_PIXELS",
            "4194304",
            whole_number(64 * 64, 2**31 - 1),
            "The most pixels that a photo may have once it is resized and padded for its network.",
        )
    )
    decode_timeout_s: float = field(
        metadata=variable(
            "DECODE_TIMEOUT_S",
            "10",
            seconds(0.01, 3600),
            "How long decoding one photo may keep a core busy.",
        )
    )

    @property
    def max_body_bytes(self) -> int:
        """The largest body: JSON with base64 is a third larger than the photo in it."""
        return self.max_image_bytes * 4 // 3 + _ROOM_AROUND_THE_IMAGE

    @property
    def scheme(self) -> str:
        """What the port speaks: `http`, or `https`."""
        return "http" if self.tls_certificate is None else "https"

    @property
    def stopping_mark(self) -> Path:
        """The file that exists while the server is told to stop and still answers."""
        return self.inference_socket.with_suffix(".stopping")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read every variable; an empty one counts as unset. Raises SettingsError."""
        values: dict[str, Any] = {}
        defaults = other_defaults(environment)
        for setting in _described(cls):
            described = setting.metadata
            default = defaults.get(described["variable"], described["default"])
            values[setting.name] = _value({**described, "default": default}, environment)
        if (values["tls_certificate"] is None) != (values["tls_key"] is None):
            raise SettingsError("TLS_CERTIFICATE, TLS_KEY: must both be files, or neither")
        if values["inference_socket"] is None:
            values["inference_socket"] = _run_folder(values["port"]) / "inference.sock"
        if isinstance(bucket := values["model_repository"], str):
            mirrors = values["model_mirror"] or _caches(environment) / "mirrors"
            values |= {"model_bucket": bucket, "model_repository": mirrors / _folder_name(bucket)}
        return cls(**values)

    @classmethod
    def variables(cls) -> dict[str, tuple[str, str]]:
        """Return each variable with its default and its meaning, for documentation."""
        return {
            setting.metadata["variable"]: (
                setting.metadata["default"],
                setting.metadata["meaning"],
            )
            for setting in _described(cls)
        }

    @classmethod
    def aliases(cls) -> dict[str, str]:
        """Return each variable that a platform sets with the one that it stands for."""
        return {
            setting.metadata["alias"]: setting.metadata["variable"]
            for setting in _described(cls)
            if setting.metadata["alias"]
        }

    def masked(self) -> dict[str, Any]:
        """Return variable -> value for the log. No setting is a secret so far."""
        values = {
            setting.metadata["variable"]: _loggable(getattr(self, setting.name))
            for setting in _described(type(self))
        }
        return values | {"MODEL_REPOSITORY": self.model_bucket or str(self.model_repository)}


def _value(setting: Mapping[str, Any], environment: Mapping[str, str]) -> object:
    """Return what a setting's variable, or the platform's for it, says; else the default.

    Raises SettingsError for a value that is not allowed, and where the two contradict each other.
    """
    variable, alias = setting["variable"], setting["alias"]
    given = environment.get(variable, "").strip()
    value = _parsed(setting, variable, given or setting["default"])
    told = environment.get(alias, "").strip() if alias else ""
    if not told:
        return value
    platforms = _parsed(setting, alias, told)
    if given and value != platforms:
        raise SettingsError(f"{variable}={given!r}: must be {told!r}, as {alias} is, or not set")
    return platforms


def _parsed(setting: Mapping[str, Any], variable: str, value: str) -> object:
    try:
        return setting["parse"](value)
    except ValueError as allowed:
        raise SettingsError(f"{variable}={value!r}: must be {allowed}") from None


def _run_folder(port: int) -> Path:
    """Return this user's folder for what lives while a server on `port` runs."""
    try:
        folder = tempfile.gettempdir()
    except FileNotFoundError:
        # Nothing can be written here: who has to write says so.
        folder = "/tmp"
    return Path(folder) / f"slipway-{os.getuid()}-{port}"


def _described(settings: type[Settings]) -> list[Field[Any]]:
    """Return what variables give."""
    return [one for one in fields(settings) if one.metadata]


def _caches(environment: Mapping[str, str]) -> Path:
    """Return this user's folder for what can be had again."""
    home = Path(environment.get("HOME") or "/tmp")
    return Path(environment.get("XDG_CACHE_HOME") or home / ".cache") / "slipway"


def _folder_name(address: str) -> str:
    """Return a name for a bucket's folder that no other one has, and that people know it by."""
    digest = hashlib.sha256(address.encode()).hexdigest()[:8]
    return f"{re.sub('[^A-Za-z0-9.]+', '-', address)[:80]}-{digest}"


def _loggable(value: object) -> object:
    return str(value) if isinstance(value, Path) else value
