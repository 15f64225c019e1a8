"""COMPATIBILITY.md against the package, and both against the original's public surface."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mrcnn.model as modellib
from mrcnn import utils
from mrcnn.keras_model import KerasModel
from tests.mrcnn.tiny_script import TinyConfig

HERE = Path(__file__).resolve().parent
TABLES = HERE.parents[1] / "mrcnn" / "COMPATIBILITY.md"
SURFACE = HERE / "matterport_surface.txt"
MODULES = ("mrcnn.model", "mrcnn.utils", "mrcnn.visualize", "mrcnn.parallel_model")
WORDS = ("same", "no-op", "differs", "gone", "new")


@dataclass(frozen=True)
class Row:
    """What the tables say of one name."""

    section: str
    name: str
    is_called: bool
    word: str
    how: str


def rows() -> list[Row]:
    found, section = [], ""
    for line in TABLES.read_text().splitlines():
        if line.startswith("## "):
            section = line[3:].strip("`")
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        names = re.findall(r"`([\w.]+)(\(\))?`", cells[0]) if line.startswith("| `") else []
        word, _, how = cells[-1].partition(": ")
        if section.startswith(("mrcnn.", "keras_model")):
            found += [Row(section, name, bool(called), word, how) for name, called in names]
    return found


def surface() -> list[tuple[str, str, str]]:
    """Return (name with its module, "()", "=" or "", parameters or value) of the original."""
    lines = [line for line in SURFACE.read_text().splitlines() if not line.startswith("#")]
    found = []
    for line in lines:
        name, kind, rest = re.fullmatch(r"([\w.]+)(\(| = |)(.*)", line).groups()
        if kind == "(":
            kind, rest = "()", rest.removesuffix(")")
        found.append((name, kind.strip(), rest))
    return found


ROWS = rows()
BY_NAME = {f"{row.section}.{row.name}": row for row in ROWS}


class OnePicture(utils.Dataset):
    def __init__(self) -> None:
        super().__init__()
        self.add_class("one", 1, "thing")
        self.add_image("one", 0, path=None)
        self.prepare()


@pytest.fixture(scope="module")
def owners(tiny_model: modellib.MaskRCNN) -> dict[str, Any]:
    """Return what the names of each section belong to."""
    model = tiny_model
    model.get_anchors((64, 64, 3))
    return {
        **{name: importlib.import_module(name) for name in MODULES},
        "mrcnn.model.MaskRCNN": model,
        "keras_model": model.keras_model,
        "mrcnn.config.Config": TinyConfig(),
        "mrcnn.utils.Dataset": OnePicture(),
    }


def test_tables_are_read_whole():
    assert len(ROWS) > 200
    assert len(BY_NAME) == len(ROWS), "a name stands in two rows"
    assert {row.word for row in ROWS} == set(WORDS)
    assert all(bool(row.how) == (row.word in ("differs", "gone")) for row in ROWS)


def test_every_name_of_the_original_is_in_the_tables():
    sections = {row.section for row in ROWS}
    # What Keras demands of a layer is the layer's, and what a class that is gone had is gone.
    without_section = set(BY_NAME) - sections
    original = {name for name, _, _ in surface() if name.rpartition(".")[0] not in without_section}
    assert len(original) > 150
    assert original - set(BY_NAME) - sections == set()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.section}.{row.name}")
def test_name_is_there_and_called_as_the_tables_say(owners, row: Row):
    value = getattr(owners[row.section], row.name)
    assert (inspect.isroutine(value) or inspect.isclass(value)) == row.is_called


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.word == "gone"], ids=lambda row: f"{row.section}.{row.name}"
)
def test_what_is_gone_says_in_one_line_what_to_write(owners, row: Row):
    function = getattr(owners[row.section], row.name)
    required = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    with pytest.raises(RuntimeError) as told:
        function(*("given" for _ in required))
    assert len(str(told.value)) > 40
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.word == "no-op" and row.is_called], ids=lambda row: row.name
)
def test_what_does_nothing_may_be_called(owners, row: Row):
    function = getattr(owners[row.section], row.name)
    assert function(*("given" for _ in inspect.signature(function).parameters)) is None


def taken(function: Any) -> dict[str, Any]:
    """Return the parameters that a function takes by name or place, with their defaults."""
    parameters = inspect.signature(function).parameters.values()
    return {
        parameter.name: parameter.default
        for parameter in parameters
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.VAR_KEYWORD)
    }


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        pytest.param(name, parameters, id=name)
        for name, kind, parameters in surface()
        if kind == "()" and name in BY_NAME and BY_NAME[name].word != "gone"
    ],
)
def test_arguments_of_the_original_are_taken_in_its_order(owners, name: str, parameters: str):
    row = BY_NAME[name]
    theirs = taken(eval(f"lambda {parameters}: None"))
    theirs = {name: value for name, value in theirs.items() if not name.startswith("kwargs")}
    ours = taken(getattr(owners[row.section], row.name))
    assert list(ours)[: len(theirs)] == list(theirs)
    for parameter, default in theirs.items():
        if default is not inspect.Parameter.empty:
            assert ours[parameter] == default, parameter


@pytest.mark.parametrize(
    ("name", "value"),
    [pytest.param(name, value, id=name) for name, kind, value in surface() if kind == "="],
)
def test_values_are_those_of_the_original(name: str, value: str):
    if name == "mrcnn.config.Config.NAME":
        assert not modellib.Config.NAME
        return
    owner, _, attribute = name.rpartition(".")
    ours = getattr(modellib.Config if owner.endswith("Config") else utils, attribute)
    theirs = eval(value, {"np": np}) if "np." in value else ast.literal_eval(value)
    if isinstance(theirs, list | tuple | np.ndarray):
        assert list(ours) == list(theirs)
    else:
        assert ours == theirs


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_of_a_module_is_in_the_tables(module: str):
    public = {f"{module}.{name}" for name in importlib.import_module(module).__all__}
    assert public <= set(BY_NAME)
    listed = {row.name for row in ROWS if row.section == module}
    assert {f"{module}.{name}" for name in listed} == public


@pytest.mark.parametrize(
    ("section", "owner"),
    [
        pytest.param("mrcnn.model.MaskRCNN", modellib.MaskRCNN, id="MaskRCNN"),
        pytest.param("keras_model", KerasModel, id="keras_model"),
        pytest.param("mrcnn.config.Config", modellib.Config, id="Config"),
        pytest.param("mrcnn.utils.Dataset", utils.Dataset, id="Dataset"),
    ],
)
def test_every_public_name_of_a_class_is_in_the_tables(section: str, owner: type):
    public = {name for name in vars(owner) if not name.startswith("_")}
    assert public <= {row.name for row in ROWS if row.section == section}
