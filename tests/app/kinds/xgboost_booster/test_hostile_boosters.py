"""A booster that is damaged, or lies, is refused in one line, and the server goes on."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from app.kinds.kind import LoadedModel, ModelError, ModelSource
from app.kinds.xgboost_booster import XgboostBooster
from tests.app.kinds.xgboost_booster.boosters import export, trained, write


def load(folder: Path) -> LoadedModel:
    model = XgboostBooster().load(ModelSource("m", 1, folder, folder))
    model.warm_up()
    return model


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as refused:
        load(folder)
    told = str(refused.value)
    assert "\n" not in told
    assert str(folder) not in told
    assert len(told) < 300
    return told


def changed(folder: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> Path:
    """Write a booster as JSON in which its trees, or the first of them, are changed."""
    document = json.loads(trained().save_raw(raw_format="json"))
    model = document["learner"]["gradient_booster"]["model"]
    change(model, model["trees"][0])
    folder.mkdir()
    (folder / "model.bst").write_text(json.dumps(document))
    return folder


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(
            lambda model, tree: tree["left_children"].__setitem__(1, 0),
            "tree 0 leads out of itself, or round in a circle",
            id="a circle",
        ),
        pytest.param(
            lambda model, tree: tree["left_children"].__setitem__(0, 100_000),
            "tree 0 leads out of itself, or round in a circle",
            id="a node beyond the last",
        ),
        pytest.param(
            lambda model, tree: tree["right_children"].__setitem__(0, -1),
            "tree 0 has a split with one side",
            id="half a split",
        ),
        pytest.param(
            lambda model, tree: tree["split_indices"].__setitem__(0, 1_000_000),
            "tree 0 asks for a column beyond the 2 that there are",
            id="a column beyond the last",
        ),
        pytest.param(
            lambda model, tree: model["tree_info"].__setitem__(0, 7),
            "its trees are for outputs that it does not have",
            id="an output beyond the last",
        ),
    ],
)
def test_trees_that_a_prediction_would_not_come_out_of_are_refused(
    tmp_path: Path, change: Any, told: str
):
    assert refusal(changed(tmp_path / "1", change)).endswith(f"it is damaged: {told}")


@pytest.mark.parametrize("raw_format", ["deprecated", "json", "ubj"])
@pytest.mark.parametrize("kept", [0.05, 0.6, 0.98])
def test_a_booster_that_is_cut_short_is_refused(tmp_path: Path, raw_format: str, kept: float):
    folder = write(tmp_path / "1", trained(), raw_format=raw_format)
    path = folder / "model.bst"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    assert "model.bst" in refusal(folder)


def test_a_file_that_is_no_booster_is_refused(tmp_path: Path):
    for index, content in enumerate((b"{}", b"\x00" * 4096, b"version https://git-lfs", b"")):
        folder = tmp_path / str(index)
        folder.mkdir()
        (folder / "model.bst").write_bytes(content)
        assert "model.bst" in refusal(folder)


def test_a_number_of_nodes_beyond_all_memory_is_refused(tmp_path: Path):
    folder = write(tmp_path / "1", trained(), raw_format="deprecated")
    path = folder / "model.bst"
    raw = bytearray(path.read_bytes())
    # A tree begins with the number of its roots, and of its nodes.
    nodes = raw.index(struct.pack("<ii", 1, 7), raw.index(b"gbtree")) + 4
    raw[nodes : nodes + 4] = struct.pack("<i", 2**31 - 1)
    path.write_bytes(raw)
    assert refusal(folder) == (
        "XGBoost does not take model.bst: it asks for more memory than a booster of its size takes"
    )


@pytest.mark.slow
def test_whatever_bytes_are_changed_a_booster_is_served_or_refused(tmp_path: Path):
    chance = random.Random(13)
    for index in range(24):
        raw_format = ("deprecated", "ubj", "json")[index % 3]
        folder = write(tmp_path / str(index), trained(), raw_format=raw_format)
        path = folder / "model.bst"
        raw = bytearray(path.read_bytes())
        for _ in range(chance.choice((1, 2, 8))):
            raw[chance.randrange(len(raw))] = chance.choice((0, 255, chance.randrange(256)))
        path.write_bytes(raw)
        with suppress(ModelError):
            load(folder)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path):
    folder = export(tmp_path / "1", trained(1), {"rooms": ""})
    (folder / "assets" / "0.txt").symlink_to("/etc/hostname")
    assert (
        refusal(folder) == "assets/0.txt is a link out of the model's folder; copy the file there"
    )


def _metadata(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    path = folder / "assets" / "model_metadata.json"
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))
    return folder


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(lambda told: told.pop("label_col"), "lacks model_type or label_col", id="no"),
        pytest.param(
            lambda told: told["features"].pop("rooms"),
            "says nothing of the feature rooms",
            id="a feature without a word",
        ),
        pytest.param(
            lambda told: told["features"]["rooms"].update(encode_type="magic"),
            "encodes rooms by 'magic', which is not known",
            id="an unknown encoding",
        ),
        pytest.param(
            lambda told: told.update(model_type="boosted_tree_classifier"),
            "has no class_names that is a list of texts",
            id="no classes",
        ),
    ],
)
def test_metadata_that_does_not_hold_is_told(tmp_path: Path, change: Any, told: str):
    folder = _metadata(export(tmp_path / "1", trained(1), {"rooms": ""}), change)
    assert refusal(folder) == f"assets/model_metadata.json {told}"


def test_a_vocabulary_that_is_not_there_and_too_many_columns_are_told(tmp_path: Path):
    folder = export(tmp_path / "1", trained(4), {"rooms": "", "city": "categorical_one_hot"})
    (folder / "assets" / "1_categorical_one_hot.txt").unlink()
    assert refusal(folder) == (
        "assets/1_categorical_one_hot.txt is not there; copy the whole folder"
    )
    folder = export(tmp_path / "2", trained(2), {"rooms": "", "city": "categorical_one_hot"})
    assert refusal(folder) == "the columns of model.bst make 4 numbers; its trees take 2"
