"""Runs the steps of `cloudbuild.yaml`, as Cloud Build would, here."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests import parts
from tests.app.api.server import free_port
from tests.app.cli.eight_bits import write_pictures
from tests.app.cli.web_store import WebStore
from tests.image.cloud_build import COMMIT, REPOSITORY, Builder, throwaway_python
from tests.image.containers import DEMOS, BuiltImage, ImageTool, docker_of

pytestmark = pytest.mark.image


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of an empty registry."""
    command = parts.command("docker-registry", "the Debian package of that name has it")
    folder = tmp_path_factory.mktemp("registry")
    address = f"127.0.0.1:{free_port()}"
    storage = {"filesystem": {"rootdirectory": str(folder / "images")}}
    configuration = {"version": 0.1, "storage": storage, "http": {"addr": address}}
    (folder / "configuration.yml").write_text(yaml.safe_dump(configuration))
    with (folder / "log").open("w") as log:
        words = [command, "serve", str(folder / "configuration.yml")]
        process = subprocess.Popen(words, stdout=log, stderr=log)
    deadline = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(f"http://{address}/v2/", timeout=5).close()
            break
        except OSError:
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.1)
    yield address
    process.terminate()
    process.wait(timeout=30)


@pytest.fixture(scope="module")
def builder(
    image: BuiltImage,
    image_tool: ImageTool,
    context: Path,
    registry: str,
    root: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Builder:
    """Return what runs steps; the image is built already, so that its layers are there."""
    docker = docker_of(image_tool.path, tmp_path_factory.mktemp("docker"))
    # Steps have the commands of the image that they name; of Python's that is `python`.
    python = throwaway_python(tmp_path_factory.mktemp("python") / "venv")
    for name in ("fetch", "quantize"):
        shutil.copy2(root / f"requirements-{name}.txt", context)
    path = os.pathsep.join([str(python), str(docker.parent), os.environ["PATH"]])
    return Builder(context, path, registry)


@pytest.fixture
def by_reference(builder: Builder) -> Iterator[None]:
    """Have the workspace hold a second model, by a YAML alone, and pictures for it."""
    models = builder.workspace / "models"
    weights = (models / "shapes" / "1" / "shapes.h5").read_bytes()
    config = yaml.safe_load((models / "shapes" / "1" / "model.yaml").read_text())["config"]
    with WebStore({"kite.h5": weights}) as store:
        digest = hashlib.sha256(weights).hexdigest()
        source = {"uri": store.uri("kite.h5"), "sha256": digest, "bytes": len(weights)}
        named = {"images": "calibration/kite"}
        text = yaml.safe_dump({"config": config, "source": source, "quantize": named})
        (models / "kite.yaml").write_text(text)
        write_pictures(models / "calibration" / "kite", 8)
        yield
    for path in models.glob("kite.*"):
        path.unlink()
    shutil.rmtree(models / "calibration")


@pytest.mark.usefixtures("by_reference")
def test_a_push_to_a_branch_with_a_slash_gives_an_image_by_commit_and_by_branch(
    builder: Builder, image_tool: ImageTool
):
    told = {"COMMIT_SHA": COMMIT, "BRANCH_NAME": "feature/größer masks"}
    fetched = builder.run("fetch", **told)
    assert fetched.returncode == 0, fetched.stderr[-3000:]
    quantized = builder.run("quantize", **told)
    assert quantized.returncode == 0, quantized.stderr[-3000:]
    built = builder.run("build", **told)
    assert built.returncode == 0, built.stderr[-3000:]
    checked = builder.run("check", **told)
    assert checked.returncode == 0, checked.stdout + checked.stderr[-3000:]
    assert f"{DEMOS + 1} of {DEMOS + 1} versions can be served" in checked.stdout
    # What serves has the form, and not the pictures that it was made from.
    name = f"{builder.registry}/{REPOSITORY}:{COMMIT}"
    listed = image_tool.ask("podman", "run", "--rm", "--entrypoint", "ls", name, "models")
    assert {"kite.h5", "kite.int8.openvino", "kite.yaml"} <= {*listed.split()}
    assert "calibration" not in listed
    pushed = builder.run("push", **told)
    assert pushed.returncode == 0, pushed.stderr[-3000:]
    # Cloud Build itself pushes what stands in `images`, once all steps have passed.
    image_tool.ask("podman", "push", "--tls-verify=false", name)
    digest, _ = builder.manifest(COMMIT)
    assert builder.manifest("feature-gr----er-masks")[0] == digest
    assert builder.manifest("packages", f"{REPOSITORY}-cache")[0] != digest
    labels = BuiltImage(image_tool, name).inspected()["Config"]["Labels"]
    assert labels["org.opencontainers.image.revision"] == COMMIT


def test_the_next_push_of_the_same_packages_takes_them_from_the_last(builder: Builder):
    built = builder.run("build", COMMIT_SHA="f" * 40, BRANCH_NAME="main")
    assert built.returncode == 0, built.stderr[-3000:]
    said = built.stdout + built.stderr
    installs = re.findall(r"RUN python -m venv.*\n(?:.*\n)*?--> (Using cache)?", said)
    assert installs
    assert set(installs) == {"Using cache"}


def test_a_model_that_cannot_be_served_ends_the_build_before_the_push(builder: Builder):
    pointer = builder.workspace / "models" / "balloon.h5"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 244\n")
    told = {"COMMIT_SHA": "b" * 40, "BRANCH_NAME": "main"}
    try:
        built = builder.run("build", **told)
        checked = builder.run("check", **told)
    finally:
        pointer.unlink()
    assert built.returncode == 0, built.stderr[-3000:]
    assert checked.returncode == 1, checked.stdout + checked.stderr
    assert "balloon.h5 is a Git LFS pointer, not the file itself" in checked.stdout
    failed = f"1 of {DEMOS + 1} versions cannot be served: balloon version 1"
    assert failed in checked.stdout
