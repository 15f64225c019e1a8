"""A tiny network's weight file, made once a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mrcnn.tiny import tiny_network


@pytest.fixture(scope="session")
def tiny_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a weight file of `tests.mrcnn.tiny.ARCHITECTURE` in Matterport's layout."""
    from mrcnn.loading import save_weights

    path = tmp_path_factory.mktemp("weights") / "tiny.h5"
    save_weights(tiny_network(), path)
    return path
