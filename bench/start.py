"""From the start of a process to its first answer, and the memory at its peak: each program.

`python -m bench.start` loads the demo model, and a ResNet-101 with weights of COCO's size where
`SLIPWAY_GOLDENS` names the folder, in a new process each time, one program after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.contender import ROOT
from bench.environment import photo, quantized_demo, quantized_weight_file
from bench.machine import Load, watched
from bench.report import show
from mrcnn.demo.recipe import serving_settings

_SCRIPT = """
import json, resource, sys
from mrcnn.detector import Detector
from mrcnn.pictures.files import load
weights, picture, program, precision, settings = sys.argv[1:]
detector = Detector.load(
    weights, json.loads(settings), threads=2, program=program, precision=precision
)
found = detector.detect([load(picture)])[0]
print(len(found), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
#: What runs it -> which program, in which precision.
_PROGRAMS = {
    "tensorflow": ("tensorflow", "f32"),
    "openvino": ("openvino", "f32"),
    "openvino int8": ("openvino", "int8"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    rows, loads = [], {}
    for name, files in _models().items():
        taken: dict[str, list[float]] = {program: [] for program in _PROGRAMS}
        told: dict[str, tuple[int, int]] = {}
        load: list[Load] = []
        for _ in range(arguments.rounds):
            for program in _PROGRAMS:
                with watched(load):
                    seconds, told[program] = _started(files, program)
                taken[program].append(seconds)
        loads[name] = load
        first = statistics.median(taken["tensorflow"])
        rows += [
            {
                "model": name,
                "program": program,
                "first answer, s": f"{statistics.median(seconds):.2f}",
                "least": f"{min(seconds):.2f}",
                "ratio": f"{statistics.median(seconds) / first:.2f}",
                "peak RSS, MiB": told[program][1],
                "instances": told[program][0],
            }
            for program, seconds in taken.items()
        ]
    show("start", rows, vars(arguments), loads)


def _models() -> dict[str, tuple[str, str, str]]:
    """Return weights, a picture and settings as JSON, by what it is called."""
    demo = ROOT / "models" / "shapes" / "1"
    picture = next((demo / "samples").iterdir())
    found = {"demo": (str(quantized_demo()), str(picture), json.dumps(serving_settings()))}
    if os.environ.get("SLIPWAY_GOLDENS"):
        found["R101"] = (str(quantized_weight_file()), str(photo()), "{}")
    return found


def _started(files: tuple[str, str, str], program: str) -> tuple[float, tuple[int, int]]:
    weights, picture, settings = files
    began = time.perf_counter()
    ran = subprocess.run(
        [sys.executable, "-c", _SCRIPT, weights, picture, *_PROGRAMS[program], settings],
        cwd=Path(ROOT),
        check=True,
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - began
    count, mib = ran.stdout.split()
    return seconds, (int(count), int(mib))


if __name__ == "__main__":
    main()
