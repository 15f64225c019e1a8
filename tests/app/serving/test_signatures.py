"""Inputs are what a model's signature says, or are refused with what is expected."""

from __future__ import annotations

import numpy as np
import pytest

from app.kinds.kind import Field, InputError, Signature
from app.serving.packing import PackingError, pack
from app.serving.signatures import check_inputs

SIGNATURE = Signature(
    inputs=(
        Field("text", "bytes", (None,), "text"),
        Field("picture", "uint8", (None, None, 3), "picture"),
        Field("age", "float32", ()),
    ),
    outputs=(),
)
FIT = {
    "text": np.array([b"street"], object),
    "picture": np.zeros((2, 4, 3), np.uint8),
    "age": np.array(7, np.float32),
}


def test_what_fits_is_taken():
    check_inputs(SIGNATURE, FIT)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param(
            {"colour": np.zeros(1)},
            "there is no input 'colour'; there are age, picture, text",
            id="one more",
        ),
        pytest.param(
            {"age": np.array(7)}, "'age' is of int64; float32 is expected", id="another number"
        ),
        pytest.param(
            {"text": np.array([7])}, "'text' is of int64; bytes is expected", id="no text"
        ),
        pytest.param(
            {"age": np.zeros((1, 2), np.float32)}, "'age' is 1 x 2; a scalar", id="no scalar"
        ),
        pytest.param(
            {"picture": np.zeros((2, 4, 4), np.uint8)},
            "'picture' is 2 x 4 x 4; any x any x 3 is expected",
            id="another shape",
        ),
        pytest.param(
            {"picture": np.zeros((0, 4, 3), np.uint8)}, "'picture' is 0 x 4 x 3", id="nothing in it"
        ),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, np.ndarray], error: str):
    with pytest.raises(InputError, match=error):
        check_inputs(SIGNATURE, FIT | change)


def test_an_input_that_is_not_there_is_named():
    with pytest.raises(InputError, match="the input 'age' is not there"):
        check_inputs(SIGNATURE, {name: FIT[name] for name in ("text", "picture")})


@pytest.mark.parametrize(
    ("array", "error"),
    [
        pytest.param(np.zeros(1, complex), "x is of complex128", id="no real number"),
        pytest.param(np.array(["a"]), "x is of <U1", id="text that is no bytes"),
        pytest.param(np.array([b"a", 1], object), "x holds something else than bytes", id="mixed"),
    ],
)
def test_what_cannot_be_sent_is_named(array: np.ndarray, error: str):
    with pytest.raises(PackingError, match=error):
        pack({"x": array})
