"""A weight file's form in eight bits: made on some pictures, judged on others, kept beside it.

Judged along with it is what else saves time: layers in bfloat16, where eight bits are too far, and
frames without the padding of a square.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrcnn.config import Config
from mrcnn.detector import Detector
from mrcnn.evaluation import Truth
from mrcnn.forms import digest_of, form_path, write_form
from mrcnn.judging import Judge, Judged, Judgement, Picture, Tell
from mrcnn.programs.cpu import adds_eight_bits_exactly, has_bfloat16
from mrcnn.settings import settings_for
from mrcnn.weights import WeightFile

#: What each may cost of the mask AP, in points: eight bits and bfloat16 of that in float32, tight
#: frames of that in the frames of the training.
MOST_LOST_INT8 = 0.3
MOST_LOST_BF16 = 0.2
MOST_LOST_TIGHT = 0.2
#: What is told as being done with pictures that make the form; all else is done with the others.
MEASURING = "measuring"


@dataclass(frozen=True)
class Quantized:
    """What came of it: the file, how near its answers are, and where they are farthest.

    `told` says how near, and `shortfall` why it is not used unless it is asked for; None where it
    is. `others` says what was found of what else was judged, a line each.
    """

    path: Path
    told: str
    shortfall: str | None
    worst: tuple[Judged, ...]
    others: tuple[str, ...]


def quantize(
    weights: Path,
    values: Mapping[str, object],
    made_from: Sequence[Picture],
    judged_on: Sequence[Picture],
    *,
    min_score: float | None = None,
    threads: int | None = None,
    tell: Tell = lambda what, count: None,
    check: Callable[[Detector], str | None] = lambda detector: None,
    truth: Truth | None = None,
) -> Quantized:
    """Make the form in eight bits, judge it, and write it beside the weights.

    Args:
        weights: a Matterport `.h5`.
        values: Matterport's setting names with values, as `Detector.load` takes them.
        made_from: pictures from which the scales are taken, uint8 [h, w, channels].
        judged_on: others, on which its answers are compared with those in float32.
        min_score: the least score of what is compared; DETECTION_MIN_CONFIDENCE unless told.
        tell: is called with what is being done, and how many pictures are done.
        check: says why the network in another form must not be used, or None.
        truth: what is on the pictures of `judged_on`, in their order, `LEAST_LABELLED` instances or
            more. It is by the average precision that the form is judged then.

    Raises WeightFileError, ConfigError, ImportError where NNCF is not installed, or OSError.
    """
    file = WeightFile.open(weights)
    config = settings_for(file.architecture, values, file.path.name)
    digest = digest_of(weights, config)
    model, reference, detector, halved = _detectors(file, config, made_from, threads, tell)
    least = float(config.DETECTION_MIN_CONFIDENCE) if min_score is None else min_score
    judge = Judge(reference, judged_on, least=least, tell=tell, check=check, truth=truth)
    own = judge.judge(detector, "judging eight bits on", most_points=MOST_LOST_INT8)
    facts, others = _others(judge, own, reference, detector, halved, config)
    facts |= {"precision": "int8", "of": digest, "made_from": len(made_from), "min_score": least}
    facts |= {"is_exact": adds_eight_bits_exactly()}
    facts |= {"made_by": {name: version(name) for name in ("openvino", "nncf")}}
    path = form_path(weights, "int8")
    write_form(path, *_serialized(model), {**facts, **own.facts()})
    return Quantized(path, own.told, own.shortfall, own.worst, others)


def _others(
    judge: Judge,
    own: Judgement,
    reference: Detector,
    detector: Detector,
    halved: Callable[[], Detector],
    config: Config,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Judge what else saves time, in the precision that will run; return facts, and lines."""
    facts: dict[str, Any] = {}
    lines = []
    best, of_best = detector, own.found
    if own.shortfall is not None:
        best, of_best = reference, None
        if has_bfloat16():
            half = halved()
            in_half = judge.judge(half, "judging bfloat16 on", most_points=MOST_LOST_BF16)
            facts["bf16"] = in_half.facts()
            lines.append(_line("bfloat16", in_half))
            if in_half.shortfall is None:
                best, of_best = half, in_half.found
    if config.IMAGE_RESIZE_MODE == "square":
        tight = judge.judge(
            best.in_frames(is_tight=True),
            "judging tight frames on",
            most_points=MOST_LOST_TIGHT,
            before=of_best,
            name="in square frames",
        )
        facts["tight"] = {best.precision: tight.facts()}
        lines.append(_line("tight frames", tight))
    return facts, tuple(lines)


def _line(what: str, judgement: Judgement) -> str:
    if judgement.shortfall is None:
        return f"{what}: near enough: {judgement.told}"
    return f"{what}: too far: {judgement.shortfall}"


def _detectors(
    file: WeightFile,
    config: Config,
    made_from: Sequence[Picture],
    threads: int | None,
    tell: Tell,
) -> tuple[Any, Detector, Detector, Callable[[], Detector]]:
    """Return the graph in eight bits, and detectors in float32, eight bits, and bfloat16."""
    # Here: whoever reads this module's types needs no framework.
    from mrcnn.programs.openvino.program import OpenVinoProgram, graph_of
    from mrcnn.programs.openvino.quantization import quantized

    model = graph_of(file, config)

    def of(graph: Any, precision: str) -> OpenVinoProgram:
        architecture = file.architecture
        return OpenVinoProgram(graph, architecture, config, precision=precision, threads=threads)

    before = of(model, "f32")
    reference = Detector(before, config)

    def inputs(picture: Picture) -> list[NDArray[Any]]:
        molded = reference.mold(picture)
        return before.inputs(molded.pixels[None], np.array(molded.window, np.float32), 0.0)

    def measured(count: int) -> None:
        tell(MEASURING, count)

    small = quantized(model, file.architecture, config, made_from, inputs, measured)
    detector = Detector(of(small, "int8"), config)
    return small, reference, detector, lambda: Detector(of(model, "bf16"), config)


def _serialized(model: Any) -> tuple[bytes, bytes]:
    """Return a graph and its numbers as OpenVINO writes them; it does so to files alone."""
    import tempfile

    import openvino as ov

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.xml"
        try:
            ov.save_model(model, path, compress_to_fp16=False)
        except RuntimeError as error:  # it does not say which
            reason = "the graph cannot be written there; is the disk full?"
            raise OSError(errno.EIO, reason, folder) from error
        return path.read_bytes(), path.with_suffix(".bin").read_bytes()
