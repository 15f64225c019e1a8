"""The settings of this room: the port, how many workers, and how the server ends."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.variables import SettingsError, file, seconds, variable, whole_number


@dataclass(frozen=True, kw_only=True)
class HostingSettings:
    """What the server listens to, and its processes."""

    port: int = variable(
        "PORT", "8080", whole_number(1, 65535), "The HTTP port.", alias="AIP_HTTP_PORT"
    )
    tls_certificate: Path | None = variable(
        "TLS_CERTIFICATE",
        "",
        file,
        "A file with the server's certificate and its chain, PEM: the port speaks HTTPS.",
    )
    tls_key: Path | None = variable(
        "TLS_KEY", "", file, "The file with the certificate's key, PEM."
    )
    keepalive_s: int = variable(
        "KEEPALIVE_S",
        "75",
        whole_number(1, 3600),
        "How long a connection may be idle: longer than whatever stands before the server "
        "keeps it.",
    )
    stop_delay_s: float = variable(
        "STOP_DELAY_S",
        "0",
        seconds(0, 3600),
        "How long the server goes on after SIGTERM, not ready any more: time for load "
        "balancers to notice.",
    )
    stop_timeout_s: float = variable(
        "STOP_TIMEOUT_S",
        "60",
        seconds(0, 3600),
        "How long, after STOP_DELAY_S, is waited for requests in flight.",
    )
    http_processes: int = variable(
        "HTTP_PROCESSES", "2", whole_number(1, 256), "HTTP worker processes."
    )
    http_threads: int = variable(
        "HTTP_THREADS", "64", whole_number(1, 256), "Threads of each HTTP worker process."
    )

    def __post_init__(self) -> None:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise SettingsError("TLS_CERTIFICATE, TLS_KEY: must both be files, or neither")

    @property
    def scheme(self) -> str:
        """What the port speaks: `http`, or `https`."""
        return "http" if self.tls_certificate is None else "https"
