"""Inputs in shared memory: what is passed can be read as long as it has to be."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from app.serving.buffers import Buffers, BuffersError, Mapped
from app.serving.packing import pack, unpack

IMAGE = np.random.default_rng(1).integers(0, 256, (30, 40, 3), np.uint8)
LARGE = np.random.default_rng(2).integers(0, 256, (900, 800, 3), np.uint8)
TEXTS = np.array([b"street", b""], object)


def fill(buffers: Buffers, **arrays: NDArray) -> int:
    return buffers.fill(*pack(arrays))


def read(descriptor: int, **arrays: NDArray) -> dict[str, NDArray]:
    """Return the arrays behind a descriptor, which are like those given."""
    layout, _ = pack(arrays)
    return unpack(layout, Mapped(descriptor, layout).data)


@pytest.fixture
def buffers() -> Buffers:
    return Buffers()


@pytest.fixture
def descriptor(buffers: Buffers) -> Iterator[int]:
    descriptor = fill(buffers, image=LARGE)
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize(
    "arrays",
    [
        pytest.param({"image": IMAGE}, id="small"),
        pytest.param({"image": LARGE}, id="large"),
        pytest.param({"image": IMAGE[::-1, ::2]}, id="view"),
        pytest.param({"text": TEXTS, "image": IMAGE, "width": np.array(3.5)}, id="several"),
        pytest.param({"none": np.zeros((0, 4), np.int64)}, id="empty"),
    ],
)
def test_tensors_are_the_same_on_the_other_side(buffers: Buffers, arrays: dict[str, NDArray]):
    for _ in range(3):
        descriptor = fill(buffers, **arrays)
        there = read(descriptor, **arrays)
        assert there.keys() == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(there[name], array, strict=True)
        buffers.keep(descriptor)


def test_inputs_outlive_their_descriptor(buffers: Buffers):
    descriptor = fill(buffers, image=IMAGE)
    there = read(descriptor, image=IMAGE)
    os.close(descriptor)
    np.testing.assert_array_equal(there["image"], IMAGE)


def test_memory_is_used_again_once_it_was_given_back_and_no_sooner(buffers: Buffers):
    first, second = fill(buffers, image=IMAGE), fill(buffers, image=IMAGE[::-1])
    there = read(first, image=IMAGE)
    buffers.keep(second)
    assert fill(buffers, image=IMAGE[:, ::-1]) == second
    np.testing.assert_array_equal(read(second, image=IMAGE)["image"], IMAGE[:, ::-1])
    np.testing.assert_array_equal(there["image"], IMAGE)
    for descriptor in (first, second):
        os.close(descriptor)


def test_memory_is_released_when_no_input_in_it_is_kept(descriptor: int):
    layout, _ = pack({"image": LARGE})
    memory = Mapped(descriptor, layout)
    kept = unpack(layout, memory.data)["image"][0]
    assert not memory.release()
    np.testing.assert_array_equal(kept, LARGE[0])
    del kept
    assert memory.release()


def test_little_memory_is_kept(buffers: Buffers):
    before = len(os.listdir("/proc/self/fd"))
    filled = [fill(buffers, image=IMAGE) for _ in range(20)]
    for descriptor in [*filled, fill(buffers, image=LARGE)]:
        buffers.keep(descriptor)
    assert len(os.listdir("/proc/self/fd")) - before == 8
    for descriptor in [fill(buffers, image=IMAGE) for _ in range(8)]:
        assert os.fstat(descriptor).st_size == 2 << 20
        os.close(descriptor)


def test_memory_goes_with_its_client():
    before = len(os.listdir("/proc/self/fd"))
    buffers = Buffers()
    buffers.keep(fill(buffers, image=IMAGE))
    del buffers
    assert len(os.listdir("/proc/self/fd")) == before


def test_shared_memory_cannot_be_cut_off_nor_changed_by_who_reads_it(descriptor: int):
    with pytest.raises(PermissionError):
        os.ftruncate(descriptor, 0)
    with pytest.raises(ValueError, match="read-only"):
        read(descriptor, image=LARGE)["image"][0, 0] = 1


@pytest.mark.parametrize(
    "count", [pytest.param(2160001, id="more"), pytest.param(1 << 62, id="absurd")]
)
def test_a_size_that_the_memory_does_not_have_is_refused(descriptor: int, count: int):
    with pytest.raises(BuffersError, match=f"2160000 bytes; {count} are announced"):
        Mapped(descriptor, [("image", "uint8", [count], count)])


def test_memory_that_could_shrink_is_refused():
    descriptor = os.memfd_create("test", os.MFD_ALLOW_SEALING)
    os.write(descriptor, IMAGE.tobytes())
    with pytest.raises(BuffersError, match="not sealed"):
        read(descriptor, image=IMAGE)
    os.close(descriptor)


def test_a_pipe_is_no_shared_memory():
    ends = os.pipe()
    with pytest.raises(BuffersError, match="no shared memory"):
        read(ends[0], image=IMAGE)
    for end in ends:
        os.close(end)
