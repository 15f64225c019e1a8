"""Images whose models cannot be served: none gets live, and people read which model, and why."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.cloud_function.border import BuildApi
from tests.cloud_function.images import Images
from tests.cloud_function.namespace import NAME
from tests.cloud_function.samples import REPOSITORY
from tests.cluster.site import Form, Site
from tests.cluster.stage import Stage
from tests.kubernetes.lab import Trickle

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

SHAPES = Path(__file__).parents[2] / "models" / "shapes" / "1"
Files = dict[str, bytes]
PATIENT_S = 600

POINTER = b"""version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 257557808
"""


def _cut(weights: bytes) -> Files:
    return {"balloon.h5": weights[: len(weights) * 2 // 3]}


def _pointer(weights: bytes) -> Files:
    return {"balloon.h5": POINTER}


def _wrong_config(weights: bytes) -> Files:
    return {"balloon.h5": weights, "balloon.yaml": b"config: {IMAGE_MIN_DIM: 100000000}"}


def _wrong_labels(weights: bytes) -> Files:
    return {"balloon.h5": weights, "balloon.labels.txt": b"balloon\nkite\n"}


def _diverged(weights: bytes) -> Files:
    file = io.BytesIO(weights)
    with h5py.File(file, "r+") as opened:
        opened["conv1/conv1/kernel:0"][:] = np.nan
    return {"balloon.h5": file.getvalue()}


def _unfaithful(weights: bytes) -> Files:
    """Return the demo's own golden, short of all instances but one."""
    path = SHAPES / "golden" / "scene-500.json"
    known = json.loads(path.read_text())
    golden = json.dumps(known | {"instances": known["instances"][:1]})
    return {"shapes/1/golden/scene-500.json": golden.encode()}


BAD = [
    pytest.param(_cut, "balloon.h5: cut off", id="a cut file"),
    pytest.param(_pointer, "balloon.h5 is a Git LFS pointer", id="a pointer of Git LFS"),
    pytest.param(_wrong_config, "IMAGE_MIN_DIM", id="a wrong setting"),
    pytest.param(_wrong_labels, "labels", id="labels that do not fit"),
    pytest.param(_diverged, "layer conv1", id="weights that are no numbers"),
    pytest.param(_unfaithful, "golden", id="a golden that is not reproduced"),
]


@pytest.fixture(scope="module")
def site(
    images: Images,
    pubsub_address: str,
    model_image: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """Return a namespace where the image that is built of the checkout serves."""
    stage = Stage(images, pubsub_address, BuildApi(), tmp_path_factory.mktemp("site"))
    with stage(Form(model_image, deadline_s=PATIENT_S)) as started:
        yield started


@pytest.mark.parametrize(("files", "reason"), BAD)
def test_an_image_whose_model_cannot_be_served_never_gets_live_and_no_request_is_lost(
    site: Site, images: Images, model_image: str, files: Callable[[bytes], Files], reason: str
):
    weights = (SHAPES / "shapes.h5").read_bytes()
    laid_over = {f"app/models/{name}": content for name, content in files(weights).items()}
    bad = images.registry.push_over(model_image, laid_over)
    name = files.__name__.strip("_").replace("_", "-")
    function = site.function
    assert function
    before = len(function.lines("outcome", result="rolled-back"))
    photo = (SHAPES / "samples" / "scene-500.png").read_bytes()
    site.give_up_after(PATIENT_S)
    with Trickle(site.node_port(), photo, keeps_alive=False, pause_s=0.2) as traffic:
        site.announced(name, bad)
        site.publish(name)
        site.until(
            lambda: " version 1 failed: " in site.complaints(bad),
            f"a complaint of {name}",
            limit_s=120,
        )
        # What follows would be the same in ten minutes, as the manifests have it.
        site.give_up_after(1)
        # Where pods start slowly the function is asked again in between.
        site.ended("rolled-back", before + 1)
        assert site.serving() == {f"{REPOSITORY}@{model_image}"}
    assert traffic.failures == []
    assert traffic.answered > 3
    described = site.kubectl("describe", "deployment", NAME)
    (told,) = [line for line in described.splitlines() if f"{bad} is refused" in line]
    assert "RolledBack" in told
    assert reason in told, told
