"""Whole scripts of the years of Matterport's package, run unchanged: a server, a notebook, TF 1."""

from __future__ import annotations

import concurrent.futures
import io
import json
import runpy
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import mrcnn.model as modellib
from tests.app.api.server import free_port
from tests.mrcnn.tiny import read_groups
from tests.mrcnn.tiny_script import TinyConfig, photo

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "tests" / "mrcnn"
PHOTO = photo(90, 120)


@pytest.fixture(scope="module")
def found(tiny_model: modellib.MaskRCNN) -> dict[str, np.ndarray]:
    """Return what a model finds on the photo with nothing around it."""
    return tiny_model.detect([PHOTO])[0]


def png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(PHOTO).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def server(tiny_file: Path) -> Iterator[str]:
    """Start the old Flask server; yields its address."""
    port = free_port()
    command = [sys.executable, str(SCRIPTS / "old_flask_server.py"), str(tiny_file), str(port)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        try:
            yield f"http://127.0.0.1:{port}/detect"
        finally:
            process.terminate()


def ask(address: str) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(address, data=png(), timeout=60) as answer:
                return json.load(answer)
        except urllib.error.URLError as error:
            if isinstance(error, urllib.error.HTTPError) or time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def test_flask_server_with_graph_and_session_answers_from_its_threads(server: str, found):
    ask(server)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, [server] * 8))
    for answer in answers:
        assert answer["rois"] == found["rois"].tolist()
        assert answer["class_ids"] == found["class_ids"].tolist()
        assert np.allclose(answer["scores"], found["scores"])
        assert answer["areas"] == found["masks"].sum(axis=(0, 1)).tolist()


def test_script_without_the_behaviour_of_tensorflow_2_runs(tiny_file: Path, tmp_path: Path, found):
    (tmp_path / "photo.png").write_bytes(png())
    script = SCRIPTS / "old_tensorflow1_script.py"
    command = [sys.executable, str(script), str(tiny_file), str(tmp_path / "photo.png")]
    ran = subprocess.run(
        [*command, str(tmp_path)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    told = json.loads(ran.stdout.splitlines()[-1])
    assert told["eager"] is False
    assert told["first"] == told["second"] == found["rois"].tolist()
    assert told["masks"] == [1, 100, 28, 28, 5]


@pytest.fixture
def notebook(tiny_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run the old notebook's cells; return its variables."""
    monkeypatch.setenv("MPLBACKEND", "agg")
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    monkeypatch.setattr(plt, "show", lambda: None)
    monkeypatch.setattr(sys, "argv", ["old_notebook.py", str(tiny_file), str(tmp_path)])
    variables = runpy.run_path(str(SCRIPTS / "old_notebook.py"))
    plt.close("all")
    return variables


def test_notebooks_cells_see_what_detect_found(notebook, tiny_file: Path):
    r, kinds = notebook["r"], notebook["kinds"]
    assert len(kinds) == len(r["rois"]) > 10
    assert np.array_equal(notebook["boxes"][: len(kinds)], r["rois"])
    assert np.array_equal(kinds, r["class_ids"])
    assert (np.stack(notebook["full_masks"], axis=-1) != r["masks"]).mean() < 1e-3
    assert np.array_equal(notebook["picture"], notebook["image"])
    assert np.allclose(notebook["moved"], notebook["gt_bbox"][0], atol=1e-3)
    rpn = notebook["rpn"]
    best = rpn["refined_anchors_clipped"][0][rpn["kept"]]
    assert np.array_equal(best, rpn["rois"][0, : len(best)])
    assert notebook["seen"]["stage4"].shape == (1, 8, 8, 256)
    assert len(notebook["layers"]) == sum(map(bool, read_groups(tiny_file).values()))
    assert Path(notebook["saved"]).is_file()


class Inherited(modellib.MaskRCNN):
    """A class of a script that sets what the original's constructor set, and calls none."""

    def __init__(self, mode: str, config: modellib.Config, model_dir: str) -> None:
        self.mode, self.config, self.model_dir = mode, config, model_dir
        self.set_log_dir()
        self.keras_model = self.build(mode=mode, config=config)


def test_subclass_that_calls_no_constructor_detects(tiny_file: Path, tmp_path: Path, found):
    model = Inherited("inference", TinyConfig(), str(tmp_path))
    model.load_weights(str(tiny_file), by_name=True)
    result = model.detect([PHOTO])[0]
    assert all(np.array_equal(result[name], found[name]) for name in found)


def test_subclass_that_calls_no_constructor_has_anchors_to_train_for(tmp_path: Path):
    model = Inherited("training", TinyConfig(), str(tmp_path))
    assert model.anchors.shape == ((32**2 + 16**2 + 8**2 + 4**2 + 2**2) * 3, 4)


def test_model_detects_with_the_network_that_it_is_given(tiny_file: Path, tmp_path: Path, found):
    giver, taker = (modellib.MaskRCNN("inference", TinyConfig(), str(tmp_path)) for _ in range(2))
    for model in (giver, taker):
        model.load_weights(str(tiny_file), by_name=True)
    head = taker.keras_model.get_layer("mrcnn_class_logits")
    head.set_weights([np.zeros_like(array) for array in head.get_weights()])
    assert len(taker.detect([PHOTO])[0]["rois"]) == 0
    taker.keras_model = giver.keras_model
    assert np.array_equal(taker.detect([PHOTO])[0]["rois"], found["rois"])


def test_number_of_classes_may_be_numpys(tiny_file: Path, tmp_path: Path, found):
    config = TinyConfig()
    config.NUM_CLASSES = np.max([2, 4]) + 1
    model = modellib.MaskRCNN("inference", config, str(tmp_path))
    model.load_weights(str(tiny_file), by_name=True)
    assert np.array_equal(model.detect([PHOTO])[0]["rois"], found["rois"])


def test_module_starred_gives_what_the_original_imported():
    taken: dict[str, Any] = {}
    for module in ("config", "visualize", "utils", "model"):
        exec(f"from mrcnn.{module} import *", taken)
    import keras
    import matplotlib.pyplot as plt
    import tensorflow as tf

    assert (taken["np"], taken["plt"], taken["tf"], taken["keras"]) == (np, plt, tf, keras)
    assert taken["Polygon"] is plt.Polygon
    assert taken["KL"].Layer is taken["KE"].Layer is keras.Layer
    assert taken["utils"] is modellib.utils
    assert taken["OrderedDict"]([("os", taken["os"])])["os"] is sys.modules["os"]
    assert taken["Config"] is modellib.Config


def test_contours_of_a_starred_visualize_follow_the_rim_of_a_mask():
    taken: dict[str, Any] = {}
    exec("from mrcnn.visualize import *", taken)
    padded = np.zeros((6, 9), np.uint8)
    padded[2:4, 3:7] = 1
    (line,) = taken["find_contours"](padded, 0.5)
    assert np.array_equal(line[0], line[-1])
    assert line.min(axis=0).tolist() == [1.5, 2.5]
    assert line.max(axis=0).tolist() == [3.5, 6.5]


def test_import_that_a_module_never_had_is_named():
    with pytest.raises(AttributeError, match=r"'mrcnn\.utils' has no attribute 'get_iou'"):
        modellib.utils.get_iou()
