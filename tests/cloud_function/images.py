"""Makes container images of one static binary and pushes them, over the registry's HTTP API.

The binary is `server/`: what is rolled out, and the clients that count what is lost.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests.cloud_function.samples import REPOSITORY

_SOURCES = Path(__file__).parent / "server"
_MEDIA = "application/vnd.oci.image"
_LOCKS = Path(tempfile.gettempdir()) / f"slipway-test-{os.getuid()}"


@dataclass(frozen=True)
class Images:
    """The program, for use on this machine, and the registry that takes images of it."""

    program: Path
    registry: Registry


def compiled(folder: Path, address: str) -> Images:
    """Compile into `folder`, statically linked; images go to the registry at `address`."""
    program = folder / "server"
    command = ["go", "build", "-ldflags=-s -w", "-o", str(program)]
    # The first process of a test run fills Go's cache, the others find it there.
    with one_at_a_time("compiler"):
        subprocess.run(
            [*command, *map(str, _SOURCES.glob("*.go"))],
            check=True,
            env=os.environ | {"CGO_ENABLED": "0", "GO111MODULE": "off"},
        )
    layer = _layer({program.name: program.read_bytes()})
    return Images(program, Registry(address, layer))


def _layer(files: Mapping[str, bytes]) -> bytes:
    """Return an archive of files that everybody may read and run."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, io.BytesIO(content))
    return layer.getvalue()


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Wait until no other process of the test run is in here."""
    with Path(f"{_LOCKS}-{name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Registry:
    """The registry that the cluster pulls from."""

    def __init__(self, address: str, layer: bytes) -> None:
        self._address = address
        self._plain = layer
        self._packed = gzip.compress(layer, mtime=0)

    def push(self, **environment: str) -> str:
        """Push an image with these variables and return its digest; the same again is the same.

        One process of the test run at a time, and only what is not there yet: docker-registry
        truncates a link before it writes it anew, and who reads it just then (a manifest's check,
        a kubelet that pulls) gets a 400.
        """
        with one_at_a_time("registry"):
            return self._pushed(environment)

    def _pushed(self, environment: dict[str, str]) -> str:
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "Entrypoint": ["/server"],
                "Env": [f"{name}={value}" for name, value in environment.items()],
                "User": "65532",
            },
            "rootfs": {"type": "layers", "diff_ids": [_digest(self._plain)]},
        }
        packed = json.dumps(config).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{_MEDIA}.manifest.v1+json",
            "config": self._blob(packed, f"{_MEDIA}.config.v1+json"),
            "layers": [self._blob(self._packed, f"{_MEDIA}.layer.v1.tar+gzip")],
        }
        body = json.dumps(manifest).encode()
        media = str(manifest["mediaType"])
        where = f"{self._base}/manifests/{_digest(body)}"
        if not self._has(where, media):
            self._send("PUT", where, body, media)
        return _digest(body)

    def push_over(self, base: str, files: Mapping[str, bytes]) -> str:
        """Push the image of the digest `base` with files laid over it, and return its digest."""
        with one_at_a_time("registry"):
            manifest = self._json(f"{self._base}/manifests/{base}")
            config = self._json(f"{self._base}/blobs/{manifest['config']['digest']}")
            layer = _layer(files)
            config["rootfs"]["diff_ids"].append(_digest(layer))
            config["history"] = [*config.get("history", ()), {"created_by": "COPY"}]
            media = manifest["layers"][0]["mediaType"]
            manifest["layers"].append(self._blob(gzip.compress(layer, mtime=0), media))
            told = manifest["config"]["mediaType"]
            manifest["config"] = self._blob(json.dumps(config).encode(), told)
            body = json.dumps(manifest).encode()
            self._send(
                "PUT", f"{self._base}/manifests/{_digest(body)}", body, manifest["mediaType"]
            )
            return _digest(body)

    def _json(self, url: str) -> dict[str, Any]:
        kinds = f"{_MEDIA}.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
        request = urllib.request.Request(url, headers={"Accept": kinds})
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def _blob(self, data: bytes, media: str) -> dict[str, Any]:
        digest = _digest(data)
        if not self._has(f"{self._base}/blobs/{digest}", media):
            where = self._send("POST", f"{self._base}/blobs/uploads/", b"", media)
            joint = "&" if "?" in where else "?"
            self._send("PUT", f"{where}{joint}digest={digest}", data, "application/octet-stream")
        return {"mediaType": media, "digest": digest, "size": len(data)}

    @staticmethod
    def _has(url: str, media: str) -> bool:
        request = urllib.request.Request(url, method="HEAD", headers={"Accept": media})
        try:
            urllib.request.urlopen(request, timeout=60).close()
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return False
            raise
        return True

    @property
    def _base(self) -> str:
        return f"http://{self._address}/v2/{REPOSITORY.partition('/')[2]}"

    def _send(self, method: str, url: str, data: bytes, media: str) -> str:
        request = urllib.request.Request(
            url, data=data, method=method, headers={"Content-Type": media}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(answer.headers.get("Location", ""))


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
