"""Models that take numbers and text by name: how instances are read, and outputs are shown."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from app.images import ImageLimits
from app.kinds.face import GivenError, Limits, Outcome, Parameters
from app.kinds.values import VALUES

LIMITS = Limits(ImageLimits(max_bytes=1, max_pixels=1), 1)


def facts(**inputs: tuple[str, list[int | None]]) -> dict[str, Any]:
    """Return the facts of a model with one signature."""
    declared = [
        {"name": name, "dtype": dtype, "shape": shape, "role": "number"}
        for name, (dtype, shape) in inputs.items()
    ]
    return {"signatures": {"serve": {"inputs": declared}}, "default_signature": "serve"}


FLOWER = facts(petal=("float64", []), colour=("bytes", []), ring=("int32", [2]))


def parsed(given: object, told: dict[str, Any] = FLOWER) -> dict[str, Any]:
    """Return the arrays that an instance becomes."""
    (read,) = VALUES.read([given], ["instances[0]"], LIMITS, ahead=True)
    return dict(VALUES.parse(read, told, LIMITS).inputs)


def test_an_instance_gives_each_input_by_its_name_in_the_declared_type():
    arrays = parsed({"petal": 3, "colour": "blå", "ring": [1, 2.0]})
    assert {name: (array.dtype, array.shape) for name, array in arrays.items()} == {
        "petal": (np.dtype("float64"), ()),
        "colour": (np.dtype(object), ()),
        "ring": (np.dtype("int32"), (2,)),
    }
    assert arrays["petal"] == 3.0
    assert arrays["colour"].item() == "blå".encode()
    assert arrays["ring"].tolist() == [1, 2]


@pytest.mark.parametrize("given", [pytest.param(one, id=str(one)) for one in (2.5, {"x": 2.5})])
def test_the_value_alone_does_where_there_is_one_input(given: object):
    assert parsed(given, facts(x=("float32", [])))["x"] == np.float32(2.5)


def test_bytes_come_as_base64():
    assert parsed({"b64": "/9g="}, facts(x=("bytes", [])))["x"].item() == b"\xff\xd8"
    arrays = parsed({"x": [{"b64": "AA=="}, "b"]}, facts(x=("bytes", [None])))
    assert arrays["x"].tolist() == [b"\0", b"b"]


def test_a_single_value_does_for_a_list_of_one():
    assert parsed(7, facts(x=("int64", [1])))["x"].tolist() == [7]
    assert parsed("a", facts(x=("bytes", [None])))["x"].tolist() == [b"a"]


def test_a_file_holds_an_instance_or_a_list_of_one():
    for document in ({"x": 1}, {"instances": [{"x": 1}]}):
        assert parsed(json.dumps(document).encode(), facts(x=("int8", [])))["x"] == 1


@pytest.mark.parametrize(
    ("declared", "value", "told"),
    [
        pytest.param(("float64", []), "5.0", 'is "5.0": a number is expected', id="text"),
        pytest.param(("float64", []), None, "is null: a number is expected", id="null"),
        pytest.param(("float64", []), True, "is true: a number is expected", id="truth"),
        pytest.param(("float64", [2]), [1, "b"], 'is "b": a number is expected', id="one of many"),
        pytest.param(("float64", []), {"a": 1}, 'is {"a": 1}: a number', id="object"),
        pytest.param(("int32", []), 1.5, "is 1.5: a whole number is expected", id="fraction"),
        pytest.param(
            ("int8", [2]), [1, 300], "is 300: from -128 to 127 is expected", id="beyond int8"
        ),
        pytest.param(("uint8", []), -1, "is -1: from 0 to 255 is expected", id="below uint8"),
        pytest.param(("int64", []), 2**63, "is 9223372036854775808: from -92", id="beyond int64"),
        pytest.param(("int64", []), 2**64, "a whole number is expected", id="beyond all"),
        pytest.param(("float32", []), 1e39, "that float32 cannot: at most 3.403e+38", id="float32"),
        pytest.param(("bool", []), 1, "is 1: true or false is expected", id="number for truth"),
        pytest.param(("bytes", []), 5, 'is 5: text, or {"b64": "…"}, is expected', id="no text"),
        pytest.param(("bytes", []), {"b64": "?"}, "is not base64: ", id="no base64"),
        pytest.param(("float64", [2]), [1, 2, 3], "a list of 3: a list of 2 is expected", id="3"),
        pytest.param(("float64", []), [1], "a list of 1: a single value is expected", id="list"),
        pytest.param(("float64", [2]), 1, "a single value: a list of 2 is", id="no list"),
        pytest.param(
            ("float64", [None, 2]), [[1, 2], [3]], "parts are of different lengths", id="ragged"
        ),
        pytest.param(
            ("bytes", [None, 2]), [["a", "b"], ["c"]], "parts are of different", id="ragged text"
        ),
        pytest.param(("float64", [None]), [], "at least one value is expected", id="empty"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_name_and_what_is_expected(
    declared: tuple[str, list[int | None]], value: object, told: str
):
    with pytest.raises(GivenError) as refused:
        parsed({"x": value}, facts(x=declared))
    assert refused.value.reason.startswith("`instances[0].x` ")
    assert told in refused.value.reason
    assert refused.value.members["field"] == "instances[0].x"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param({"petal": 1}, "`instances[0]` lacks `colour`, `ring`", id="missing"),
        pytest.param(
            {"petal": 1, "colour": "", "ring": [1, 2], "leaf": 1},
            "`instances[0].leaf`: there is no such input; there are `petal`, `colour`, `ring`",
            id="unknown",
        ),
        pytest.param(
            [1, 2], "is [1, 2]: an object with `petal`, `colour`, `ring` is expected", id="list"
        ),
        pytest.param(b"\x89PNG", 'as JSON: {"instances": [{"<input>": <value>, …}]}', id="file"),
    ],
)
def test_an_instance_with_other_inputs_is_told_which_there_are(given: object, told: str):
    with pytest.raises(GivenError) as refused:
        parsed(given)
    assert told in refused.value.reason


def shown(**outputs: Any) -> dict[str, Any]:
    """Return what an answer says of outputs."""
    outcome = Outcome({name: np.array(*value) for name, value in outputs.items()}, {})
    return VALUES.members(outcome, Parameters())["outputs"]


def test_outputs_are_json_as_short_as_tells_them_apart():
    assert shown(
        probability=([0.1, 1 / 3], np.float32),
        whole=(7, np.int64),
        label=([b"a", "ø".encode(), b"\xff"], object),
        lost=([np.nan, np.inf, 1.5], np.float64),
        lost_too=([np.nan, 0.1], np.float32),
        is_so=(True,),
    ) == {
        "probability": [0.1, 0.33333334],
        "whole": 7,
        "label": ["a", "ø", {"b64": "/w=="}],
        "lost": [None, None, 1.5],
        "lost_too": [None, 0.1],
        "is_so": True,
    }


@pytest.mark.parametrize(
    ("golden", "told"),
    [
        pytest.param({"x": [1.0, 2.001], "y": "a"}, None, id="near"),
        pytest.param({"x": [1.0, 2.1], "y": "a"}, "x is [1.0, 2.0], not [1.0, 2.1]", id="far"),
        pytest.param({"y": "b"}, 'y is "a", not "b"', id="other text"),
        pytest.param({"x": [1.0]}, "x is [1.0, 2.0], not [1.0]", id="shorter"),
        pytest.param({"z": 1}, "there is no output 'z'; there are x, y", id="no such"),
    ],
)
def test_a_golden_is_reproduced_up_to_a_thousandth(golden: dict[str, Any], told: str | None):
    outcome = Outcome({"x": np.array([1.0, 2.0]), "y": np.array(b"a", object)}, {})
    assert VALUES.difference(VALUES.golden({"outputs": golden}), outcome) == told
