"""What a person at the terminal is told while the server starts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.serving.layout import MODELS_TEXT
from tests.app.api.server import Server
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import POINTER, Models

pytestmark = pytest.mark.server


@pytest.fixture
def told(start_server: Callable[..., Server]) -> Callable[..., list[str]]:
    """Return a function that starts a server and gives its own lines, up to the last one.

    The address is left out of them.
    """

    def start(**variables: str) -> list[str]:
        server = start_server(wait=False, **variables)
        wait_for(lambda: server.url in server.spoken(), "the person is told how it came out")
        lines = server.spoken().replace(server.url, "URL").splitlines()
        return [line for line in lines if line.startswith("Slipway ")]

    return start


def test_a_model_that_failed_is_named_with_its_reason_in_the_ready_line(
    told: Callable[..., list[str]], models: Models
):
    models.add("harbour.h5")
    models.write("broken.h5", POINTER)
    assert told()[-1] == (
        "Slipway is ready: open URL/ (2 models; broken.h5 failed: it is a Git LFS pointer, "
        "not the file itself; git lfs pull brings it)"
    )


def test_of_many_that_failed_three_are_named_and_long_reasons_are_shortened(
    told: Callable[..., list[str]], models: Models
):
    models.write("a/3/weights.h5", "")
    models.write("b.h5", "nothing")
    models.write("b.yaml", f"kind: {'mask ' * 60}")
    for name in "cdefg":
        models.write(f"{name}.h5", "")
    line = told()[-1]
    assert line.startswith(
        "Slipway is ready: open URL/ (1 model; a version 3 failed: weights.h5 is empty: it has 0 "
        "bytes; b.h5 failed: kind is 'mask mask"
    )
    assert line.endswith("…; c.h5 failed: it is empty: it has 0 bytes; 4 more failed)")
    assert len(line) < 400


def test_a_failed_golden_is_told_with_the_other_models_that_failed(
    told: Callable[..., list[str]], models: Models
):
    models.write("street/1/model.yaml", "golden: [{input: a.png, output: a.json}]")
    models.write("broken.h5", "")
    assert told()[-1] == (
        "Slipway runs at URL/ but is not ready: street version 1 failed: golden a.png: a.json: No "
        "such file or directory (broken.h5 failed: it is empty: it has 0 bytes)"
    )


def test_a_repository_without_models_is_told_at_once_and_the_server_runs(
    told: Callable[..., list[str]], models: Models
):
    models.add("street/1/street.h5").rename(models.folder / "street.tflite")
    (models.folder / "street" / "1").rmdir()
    (models.folder / "street").rmdir()
    first, last = told()
    assert first == (
        f"Slipway is starting, but MODEL_REPOSITORY='{models.folder}' holds no model: "
        f"street.tflite is a model of TensorFlow Lite, which is not served; put one there, such as "
        f"{models.folder}/balloon.h5"
    )
    assert last == (
        f"Slipway runs at URL/ but is not ready: there is no model ({MODELS_TEXT}) in the model "
        "repository"
    )


def test_files_that_are_not_served_are_named_at_the_start(
    told: Callable[..., list[str]], models: Models
):
    models.write("balloon.tflite", "")
    first, last = told()
    assert first == (
        f"Slipway is starting with the models in {models.folder}, but balloon.tflite is a model of "
        "TensorFlow Lite, which is not served"
    )
    assert last == "Slipway is ready: open URL/"
