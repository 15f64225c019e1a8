"""What `model.yaml` and `labels.txt` may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.kinds.kind import ModelError
from app.kinds.mask_rcnn import MaskRcnnOptions
from app.serving.model_options import check_options, read_labels, read_options
from tests.app.serving.model_folder import POINTER


@pytest.fixture
def written(tmp_path: Path):
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def test_every_option_is_read(written):
    text = """
    kind: mask_rcnn
    labels: [a, b]
    about: Knows nothing.
    min_score: 0.5
    allow_partial: true
    fallback: true
    config: {IMAGE_MIN_DIM: 256, RPN_ANCHOR_SCALES: [16, 32]}
    golden: [{input: samples/a.png, output: golden/a.json}]
    """
    path = written("model.yaml", text)
    options = read_options(path)
    check_options(path, options, MaskRcnnOptions)
    assert options["config"] == {"IMAGE_MIN_DIM": 256, "RPN_ANCHOR_SCALES": [16, 32]}
    assert options["golden"] == [{"input": "samples/a.png", "output": "golden/a.json"}]


def test_no_file_and_an_empty_file_say_nothing(written):
    assert read_options(None) == read_options(written("model.yaml", "# nothing\n")) == {}
    assert read_labels(None) is None


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param(
            "min_scor: 0.5",
            "there is no key 'min_scor'; allowed are kind, labels, about, fallback, default, "
            "max_batch, source, companions, golden, min_score, allow_partial, program, precision, "
            "resize, quantize, streams, config",
            id="unknown key",
        ),
        pytest.param(
            "min_score: 70", "min_score is 70; it must be a number from 0 to 1", id="range"
        ),
        pytest.param("min_score: .nan", "min_score is nan; it must be", id="nan"),
        pytest.param(
            "allow_partial: 1", "allow_partial is 1; it must be true or false", id="number"
        ),
        pytest.param(
            "program: torch",
            "program is 'torch'; it must be one of auto, tensorflow, openvino",
            id="program",
        ),
        pytest.param(
            "max_batch: 0", "max_batch is 0; it must be a whole number from 1 on", id="batch"
        ),
        pytest.param("labels: a, b", "labels is 'a, b'; it must be a list of names", id="text"),
        pytest.param("labels: [a, 1]", "labels is ['a', 1]; it must be a list of names", id="mix"),
        pytest.param("about: [a]", "about is ['a']; it must be a text", id="about"),
        pytest.param("config: [A]", "config is ['A']; it must be a mapping", id="config"),
        pytest.param("golden: [a.png]", "it must be a list of {input: FILE", id="golden"),
        pytest.param("- kind", "must be a mapping of keys to values", id="list"),
        pytest.param("kind: [", "not YAML: while parsing", id="no yaml"),
        pytest.param(
            "config: {IMAGE_MIN_DIM: 64, IMAGE_MIN_DIM: 128}",
            "not YAML: IMAGE_MIN_DIM is there twice",
            id="twice",
        ),
        pytest.param("kind: 2020-13-45", "not YAML: month must be in 1..12", id="no date"),
        pytest.param("[" * 1200, "not YAML: maximum recursion depth", id="deep"),
        pytest.param(b"\xff\xfe\xfa", "cannot be read", id="no text"),
    ],
)
def test_what_is_not_allowed_is_named(written, text: str | bytes, error: str):
    path = written("model.yaml", text)
    with pytest.raises(ModelError) as refusal:
        check_options(path, read_options(path), MaskRcnnOptions)
    assert str(refusal.value).startswith("model.yaml: ")
    assert error in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_labels_are_the_lines_of_the_file(written):
    path = written("labels.txt", "\ufefftraffic light \r\nstraße\r\n\r\n")
    assert read_labels(path) == ("traffic light", "straße")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param("\n\n", "labels.txt: holds no label", id="empty"),
        pytest.param("a\n\nb\n", "labels.txt: line 2 is empty; one label a line", id="gap"),
        pytest.param(b"\xff\n", "labels.txt: cannot be read", id="no text"),
        pytest.param(POINTER, "labels.txt is a Git LFS pointer", id="pointer"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(written, content: str | bytes, error: str):
    with pytest.raises(ModelError, match=error):
        read_labels(written("labels.txt", content))
