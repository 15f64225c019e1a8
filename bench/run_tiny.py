"""`slipway serve` with a model that takes next to no time: what is left is the server's own cost.

`python -m bench.run_tiny` is the server, `python -m bench.run_tiny host` its inference process. All
but the kind of model is what ships.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.cli import main, serve
from app.kinds.kind import ModelSource, Parameters
from app.serving import host
from mrcnn.instances import Instances

_ROWS, _COLUMNS = np.mgrid[-1:1:28j, -1:1:28j]
#: A blob with a soft border, as networks give: one that covers all or nothing costs no encoding.
_MASK = (1 / (1 + np.exp(9 * (np.hypot(_ROWS, _COLUMNS) + 0.2 * _ROWS * _COLUMNS - 0.8)))).astype(
    np.float32
)


class Tiny:
    """A kind of model that is its own file's four letters."""

    name = "tiny"

    def recognises(self, path: Path) -> bool:
        return path.read_bytes() == b"tiny"

    def refusal(self, path: Path) -> str:
        return f"{path.name} is not tiny"

    def load(self, source: ModelSource) -> LoadedTiny:
        return LoadedTiny()


class LoadedTiny:
    """Finds one instance, as bright as the photo's middle."""

    kind = Tiny.name
    labels = ("middle",)

    def describe(self) -> dict[str, Any]:
        return {"num_classes": 2}

    def warm_up(self) -> None:
        return

    def check(self, image: NDArray[np.uint8]) -> None:
        return

    def predict(
        self, images: Sequence[NDArray[np.uint8]], parameters: Sequence[Parameters]
    ) -> list[Instances]:
        return [find(image) for image in images]


def find(image: NDArray[np.uint8]) -> Instances:
    """Return the one instance; the plain route that the server is compared with does the same."""
    height, width = image.shape[:2]
    score = float(image[height // 2, width // 2].mean()) / 255
    return Instances(
        (height, width),
        np.array([[height // 4, width // 4, height // 2 + 1, width // 2 + 1]], np.int32),
        np.array([1], np.int32),
        np.array([score], np.float32),
        _MASK[None],
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["host"]:
        os._exit(host.main([Tiny()]))
    command = (sys.executable, "-m", "bench.run_tiny", "host")
    serve.Server = functools.partial(serve.Server, inference=command)  # type: ignore[misc]
    sys.exit(main(["serve"]))
