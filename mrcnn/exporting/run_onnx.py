"""Asks a written ONNX model, in a process of its own that has nothing of this project in it."""

import sys
from pathlib import Path

import numpy as np
import onnxruntime


def main(model: str, pictures: str) -> None:
    """Put the answers for each `N.npy` into `N.npz` beside it."""
    onnxruntime.disable_telemetry_events()
    session = onnxruntime.InferenceSession(
        Path(model) / "model.onnx", providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    for path in sorted(Path(pictures).glob("*.npy")):
        found = session.run(names, {"picture": np.load(path)[np.newaxis]})
        np.savez(path.with_suffix(".npz"), **dict(zip(names, found, strict=True)))
        print(path.name, flush=True)


main(*sys.argv[1:])
