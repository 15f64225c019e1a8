"""Asks a written OpenVINO model, in a process of its own that has nothing of this project in it."""

import sys
from pathlib import Path

import numpy as np
import openvino as ov


def main(model: str, pictures: str) -> None:
    """Put the answers for each `N.npy` into `N.npz` beside it."""
    graph = ov.Core().read_model(Path(model) / "model.xml")
    # Where a CPU has bfloat16 it would be the default, for the boxes' arithmetic too.
    compiled = ov.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for path in sorted(Path(pictures).glob("*.npy")):
        found = compiled(np.load(path)[np.newaxis])
        answers = {output.get_any_name(): found[output] for output in compiled.outputs}
        np.savez(path.with_suffix(".npz"), **answers)
        print(path.name, flush=True)


main(*sys.argv[1:])
