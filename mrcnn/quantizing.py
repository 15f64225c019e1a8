"""A weight file's form in eight bits: made on some pictures, judged on others, kept beside it."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrcnn.agreement import SLACK, Agreement, Match, match
from mrcnn.config import Config
from mrcnn.detector import Detector
from mrcnn.evaluation import MIN_SCORE, Findings, Loss, Truth
from mrcnn.forms import digest_of, form_path, write_form
from mrcnn.instances import Instances
from mrcnn.settings import settings_for
from mrcnn.weights import WeightFile

#: Of the worst pictures so many are told.
WORST = 4

Picture = NDArray[np.uint8]
#: Is called with what is being done and with how many pictures are done.
Tell = Callable[[str, int], None]


@dataclass(frozen=True)
class Judged:
    """One picture with what the network found on it, in float32 and in eight bits."""

    picture: Picture
    f32: Instances
    int8: Instances
    match: Match


@dataclass(frozen=True)
class Quantized:
    """What came of it: the file, how near its answers are, and where they are farthest.

    `told` says how near, and `shortfall` why it is not used unless it is asked for; None where it
    is.
    """

    path: Path
    told: str
    shortfall: str | None
    worst: tuple[Judged, ...]


def quantize(
    weights: Path,
    values: Mapping[str, object],
    made_from: Sequence[Picture],
    judged_on: Iterable[Picture],
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
        check: says why the network in eight bits must not be used, or None.
        truth: what is on the pictures of `judged_on`, in their order, `LEAST_LABELLED` instances or
            more. It is by the average precision that the form is judged then.

    Raises WeightFileError, ConfigError, ImportError where NNCF is not installed, or OSError.
    """
    file = WeightFile.open(weights)
    config = settings_for(file.architecture, values, file.path.name)
    digest = digest_of(weights, config)
    model, reference, detector = _pair(file, config, made_from, threads, tell)
    least = float(config.DETECTION_MIN_CONFIDENCE) if min_score is None else min_score
    both = None if truth is None else (Findings(truth), Findings(truth))
    agreement, worst = _sum_of(_judged(reference, detector, judged_on, least, tell, both))
    loss = None if both is None else Loss.between(*both)
    shortfall = (agreement if loss is None else loss).shortfall() or check(detector)
    told = str(agreement) if loss is None else f"{loss}; {agreement}"
    facts = {"of": digest, "made_from": len(made_from), "min_score": least}
    path = form_path(weights, "int8")
    verdict = _verdict(shortfall, told, agreement, loss)
    write_form(path, *_serialized(model), {**facts, **verdict})
    return Quantized(path, told, shortfall, worst)


def _pair(
    file: WeightFile,
    config: Config,
    made_from: Sequence[Picture],
    threads: int | None,
    tell: Tell,
) -> tuple[Any, Detector, Detector]:
    """Return the graph in eight bits, and detectors in float32 and in eight bits."""
    # Here: whoever reads this module's types needs no framework.
    from mrcnn.programs.openvino.program import OpenVinoProgram, graph_of
    from mrcnn.programs.openvino.quantization import quantized

    model = graph_of(file, config)
    before = OpenVinoProgram(model, file.architecture, config, threads=threads)
    reference = Detector(before, config)

    def inputs(picture: Picture) -> list[NDArray[Any]]:
        molded = reference.mold(picture)
        return before.inputs(molded.pixels[None], np.array(molded.window, np.float32), 0.0)

    def measured(count: int) -> None:
        tell("measuring", count)

    small = quantized(model, file.architecture, config, made_from, inputs, measured)
    after = OpenVinoProgram(small, file.architecture, config, precision="int8", threads=threads)
    return small, reference, Detector(after, config)


def _judged(
    f32: Detector,
    int8: Detector,
    pictures: Iterable[Picture],
    least: float,
    tell: Tell,
    both: tuple[Findings, Findings] | None,
) -> Iterator[Judged]:
    """Yield what each finds; what counts where the truth is known is added to `both`."""
    lower = max(0.0, least - SLACK)
    lowest = lower if both is None else min(lower, MIN_SCORE)
    for count, picture in enumerate(pictures, start=1):
        (theirs,) = f32.detect([picture], min_score=lowest)
        (ours,) = int8.detect([picture], min_score=lowest)
        if both is not None:
            both[0].add(theirs.above(MIN_SCORE))
            both[1].add(ours.above(MIN_SCORE))
        compared = match(ours.above(lower), theirs.above(lower), least)
        yield Judged(picture, theirs.above(least), ours.above(least), compared)
        tell("judging", count)


def _sum_of(judged: Iterable[Judged]) -> tuple[Agreement, tuple[Judged, ...]]:
    """Return what the pictures say together, and the worst of them; the others are let go."""
    matches: list[Match] = []
    worst: list[Judged] = []
    for one in judged:
        matches.append(one.match)
        worst = sorted([*worst, one], key=lambda each: -each.match.distance)[:WORST]
    return Agreement.of(matches), tuple(worst)


def _verdict(
    shortfall: str | None, told: str, agreement: Agreement, loss: Loss | None
) -> dict[str, Any]:
    return {
        "precision": "int8",
        "is_near": shortfall is None,
        "told": shortfall or told,
        "agreement": asdict(agreement),
        **({} if loss is None else {"average_precision": asdict(loss)}),
        "made_by": {name: version(name) for name in ("openvino", "nncf")},
    }


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
