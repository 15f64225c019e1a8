"""Which version answers a request that names none, where `versions.yaml` splits those.

The request's id decides: the same one gets the same version, so that a request that is repeated is
answered by whoever answered it before. Plain values: nothing here knows of models.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

#: So many points an id may fall on.
POINTS = 1 << 32


@dataclass(frozen=True)
class Part:
    """What one version does for requests that name none.

    Args:
        weight: its share, beside those of the others; 0 for none. None where there is no split.
        is_shadow: it gets a copy of each, and answers none.
    """

    weight: int | None = None
    is_shadow: bool = False

    @property
    def may_answer(self) -> bool:
        """Whether there are requests that it answers once it is ready."""
        return not self.is_shadow and self.weight != 0


class Split:
    """How the requests are divided among the versions that are ready.

    A version that is not leaves its share to the others; what these had before they keep.

    Args:
        weights: of each version its share.
        ready: the versions that can answer.
    """

    def __init__(self, weights: Mapping[int, int], ready: Collection[int]) -> None:
        self._weights = {version: weights[version] for version in sorted(weights)}
        able = {one: weight for one, weight in self._weights.items() if weight and one in ready}
        self.spans: list[tuple[range, int]] = []
        for span, version in _divided(range(POINTS), self._weights) if able else ():
            self.spans += [(span, version)] if version in able else _divided(span, able)
        # Of equal shares the highest version is the usual one.
        self.usual = max(able, key=lambda one: (able[one], one), default=None)

    def span_of(self, key: str) -> tuple[range, int]:
        """Return the points around a key that one version answers, and that version."""
        point = point_of(key)
        return next((span, version) for span, version in self.spans if point in span)

    def shares(self) -> dict[int, float]:
        """Return what each version answers now, of a hundred."""
        return {version: self.percent_now(version) for version in self._weights}

    def percent(self, version: int) -> float:
        """Return what a version is to answer, of a hundred."""
        return _percent(self._weights.get(version, 0), sum(self._weights.values()))

    def percent_now(self, version: int) -> float:
        """Return what it answers as long as the others are as they are."""
        return _percent(sum(len(span) for span, one in self.spans if one == version), POINTS)


def point_of(key: str) -> int:
    """Return the point that an id falls on, 0 to `POINTS` - 1; it is the same everywhere."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest())


def _divided(whole: range, weights: Mapping[int, int]) -> list[tuple[range, int]]:
    """Return a part of a range for each version, by their weights and in their order."""
    found, seen, total = [], 0, sum(weights.values())
    for version, weight in weights.items():
        start, seen = whole.start + len(whole) * seen // total, seen + weight
        found.append((range(start, whole.start + len(whole) * seen // total), version))
    return found


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 3) if whole else 0.0
