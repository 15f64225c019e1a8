"""How near a network's answers in another form are to those of its weights, on some pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrcnn.agreement import SLACK, Agreement, Match, match
from mrcnn.detector import Detector
from mrcnn.evaluation import MIN_SCORE, Findings, Loss, Truth
from mrcnn.instances import Instances

#: Of the worst pictures so many are told.
WORST = 4

Picture = NDArray[np.uint8]
#: Is called with what is being done and with how many pictures are done.
Tell = Callable[[str, int], None]


@dataclass(frozen=True)
class Judged:
    """One picture with what the network found on it, from its weights and in another form."""

    picture: Picture
    f32: Instances
    other: Instances
    match: Match


@dataclass(frozen=True)
class Judgement:
    """How near a form's answers are, why they are too far if they are, and where they are farthest.

    `found` is what average precision takes, where it is known what is right.
    """

    agreement: Agreement
    loss: Loss | None
    shortfall: str | None
    worst: tuple[Judged, ...]
    found: Findings | None

    @property
    def told(self) -> str:
        """Return how near, for people."""
        return str(self.agreement) if self.loss is None else f"{self.loss}; {self.agreement}"

    def facts(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "is_near": self.shortfall is None,
            "told": self.shortfall or self.told,
            "agreement": asdict(self.agreement),
            **({} if self.loss is None else {"average_precision": asdict(self.loss)}),
        }


class Judge:
    """Asks a network for the pictures once, and compares others with what it found.

    Args:
        reference: the network as its weights have it.
        pictures: uint8 [h, w, channels]; each is read as often as it is asked for.
        least: the least score of what is compared.
        check: says why a network must not be used, or None.
        truth: what is on the pictures, in their order. It is by the average precision that a form
            is judged then.
    """

    def __init__(
        self,
        reference: Detector,
        pictures: Sequence[Picture],
        *,
        least: float,
        tell: Tell,
        check: Callable[[Detector], str | None],
        truth: Truth | None,
    ) -> None:
        self._pictures, self._least, self._tell = pictures, least, tell
        self._check, self._truth = check, truth
        self._lower = max(0.0, least - SLACK)
        self._theirs: list[Instances] = []
        self._found = None if truth is None else Findings(truth)
        for instances in self._asked(reference, "asking in float32 for", self._found):
            self._theirs.append(instances)

    def judge(
        self,
        detector: Detector,
        what: str,
        *,
        most_points: float,
        before: Findings | None = None,
        name: str = "in float32",
    ) -> Judgement:
        """Compare what a detector finds.

        Args:
            what: what is being done, for people.
            most_points: so many points of mask AP may be lost,
            before, name: of what was found by this; unless told by the network from its weights.
        """
        found = None if self._truth is None else Findings(self._truth)
        before = before or self._found
        matches: list[Match] = []
        worst: list[tuple[int, Instances, Match]] = []
        for place, instances in enumerate(self._asked(detector, what, found)):
            compared = match(instances, self._theirs[place], self._least)
            matches.append(compared)
            worst.append((place, instances, compared))
            worst = sorted(worst, key=lambda each: -each[2].distance)[:WORST]
        agreement, loss = Agreement.of(matches), None
        if before is not None and found is not None:
            loss = Loss.between(before, found, name=name, most_points=most_points)
        shortfall = (agreement if loss is None else loss).shortfall() or self._check(detector)
        shown = tuple(self._shown(*one) for one in worst)
        return Judgement(agreement, loss, shortfall, shown, found)

    def _asked(self, detector: Detector, what: str, found: Findings | None) -> Iterator[Instances]:
        """Yield what is found on each; what counts where the truth is known is added to `found`."""
        lowest = self._lower if found is None else min(self._lower, MIN_SCORE)
        for count, picture in enumerate(self._pictures, start=1):
            (instances,) = detector.detect([picture], min_score=lowest)
            if found is not None:
                found.add(instances.above(MIN_SCORE))
            yield instances.above(self._lower)
            self._tell(what, count)

    def _shown(self, place: int, other: Instances, compared: Match) -> Judged:
        theirs = self._theirs[place]
        return Judged(
            self._pictures[place], theirs.above(self._least), other.above(self._least), compared
        )
