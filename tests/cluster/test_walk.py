"""From a user's copy to a prediction: the steps of the build, message, function and pods."""

from __future__ import annotations

import hashlib
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests import parts
from tests.app.cli.web_store import WebStore
from tests.checkout import copy_of
from tests.cloud_function.samples import REPOSITORY
from tests.cluster.site import Form
from tests.cluster.stage import Stage
from tests.image.cloud_build import COMMIT, Builder
from tests.image.containers import ImageTool, docker_of
from tests.large_model import write_large

# Alone, since it moves gigabytes: others' rollouts are held to seconds.
pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.alone]

SHAPES = Path(__file__).parents[2] / "models" / "shapes" / "1"


@pytest.fixture
def weights(tmp_path: Path) -> bytes:
    """Return a model of 250 MB."""
    path = write_large(tmp_path / "kite.h5")
    content = path.read_bytes()
    path.unlink()
    return content


@pytest.fixture
def checkout(root: Path, tmp_path: Path, weights: bytes) -> Iterator[Path]:
    """Return a user's copy, without git, in which a large model is referred to."""
    folder = copy_of(root, tmp_path / "slipway")
    config = yaml.safe_load((SHAPES / "model.yaml").read_text())["config"]
    digest = hashlib.sha256(weights).hexdigest()
    with WebStore({"mask_rcnn_kite_0030.h5": weights}) as store:
        uri = store.uri("mask_rcnn_kite_0030.h5")
        source = {"uri": uri, "sha256": digest, "bytes": len(weights)}
        text = yaml.safe_dump({"config": config, "source": source})
        (folder / "models" / "kite.yaml").write_text(text)
        yield folder


def test_a_push_of_a_few_lines_puts_a_model_of_250_mb_live(
    start_site: Stage, checkout: Path, model_image: str, tmp_path: Path
):
    tool = ImageTool(parts.image_tool(), tmp_path)
    docker = docker_of(tool.path, tmp_path)
    path = f"{docker.parent}{os.pathsep}{os.environ['PATH']}"
    builder = Builder(checkout, path, parts.registry_of_cluster())
    builder.run_in_its_image("fetch", tool, tmp_path / "step")
    told = {"COMMIT_SHA": COMMIT, "BRANCH_NAME": "main"}
    for name in ("build", "check", "push"):
        ran = builder.run(name, **told)
        assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-3000:]
    digest, _ = builder.manifest("main")
    with start_site(Form(model_image, deadline_s=240)) as site:
        assert _predicted(site.node_port()) == "shapes"
        site.announced("walk", digest)
        site.publish("walk")
        assert site.outcomes(1, limit_s=300) == [("live", "complete")]
        assert site.serving() == {f"{REPOSITORY}@{digest}"}
        site.until(lambda: len(site.pods()) == 1, "the old pod's end", limit_s=120)
        assert _predicted(site.node_port()) == "kite"


def _predicted(port: int) -> str:
    """Send a photo to the Service; return the name of the model that found something.

    Ask again while nodes do not know of the pods yet.
    """
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/predict?masks=none",
        (SHAPES / "samples" / "scene-500.png").read_bytes(),
        {"Content-Type": "image/png"},
    )
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                found = json.load(answer)
        except urllib.error.URLError:
            assert time.monotonic() < deadline
            time.sleep(0.5)
        else:
            assert found["instances"]
            return str(found["model"])
