"""The settings of this room: which models, where they run, and what they may take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.variables import (
    folder,
    one_of,
    repository,
    seconds,
    socket,
    text,
    variable,
    whole_number,
)


@dataclass(frozen=True, kw_only=True)
class ServingSettings:
    """Where the models are, and how they are run."""

    model_repository: Path = variable(
        "MODEL_REPOSITORY",
        "models",
        repository,
        "The folder with the models, or the address of a bucket.",
        alias="MODEL_BASE_PATH",
    )
    model_poll_s: float = variable(
        "MODEL_POLL_S",
        "5",
        seconds(0, 86_400),
        "How often that folder is looked at for new versions; 0 is never.",
    )
    model_mirror: Path | None = variable(
        "MODEL_MIRROR",
        "",
        folder,
        "Where models of a bucket are mirrored to; by default among this user's caches.",
    )
    model_bucket: str | None = None
    """What MODEL_REPOSITORY says, where that is a bucket; `model_repository` is the mirror then."""
    model_control: str = variable(
        "MODEL_CONTROL",
        "off",
        one_of("off", "on"),
        "Whether requests may tell models to load and to serve no more.",
    )
    default_model: str | None = variable(
        "DEFAULT_MODEL", "", text, "The model of a request that names none.", alias="MODEL_NAME"
    )
    ready: str = variable(
        "READY",
        "default",
        one_of("default", "all"),
        "Which models have to serve before the server is ready: the one that a request "
        "without a name means, or all.",
    )
    bucket_name: str | None = variable(
        "gcp_bucket_name", "", text, "The Cloud Storage bucket to which models are pushed."
    )
    inference: str = variable(
        "INFERENCE",
        "process",
        one_of("process", "in_process"),
        "Where the models run: in a process of their own, or in this one.",
    )
    inference_socket: Path = variable(
        "INFERENCE_SOCKET",
        "",
        socket,
        "The inference process's Unix socket; by default in a folder named for the port.",
    )
    inference_timeout_s: float = variable(
        "INFERENCE_TIMEOUT_S",
        "60",
        seconds(0.1, 3600),
        "How long one prediction may take, its wait in the queue included.",
    )
    inference_threads: int = variable(
        "INFERENCE_THREADS",
        "0",
        whole_number(0, 1024),
        "Threads of the network; 0 means as many as this process may use cores.",
    )
    queue_limit: int = variable(
        "QUEUE_LIMIT",
        "32",
        whole_number(1, 1024),
        "Predictions of one model that may be in work or wait at once; one more is refused.",
    )
    max_molded_pixels: int = variable(
        "MAX_MOLDED_PIXELS",
        "4194304",
        whole_number(64 * 64, 2**31 - 1),
        "The most pixels that a photo may have once it is resized and padded for its network.",
    )

    @property
    def model_address(self) -> str:
        """Where the models come from: a bucket, or a folder."""
        return self.model_bucket or str(self.model_repository)

    @property
    def stopping_mark(self) -> Path:
        """The file that exists while the server is told to stop and still answers."""
        return self.inference_socket.with_suffix(".stopping")
