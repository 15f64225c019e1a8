"""S3 and Azure Blob Storage as others wrote them to be tested with, each a process of its own."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.app.api.server import free_port
from tests.parts import absent, command

ROOT = Path(__file__).resolve().parents[2]
DRIVERS = ROOT / ".drivers"
AZURITE = ROOT / "tests" / "stores" / "azurite" / "node_modules" / ".bin" / "azurite-blob"
_KEY = base64.b64encode(b"a key that opens a stand-in alone").decode()
_MAKE = "import sys, fsspec; fsspec.filesystem(sys.argv[1]).mkdir('models')"


@dataclass(frozen=True)
class Store:
    """A store that runs at a port, with an empty bucket `models`."""

    scheme: str
    port: int

    def variables(self, port: int | None = None, key: str = _KEY) -> dict[str, str]:
        """Return what tells its driver where it is, or what leads there, and who asks."""
        address = f"http://127.0.0.1:{port or self.port}"
        who = {
            "s3": {
                "AWS_ENDPOINT_URL": address,
                "AWS_ACCESS_KEY_ID": "slipway",
                "AWS_SECRET_ACCESS_KEY": key,
                "AWS_DEFAULT_REGION": "us-east-1",
            },
            "az": {
                "AZURE_STORAGE_CONNECTION_STRING": "DefaultEndpointsProtocol=http;"
                f"AccountName=slipway;AccountKey={key};BlobEndpoint={address}/slipway;"
            },
        }
        return {**who[self.scheme], "PYTHONPATH": f"{DRIVERS}:{ROOT}"}


@contextlib.contextmanager
def running(scheme: str, folder: Path) -> Iterator[Store]:
    """Start a store; what it says is in `folder`. Skips where it is not installed."""
    if not DRIVERS.is_dir():
        absent(".drivers is not here; .ci/run says what brings it")
    store = Store(scheme, free_port())
    words, variables = _command(store)
    with (
        (folder / f"{scheme}.log").open("wb") as log,
        subprocess.Popen(
            words, env=os.environ | variables, cwd=folder, stdout=log, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            _wait_for(store.port, process)
            make = [sys.executable, "-c", _MAKE, scheme]
            subprocess.run(make, env=os.environ | store.variables(), check=True, timeout=60)
            yield store
        finally:
            process.terminate()


def _command(store: Store) -> tuple[list[str], Mapping[str, str]]:
    if store.scheme == "s3":
        serve = "import sys; from moto.server import main; main(sys.argv[1:])"
        words = [sys.executable, "-c", serve, "-H", "127.0.0.1", "-p", str(store.port)]
        return words, store.variables()
    node = command("node", "Azurite runs on Node.js")
    azurite = command(str(AZURITE), "npm ci --prefix tests/stores/azurite brings it")
    # Azure's driver speaks of a later version of the API than Azurite knows.
    words = [node, azurite, "--blobHost", "127.0.0.1", "--blobPort", str(store.port)]
    words += ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"]
    return words, {"AZURITE_ACCOUNTS": f"slipway:{_KEY}"}


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise AssertionError("the store does not listen")
