"""The project's own image, built from the checkout: a new version from message to answer."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.cloud_function.images import Images
from tests.cloud_function.samples import REPOSITORY
from tests.cluster.site import Form, Site
from tests.cluster.stage import Stage

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

_ANSWER_LIMIT_S = 60


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


def test_a_new_version_of_the_model_is_rolled_out_and_answers(
    start_site: Stage, model_image: str, images: Images, root: Path
):
    model = root / "models" / "shapes" / "1"
    photo = model / "samples" / "scene-500.png"
    there = {path.relative_to(model): path.read_bytes() for path in model.rglob("*.*")}
    files = {f"app/models/shapes/2/{name}": content for name, content in there.items()}
    new = images.registry.push_over(model_image, files)
    with start_site(Form(model_image, deadline_s=240)) as site:
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
