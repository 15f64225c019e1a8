"""Mutated inputs, others in every run: none breaks the server or makes it hang."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from tests import chance
from tests.app.api.hostile.damaged import sound
from tests.app.api.hostile.passes import resident_bytes
from tests.app.api.hostile.sending import Hostile, check, served

pytestmark = pytest.mark.slow

PICTURES, QUERIES, DOCUMENTS, FORMS = map(chance.times, (800, 250, 250, 200))

_ANSWERS = frozenset({200, 400, 404, 406, 411, 413, 415, 422})
_PARAMETERS = (
    "model",
    "version",
    "min_score",
    "max_instances",
    "masks",
    "format",
    "render",
    "image_id",
)
# Numbers at the edges of what fields of one, two and four bytes hold.
_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def fuzz(examples: int):
    """Return what makes a test of so many examples, by this run's chance."""
    with_settings = settings(
        max_examples=examples,
        database=None,
        deadline=None,
        print_blob=True,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    return lambda test: seeded(chance.seed())(with_settings(test))


@pytest.fixture(scope="module")
def fuzzed_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with served(tmp_path_factory.mktemp("fuzz")) as app:
        yield app


class Memory:
    """The process's memory over one test's examples: the later half may not need much more."""

    def __init__(self, examples: int) -> None:
        self._examples = examples
        self._sent = 0
        self._halfway = 0

    def count(self) -> None:
        self._sent += 1
        if self._sent == self._examples // 2:
            self._halfway = resident_bytes()

    def check(self) -> None:
        assert self._sent >= self._examples, "not all examples were made"
        # The room is for what Hypothesis remembers.
        assert resident_bytes() < 1.05 * self._halfway + (48 << 20)


@st.composite
def mutated_pictures(draw: st.DrawFn) -> bytes:
    """Draw a small picture of any format, with a few of its bytes changed, moved or cut off."""
    data = bytearray(draw(st.sampled_from(sorted(sound().items())))[1])
    for _ in range(draw(st.integers(1, 6))):
        if not data:
            break
        # Headers are at the beginning, and most of what decoders believe is there.
        end = draw(st.sampled_from([min(64, len(data)), min(512, len(data)), len(data)]))
        place = draw(st.integers(0, end - 1))
        length = draw(st.integers(1, 64))
        match draw(st.sampled_from(["flip", "edge", "cut", "drop", "repeat", "random", "move"])):
            case "flip":
                data[place] ^= 1 << draw(st.integers(0, 7))
            case "edge":
                size = draw(st.sampled_from([1, 2, 4]))
                order = draw(st.sampled_from(["little", "big"]))
                number = draw(st.sampled_from(_EDGES)) % 256**size
                data[place : place + size] = number.to_bytes(size, order)
            case "cut":
                del data[place + length * length :]
            case "drop":
                del data[place : place + length]
            case "repeat":
                part = data[place : place + length]
                data[place:place] = part * draw(st.integers(1, 400))
            case "random":
                data[place : place + length] = draw(st.binary(min_size=length, max_size=length))
            case "move":
                part = data[place : place + length]
                del data[place : place + length]
                to = draw(st.integers(0, len(data)))
                data[to:to] = part
    return bytes(data)


def test_mutated_pictures_are_answered(fuzzed_app: Flask):
    memory = Memory(PICTURES)

    @fuzz(PICTURES)
    @given(mutated_pictures())
    def send(picture: bytes) -> None:
        memory.count()
        check(Hostile("mutated", _ANSWERS, picture).send(fuzzed_app), _ANSWERS)

    send()
    memory.check()


_names = st.one_of(st.sampled_from(_PARAMETERS), st.text(max_size=12))
_texts = st.one_of(
    st.sampled_from(["", "0", "1", "0.5", "rle", "png", "json", "coco", "street", "nan", "-1"]),
    st.text(max_size=40),
    st.integers().map(str),
    st.floats().map(str),
)
_raw_queries = st.text(st.characters(max_codepoint=255), max_size=80)
_queries = st.one_of(
    _raw_queries,
    st.lists(st.tuples(_names, _texts), max_size=6).map(
        lambda pairs: "&".join(f"{name}={value}" for name, value in pairs)
    ),
)


def test_queries_of_any_text_are_answered(fuzzed_app: Flask):
    memory = Memory(QUERIES)
    picture = sound()["png"]

    @fuzz(QUERIES)
    @given(_queries, _raw_queries)
    @example("format=png", "")
    def send(query: str, accept: str) -> None:
        memory.count()
        # A server hands on bytes, as Latin-1.
        query = query.encode(errors="replace").decode("latin-1")
        headers = {"Accept": accept}
        hostile = Hostile("query", _ANSWERS, picture, query=query, headers=headers)
        check(hostile.send(fuzzed_app), _ANSWERS)

    send()
    memory.check()


_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(codec=None), max_size=20),
    st.sampled_from(["rle", "png", "none", "street", "json", "coco"]),
)
_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
_b64 = st.one_of(
    st.deferred(mutated_pictures).map(lambda data: base64.b64encode(data).decode()),
    st.text(max_size=40),
)
_images = st.one_of(_values, st.fixed_dictionaries({"b64": st.one_of(_b64, _values)}))
_members = st.one_of(
    st.fixed_dictionaries({"image": _images}),
    st.fixed_dictionaries({"instances": st.one_of(_values, st.lists(_images, max_size=4))}),
    _values,
)
_parameters = st.dictionaries(_names, st.one_of(_scalars, _values), max_size=4)


def test_json_of_any_shape_is_answered(fuzzed_app: Flask):
    memory = Memory(DOCUMENTS)

    @fuzz(DOCUMENTS)
    @given(_members, _parameters, st.integers(0, 60), st.booleans())
    def send(members: object, parameters: dict, cut: int, is_cut: bool) -> None:
        memory.count()
        document = members | parameters if isinstance(members, dict) else members
        body = json.dumps(document).encode()
        body = body[: -cut or None] if is_cut else body
        check(Hostile("json", _ANSWERS, body, "application/json").send(fuzzed_app), _ANSWERS)

    send()
    memory.check()


_heads = st.one_of(
    st.just(b'Content-Disposition: form-data; name="image"; filename="a.png"'),
    st.binary(max_size=60),
    _names.map(lambda name: f'Content-Disposition: form-data; name="{name}"'.encode()),
)
_contents = st.one_of(st.just(sound()["png"]), st.binary(max_size=200), _texts.map(str.encode))
_ends = st.sampled_from([b"\r\n", b"\n", b"\r", b""])
_boundaries = st.sampled_from([b"--b", b"--b--", b"--c", b"-", b""])
_parts = st.lists(st.tuples(_boundaries, _ends, _heads, _ends, _ends, _contents, _ends), max_size=5)
_types = st.sampled_from(["; boundary=b", "; boundary=b", "; boundary=b", "; boundary=c", ""])


def test_forms_of_any_bytes_are_answered(fuzzed_app: Flask):
    memory = Memory(FORMS)

    @fuzz(FORMS)
    @given(_parts, _boundaries, _types)
    def send(parts: list[tuple[bytes, ...]], end: bytes, boundary: str) -> None:
        memory.count()
        body = b"".join(b"".join(part) for part in parts) + end
        hostile = Hostile("form", _ANSWERS, body, f"multipart/form-data{boundary}")
        check(hostile.send(fuzzed_app), _ANSWERS)

    send()
    memory.check()
