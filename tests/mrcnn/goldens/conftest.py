"""The golden files and the networks they are compared with, each built once a process."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mrcnn.config import Config
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


@pytest.fixture(scope="session")
def networks(weights_of: Callable[[Golden], Path]) -> Iterator[Callable[..., Any]]:
    """Return a function that gives a golden file's network; each is built once, two are kept."""
    from mrcnn.loading import load_weights
    from mrcnn.network import MaskRCNNNetwork
    from mrcnn.weights import WeightFile

    @functools.lru_cache(maxsize=2)
    def built(weights: Path, golden: Golden, folded: bool) -> Any:
        file = WeightFile.open(weights)
        network = MaskRCNNNetwork(
            file.architecture, Config.with_values(golden.settings), folded=folded
        )
        load_weights(network, file)
        return network

    first_of: dict[str, Golden] = {}

    def network(golden: Golden, *, folded: bool) -> Any:
        # Those of one weight file differ in how they resize alone, which is not the network's.
        first = first_of.setdefault(golden.weights, golden)
        return built(weights_of(golden), first, folded)

    yield network
    built.cache_clear()
