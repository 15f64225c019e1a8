"""`slipway serve` with a model that takes next to no time: what is left is the server's own cost.

`python -m bench.run_tiny` is the server, `python -m bench.run_tiny host` its inference process. All
but the kind of model is what ships.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.cli import main, serve
from app.hosting.server import Server
from app.kinds.face import Face
from app.kinds.kind import Inspection, ModelSource
from app.kinds.mask_rcnn.face import INSTANCES
from app.kinds.mask_rcnn.tensors import PICTURE, SIGNATURE, tensors_of
from app.kinds.options import Options
from app.kinds.tensors import Tensors
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
    faces = (INSTANCES,)
    options = Options

    def face_of(self, options: Mapping[str, Any]) -> Face:
        return INSTANCES

    def recognises(self, path: Path) -> bool:
        return path.read_bytes() == b"tiny"

    def refusal(self, path: Path) -> str:
        return f"{path.name} is not tiny"

    def inspect(self, path: Path) -> Inspection:
        return Inspection("four letters", [])

    def examine(self, source: ModelSource) -> dict[str, Any]:
        return {"num_classes": 2}

    def load(self, source: ModelSource) -> LoadedTiny:
        return LoadedTiny()


class LoadedTiny:
    """Finds one instance, as bright as the photo's middle."""

    signature = SIGNATURE
    facts = {"labels": ["middle"]}  # noqa: RUF012 - read alone

    def describe(self) -> dict[str, Any]:
        return {"num_classes": 2}

    def warm_up(self) -> None:
        return

    def check(self, inputs: Tensors) -> None:
        return

    def together(self, inputs: Tensors, asked: Mapping[str, Any]) -> None:
        return

    def predict(
        self, inputs: Sequence[Tensors], asked: Sequence[Mapping[str, Any]]
    ) -> list[Tensors]:
        return [tensors_of(find(one[PICTURE])) for one in inputs]


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
    vars(serve)["Server"] = functools.partial(Server, inference=command)
    sys.exit(main(["serve"]))
