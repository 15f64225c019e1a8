"""The golden files and the networks they are compared with, each built once a module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.mrcnn.goldens.golden import Golden, cases
from tests.mrcnn.goldens.weight_files import weight_file


@pytest.fixture(scope="module", params=cases())
def golden(request: pytest.FixtureRequest, goldens: Path) -> Golden:
    """Return each golden file in turn."""
    return Golden(request.param, goldens)


@pytest.fixture(scope="session")
def weights_of(goldens: Path) -> Callable[[Golden], Path]:
    """Return a function that gives the path of the weight file of a golden file."""
    return lambda golden: weight_file(goldens, golden.weights)


@pytest.fixture(scope="module")
def networks(weights_of: Callable[[Golden], Path]) -> Iterator[Callable[..., Any]]:
    """Return a function that gives the network of a golden file; the latest one is kept."""
    from mrcnn.config import Config
    from mrcnn.loading import load_weights
    from mrcnn.network import MaskRCNNNetwork
    from mrcnn.weights import WeightFile

    kept: dict[tuple[str, bool], Any] = {}

    def network(golden: Golden, *, folded: bool) -> Any:
        key = (golden.weights, folded)
        if key not in kept:
            kept.clear()
            file = WeightFile.open(weights_of(golden))
            kept[key] = MaskRCNNNetwork(
                file.architecture, Config.with_values(golden.settings), folded=folded
            )
            load_weights(kept[key], file)
        return kept[key]

    yield network
    kept.clear()
