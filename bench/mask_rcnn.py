"""Compares `Detector.detect` with torchvision's Mask R-CNN and with a matrix product.

One photo of 4 to 3 at 1024 x 1024, in tight frames at 1024 x 768, weights of COCO's size, the same
number of threads for all. Each contender has a process of its own and takes its turn in every
round, so that noise of the machine hits all.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path
from typing import Any

from bench.contender import ROOT, Contender
from bench.environment import photo, quantized_weight_file, torchvision_python
from bench.machine import Load, difference, stated, watched
from bench.report import save
from mrcnn.programs.cpu import has_bfloat16

OURS, PEAK = "Detector R101", "matrix product"
OPENVINO = "Detector R101, OpenVINO"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--without-torchvision", action="store_true", help="do not install and run torchvision"
    )
    arguments = parser.parse_args()
    contenders = contenders_of(arguments.threads, not arguments.without_torchvision)
    for contender in contenders:
        print(f"starting {contender.name}", file=sys.stderr)
        contender.start()
    loads: dict[str, list[Load]] = {contender.name: [] for contender in contenders}
    for number in range(1, arguments.rounds + 1):
        print(f"round {number} of {arguments.rounds}", file=sys.stderr)
        for contender in contenders:
            with watched(loads[contender.name]):
                contender.turn()
    for contender in contenders:
        contender.stop()
    rows = [row_of(contender, contenders) for contender in contenders]
    reason = difference(loads)
    if reason:
        print(reason, file=sys.stderr)
    print(table(rows, comparable=not reason))
    print(f"\n{stated(loads)}")
    told = [{"name": c.name, "facts": c.facts, "turns": c.turns} for c in contenders]
    path = save("mask_rcnn", rows, vars(arguments), loads, contenders=told)
    print(f"written to {path.relative_to(ROOT)}")


def contenders_of(threads: int, with_torchvision: bool) -> list[Contender]:
    """Return who takes part, ours first."""
    told = ["--threads", str(threads)]
    libraries = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    # A thread that spins while it waits for one that the machine has taken away adds CPU seconds.
    environment = {"OMP_WAIT_POLICY": "PASSIVE", **{name: str(threads) for name in libraries}}

    def contender(name: str, python: str | Path, module: str, *rest: str) -> Contender:
        return Contender(name, [str(python), "-m", f"bench.{module}", *rest, *told], environment)

    files = [str(quantized_weight_file()), str(photo())]

    def detector(name: str, *form: str) -> Contender:
        return contender(name, sys.executable, "run_detector", *files, *form)

    on_openvino, tight = ["--program", "openvino"], ["--frames", "tight"]
    contenders = [
        detector(OURS),
        detector(OPENVINO, *on_openvino),
        *(
            detector(f"Detector R101, {precision}{told}", *on_openvino, *form)
            for precision in (["bf16"] if has_bfloat16() else []) + ["int8"]
            for told, frames in (("", []), (", tight", tight))
            for form in [["--precision", precision, *frames]]
        ),
        contender(PEAK, sys.executable, "run_gemm"),
    ]
    if with_torchvision:
        python = torchvision_python()
        contenders += [
            contender("torchvision R101", python, "run_torchvision", "resnet101"),
            contender("torchvision R50", python, "run_torchvision", "resnet50"),
        ]
    return contenders


def row_of(contender: Contender, contenders: list[Contender]) -> dict[str, Any]:
    """Return a contender's line of the table."""
    ours, peak = (
        next(c for c in contenders if c.name == name and c.turns) for name in (OURS, PEAK)
    )
    wall_s, cpu_s = _median(contender, "wall_s"), _median(contender, "cpu_s")
    gflop = contender.facts["gflop"]
    peak_gflops = peak.facts["gflop"] / min(turn["wall_s"] for turn in peak.turns)
    peak_gflop_a_cpu_s = peak.facts["gflop"] / min(turn["cpu_s"] for turn in peak.turns)
    return {
        "name": contender.name,
        "median_ms": 1000 * wall_s,
        "least_ms": 1000 * min(turn["wall_s"] for turn in contender.turns),
        "cpu_s": cpu_s,
        "ratio_wall": wall_s / _median(ours, "wall_s"),
        "ratio_cpu": cpu_s / _median(ours, "cpu_s"),
        "gflop": gflop,
        "gflops": gflop / wall_s,
        "percent_of_peak": 100 * gflop / wall_s / peak_gflops,
        "percent_of_peak_by_cpu": 100 * gflop / cpu_s / peak_gflop_a_cpu_s,
        "peak_mib": max(turn["peak_mib"] for turn in contender.turns),
    }


def _median(contender: Contender, key: str) -> float:
    return statistics.median(turn[key] for turn in contender.turns)


#: Heading -> how a row's value is shown.
COLUMNS = {
    "contender": "{name}",
    "ms, median": "{median_ms:.0f}",
    "ms, least": "{least_ms:.0f}",
    "CPU s": "{cpu_s:.2f}",
    "ratio, ms": "{ratio_wall:.2f}",
    "ratio, CPU s": "{ratio_cpu:.2f}",
    "GFLOP": "{gflop:.0f}",
    "% of peak, ms": "{percent_of_peak:.0f}",
    "% of peak, CPU s": "{percent_of_peak_by_cpu:.0f}",
    "peak RSS, MiB": "{peak_mib:.0f}",
}


def table(rows: list[dict[str, Any]], *, comparable: bool = True) -> str:
    """Return the rows as a Markdown table, without what compares them where that cannot be."""
    columns = {
        heading: shown
        for heading, shown in COLUMNS.items()
        if comparable or not heading.startswith(("ratio", "%"))
    }
    lines = [list(columns), ["---", *["---:"] * (len(columns) - 1)]]
    lines += [[shown.format(**row) for shown in columns.values()] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
