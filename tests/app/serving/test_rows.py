"""Several inputs of one request: they take one place, go in one message, and may share passes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from app.kinds.mask_rcnn.tensors import PICTURE
from app.serving.client import InferenceClient
from app.serving.errors import InferenceFailed, InferenceTimeout, InputRefused
from app.serving.lane import Lane
from app.serving.local_client import LocalClient
from app.serving.packing import PackingError, merged, parted
from tests.app.serving.gate import INPUTS, Gate, lane_of
from tests.app.serving.model_folder import Models


@pytest.fixture(params=["in this process", "over the socket"])
def client(
    request: pytest.FixtureRequest, models: Models, local_client: Callable[..., LocalClient], host
) -> InferenceClient:
    """Return a client of `street`, which takes pictures of at most 60 x 80 pixels."""
    models.add("street.h5", threshold=100, max_molded_pixels=4800)
    if request.param == "in this process":
        return local_client()
    process = host()
    process.wait_until_ready()
    return process.client


def classes(client: InferenceClient, *pictures: np.ndarray) -> list[list[int]]:
    """Return the classes that are found on each picture."""
    with contextlib.closing(client.enter()) as turn:
        predictions = turn.predict_all([{PICTURE: picture} for picture in pictures])
    assert {(one.model, one.version) for one in predictions} == {("street", 1)}
    return [one.result["class_ids"].tolist() for one in predictions]


def test_each_row_has_its_own_answer_in_their_order(client: InferenceClient, photo: np.ndarray):
    dark = np.zeros_like(photo)
    assert classes(client, photo, dark, photo) == [[1, 3], [], [1, 3]]


def test_rows_may_be_of_several_shapes(client: InferenceClient, photo: np.ndarray):
    assert classes(client, photo, photo[:39], photo[:, :49]) == [[1, 3], [1], [1]]


def test_of_several_rows_the_one_that_is_refused_is_told(
    client: InferenceClient, photo: np.ndarray
):
    large = np.zeros((61, 80, 3), np.uint8)
    with pytest.raises(InputRefused) as refused:
        classes(client, photo, large)
    assert (refused.value.row, refused.value.value) == (1, 4880)
    assert classes(client, photo) == [[1, 3]]


@pytest.fixture
def lane(gate: Gate) -> Iterator[Lane]:
    gate.is_open.set()
    yield from lane_of(gate, limit=1, max_batch=3)


def test_rows_take_one_place_and_share_passes(lane: Lane, gate: Gate):
    with contextlib.closing(lane.enter(timeout_s=10)) as place:
        outcomes = place.wait([INPUTS] * 5, {"number": 7, "key": "a"}).found()
    assert [len(one) for one in gate.passes] == [3, 2]
    assert [outcome.result["y"][0] for outcome in outcomes] == [7] * 5


def test_once_one_row_has_failed_no_other_is_predicted(lane: Lane, gate: Gate):
    gate.fails_on = 7
    with (
        contextlib.closing(lane.enter(timeout_s=10)) as place,
        pytest.raises(InferenceFailed, match="number 7"),
    ):
        place.wait([INPUTS] * 5, {"number": 7}).found()
    lane.close()
    assert len(gate.passes) == 1


def test_rows_that_nobody_waits_for_any_more_are_not_predicted(lane: Lane, gate: Gate):
    gate.is_open.clear()
    with (
        contextlib.closing(lane.enter(timeout_s=0.2)) as place,
        pytest.raises(InferenceTimeout, match=r"within 0.2 s"),
    ):
        place.wait([INPUTS] * 5, {"number": 7})
    gate.is_open.set()
    lane.close()
    assert len(gate.passes) == 1


ROWS = [
    {"x": np.array([1, 2], np.int32), "y": np.array(b"a", object)},
    {"x": np.array([3, 4], np.int32), "y": np.array(b"", object)},
]


def test_rows_of_one_shape_are_stacked_and_others_numbered():
    stacked, is_stacked = merged(ROWS)
    assert (is_stacked, {name: one.shape for name, one in stacked.items()}) == (
        True,
        {"x": (2, 2), "y": (2,)},
    )
    numbered, is_stacked = merged([ROWS[0], {**ROWS[1], "x": np.array([3], np.int32)}])
    assert (is_stacked, sorted(numbered)) == (False, ["0/x", "0/y", "1/x", "1/y"])
    for tensors, stacks in ((stacked, True), (numbered, False)):
        first, second = parted(tensors, 2, stacks)
        assert (first["x"].tolist(), first["y"].item()) == ([1, 2], b"a")
        assert (second["x"][0], second["y"].item()) == (3, b"")


@pytest.mark.parametrize(
    ("tensors", "is_stacked"),
    [
        pytest.param({"x": np.zeros(3)}, True, id="another number of rows"),
        pytest.param({"x": np.zeros(())}, True, id="no rows"),
        pytest.param({"2/x": np.zeros(1)}, False, id="a row too many"),
        pytest.param({"x": np.zeros(1)}, False, id="no number"),
    ],
)
def test_what_is_not_of_its_rows_is_refused(tensors: dict[str, np.ndarray], is_stacked: bool):
    with pytest.raises(PackingError):
        parted(tensors, 2, is_stacked)
