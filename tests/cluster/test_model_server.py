"""The project's own image, built from the checkout: a model's new version from push to answer."""

from __future__ import annotations

import json
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import parts
from tests.cloud_function.samples import REPOSITORY
from tests.cluster.site import Form, Site
from tests.cluster.stage import Stage
from tests.image.containers import ImageTool, build_context

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

Build = Callable[[str], str]
_ANSWER_LIMIT_S = 60


PHOTO = Path("models") / "shapes" / "1" / "samples" / "scene-500.png"


@pytest.fixture(scope="module")
def context(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what the image is made of, free to be changed."""
    return build_context(root, tmp_path_factory.mktemp("image") / "context")


@pytest.fixture(scope="module")
def build(context: Path, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Return how the image is built from `context` and pushed; it returns the digest."""
    tool = ImageTool(parts.image_tool(), tmp_path_factory.mktemp("image-tool"))

    def run(name: str) -> str:
        here = f"slipway:cluster-{name}"
        there = f"{os.environ['REGISTRY']}/{REPOSITORY.partition('/')[2]}:{name}"
        tool.build(here, context)
        return tool.ask("push", here, there).strip().rpartition("@")[2]

    return run


@pytest.fixture(scope="module")
def old(build: Build) -> str:
    """Return the digest of the image that serves at first, built of the checkout as it is."""
    return build("old")


def _predict(site: Site, photo: Path) -> Any:
    """Send a photo to the Service; ask again while nodes do not know of the new pods yet."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{site.node_port()}/predict?masks=none",
        data=photo.read_bytes(),
        headers={"Content-Type": "image/png"},
    )
    deadline = time.monotonic() + _ANSWER_LIMIT_S
    while True:
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_LIMIT_S) as answer:
                return json.loads(answer.read())
        except urllib.error.URLError:
            assert time.monotonic() < deadline
            time.sleep(0.5)


def test_a_new_version_of_the_model_is_pushed_rolled_out_and_answers(
    start_site: Stage, old: str, build: Build, context: Path, root: Path
):
    photo = root / PHOTO
    shutil.copytree(context / "models" / "shapes" / "1", context / "models" / "shapes" / "2")
    new = build("new")
    shutil.rmtree(context / "models" / "shapes" / "2")
    assert new != old
    with start_site(Form(old, deadline_s=240)) as site:
        assert _predict(site, photo)["version"] == 1
        site.announced("new", new)
        site.publish("new")
        assert site.outcomes(1, limit_s=300) == [("live", "complete")]
        assert site.serving() == {f"{REPOSITORY}@{new}"}
        site.until(lambda: len(site.pods()) == 1, "the old pod's end", limit_s=120)
        answer = _predict(site, photo)
        assert answer["version"] == 2
        assert answer["instances"]
        (log,) = site.logs()
        ready = [line for line in log.splitlines() if '"model_ready"' in line]
        assert {json.loads(line)["version"] for line in ready} == {2}


def test_a_model_that_fails_its_goldens_never_serves_and_is_taken_back(
    start_site: Stage, old: str, build: Build, context: Path, root: Path
):
    photo = root / PHOTO
    for golden in (context / "models").glob("shapes/*/golden/*.json"):
        known = json.loads(golden.read_text())
        golden.write_text(json.dumps(known | {"instances": known["instances"][:1]}))
    bad = build("bad")
    with start_site(Form(old, deadline_s=45)) as site:
        site.announced("bad", bad)
        site.publish("bad")
        assert site.outcomes(1, limit_s=300)[0][0] == "rolled-back"
        assert site.serving() == {f"{REPOSITORY}@{old}"}
        assert _predict(site, photo)["instances"]
        described = site.kubectl("describe", "deployment", "ml-model")
        assert f"slipway.dev/quarantined: {bad}" in described
        assert "ProgressDeadlineExceeded" in described
