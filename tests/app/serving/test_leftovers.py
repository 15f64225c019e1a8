"""Every version, and what lies in a repository that was meant to be served and is not."""

from __future__ import annotations

import pytest

from app.serving.leftovers import find_versions
from tests.app.serving.model_folder import Models


def told(models: Models) -> list[tuple[str, int, str | None]]:
    return [(found.name, found.version, found.error) for found in find_versions(models.folder)]


def test_every_version_is_found_in_the_order_of_the_numbers(models: Models):
    for place in ("street/10/a.h5", "street/9/a.h5", "harbour/2/a.h5", "bare.h5"):
        models.add(place)
    assert told(models) == [
        ("bare", 1, None),
        ("harbour", 2, None),
        ("street", 9, None),
        ("street", 10, None),
    ]


@pytest.mark.parametrize(
    ("place", "name", "error"),
    [
        pytest.param(
            "street/v2/street.h5",
            "street",
            "street/v2/ is no version: name it by a whole number",
            id="a folder without a number",
        ),
        pytest.param(
            "street/new.h5",
            "street",
            "street/new.h5 is no version: move it to a numbered folder",
            id="a file beside the versions",
        ),
        pytest.param(
            "balloon.tflite",
            "balloon",
            "balloon.tflite is a model of TensorFlow Lite, which is not served",
            id="another format",
        ),
        pytest.param(
            "model.yaml",
            "model",
            "model.yaml is read by no model; move it to a version's folder",
            id="options of no model",
        ),
    ],
)
def test_what_was_meant_to_be_served_and_is_not_is_told(
    models: Models, place: str, name: str, error: str
):
    models.add("street/1/street.h5")
    models.write(place, "")
    assert told(models) == sorted([("street", 1, None), (name, 0, error)])


def test_options_of_a_misspelt_name_are_told(models: Models):
    models.add("balloon.h5")
    models.write("ballon.yaml", "")
    models.write("balloon.labels.txt", "")
    assert told(models) == [
        ("ballon", 0, "ballon.yaml is read by no model; there is balloon.h5"),
        ("balloon", 1, None),
    ]


def test_pictures_notes_and_what_is_hidden_are_left_alone(models: Models):
    models.add("street/1/street.h5")
    for place in ("README.md", ".cache.tflite", "street/1/samples/a.png", "street/docs/a.txt"):
        models.write(place, "")
    assert told(models) == [("street", 1, None)]
