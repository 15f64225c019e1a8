"""The image that is built without TensorFlow: a third of the size, for models that need none."""

from __future__ import annotations

import contextlib
import re
import shutil
from pathlib import Path

import pytest

from tests.app.kinds.onnx.graphs import doubler
from tests.image.containers import RESTRICTED, BuiltImage, Container, ImageTool, assert_golden

pytestmark = pytest.mark.image

MOST_BYTES = 450_000_000
MODEL = Path("models/shapes/1")


@pytest.fixture(scope="module")
def small(image_tool: ImageTool, context: Path) -> BuiltImage:
    """Return the image without TensorFlow."""
    return image_tool.build("slipway:test-without-tensorflow", context, "TENSORFLOW=no")


@pytest.fixture
def models(root: Path, tmp_path: Path) -> Path:
    """Return the models that ship, and an ONNX graph that doubles numbers."""
    folder = tmp_path / "models"
    shutil.copytree(root / "models", folder)
    (folder / "double" / "1").mkdir(parents=True)
    doubler(folder / "double" / "1" / "double.onnx")
    # The folders above are private to the user that runs the tests.
    for private in (tmp_path, *tmp_path.parents[:2]):
        private.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def shown(root: Path) -> str:
    """Return the line that docs/troubleshooting.md shows."""
    page = (root / "docs" / "troubleshooting.md").read_text()
    section = page.split("\n## A model that needs what is not installed\n")[1]
    return section.split("```")[1].strip()


def test_without_tensorflow_it_takes_450_mb_at_most(small: BuiltImage):
    assert small.inspected()["Size"] <= MOST_BYTES


def test_without_tensorflow_a_mask_rcnn_answers_as_ever_and_what_needs_it_says_so(
    small: BuiltImage, root: Path, shown: str
):
    server = Container(small, *RESTRICTED)
    with contextlib.ExitStack() as stack:
        stack.callback(server.remove)
        server.wait_until_ready()
        answer = server.predict(root / MODEL / "samples" / "scene-500.png")
        models = {model["name"]: model for model in server.ask("/models").json()["models"]}
    assert_golden(answer, root / MODEL / "golden" / "scene-500.json")
    states = {name: model["state"] for name, model in models.items()}
    assert states == {"fashion": "failed", "iris": "failed", "shapes": "ready"}
    assert models["fashion"]["error"] == shown


def test_without_tensorflow_the_check_of_a_build_takes_onnx_and_refuses_what_needs_it(
    small: BuiltImage, models: Path, shown: str
):
    mounted = ("-v", f"{models}:/app/models:ro")
    told = small.shell("slipway check || echo status $?", *RESTRICTED, *mounted)
    assert re.findall(r"^(double|shapes) +1 +(\w+)", told, re.MULTILINE) == [
        ("double", "ready"),
        ("shapes", "ready"),
    ]
    assert f"\nfashion version 1: {shown}\n" in told
    assert f"\niris version 1: {shown.replace('fashion.keras', 'saved_model.pb')}\n" in told
    failed = "2 of 4 versions cannot be served: fashion version 1, iris version 1"
    assert told.splitlines()[-2:] == [failed, "status 1"]
