"""A model of an old script with a tiny network, made once a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def tiny_model(tiny_file: Path) -> Any:
    """Return a `MaskRCNN` that detects, for tests that leave it as it is."""
    from mrcnn.model import MaskRCNN
    from tests.mrcnn.tiny_script import TinyConfig

    model = MaskRCNN(mode="inference", config=TinyConfig(), model_dir="logs")
    model.load_weights(str(tiny_file), by_name=True)
    return model
