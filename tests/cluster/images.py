"""Compiles `images/`: the server that is rolled out, and the clients that count what is lost."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tests.cloud_function.images import Registry

_SOURCES = Path(__file__).parent / "images"


@dataclass(frozen=True)
class Images:
    """The program, for use on this machine, and the registry that takes images of it."""

    program: Path
    registry: Registry


def compiled(folder: Path, address: str) -> Images:
    """Compile into `folder`; images go to the registry at `address`."""
    program = folder / "server"
    subprocess.run(
        ["go", "build", "-ldflags=-s -w", "-o", str(program), *map(str, _SOURCES.glob("*.go"))],
        check=True,
        env=os.environ | {"CGO_ENABLED": "0", "GO111MODULE": "off"},
    )
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        entry = tarfile.TarInfo(program.name)
        entry.size, entry.mode = program.stat().st_size, 0o755
        archive.addfile(entry, io.BytesIO(program.read_bytes()))
    return Images(program, Registry(address, layer.getvalue()))
