"""A tiny network's weight file, and a model of an old script that has it, made once a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.mrcnn.tiny import tiny_network


@pytest.fixture(scope="session")
def tiny_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a weight file of `tests.mrcnn.tiny.ARCHITECTURE` in Matterport's layout."""
    from mrcnn.loading import save_weights

    path = tmp_path_factory.mktemp("weights") / "tiny.h5"
    save_weights(tiny_network(), path)
    return path


@pytest.fixture(scope="session")
def tiny_model(tiny_file: Path) -> Any:
    """Return a `MaskRCNN` that detects, for tests that leave it as it is."""
    from mrcnn.model import MaskRCNN
    from tests.mrcnn.tiny_script import TinyConfig

    model = MaskRCNN(mode="inference", config=TinyConfig(), model_dir="logs")
    model.load_weights(str(tiny_file), by_name=True)
    return model
