"""Requests of other protocols, changed by chance: each is answered, or refused in their dialect."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests import chance
from tests.app.api.test_v1 import MIXED
from tests.app.api.test_v2 import HEADER, X, mixed

_LEAVES: list[Any] = [
    *(0, 1, -1, 1.5, 1e308, float("inf"), float("nan"), True, None, 10**30, 2**63, 2**64),
    *("", "a", "\ud800", "é", [], {}, [[]], [1, [2]], ["a", 1]),
    *({"b64": "AA=="}, {"b64": "!"}, {"b64": 1}, {"x": 1}),
]
_NAMES = ["name", "shape", "x", "parameters", "signature_name", "context", "id", "outputs"]
_PIXELS = {"name": "i", "shape": [1, 2, 2, 3], "datatype": "UINT8", "data": [0] * 12}
_REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("/v1/models/half_plus_two:predict", {"instances": [1.0, [2.0], {"x": [3]}]}),
    ("/v1/models/mixed:predict", {"instances": [MIXED, MIXED]}),
    ("/v1/models/mixed:predict", {"inputs": {name: [value] for name, value in MIXED.items()}}),
    ("/v1/models/whole:predict", {"inputs": {"matrix": [[1, 2], [3, 4]]}}),
    (
        "/v1/models/half_plus_two:regress",
        {"examples": [{"x": 1.0}], "context": {"y": "a"}, "signature_name": "length"},
    ),
    ("/v1/models/street:predict", {"instances": [{"b64": "AAAA"}], "parameters": {}}),
    (
        "/v2/models/half_plus_two/infer",
        {
            "inputs": [X],
            "outputs": [{"name": "y", "parameters": {"binary_data": True}}],
            "parameters": {"binary_data_output": True},
        },
    ),
    ("/v2/models/mixed/infer", {"inputs": mixed(2)}),
    ("/v2/models/street/infer", {"inputs": [_PIXELS], "parameters": {"min_score": 0.5}}),
]


def changed(value: Any, dice: random.Random) -> Any:
    """Return a document with a part of it put in another's place, taken out or added."""
    if dice.random() < 0.15 or not isinstance(value, dict | list):
        return dice.choice(_LEAVES)
    if isinstance(value, list):
        value = [*value, dice.choice(_LEAVES)] if dice.random() < 0.15 else [*value]
        if value:
            place = dice.randrange(len(value))
            value[place] = changed(value[place], dice)
        return value
    value = {**value}
    if value:
        name = dice.choice([*value])
        value[name] = changed(value.pop(name), dice)
    if dice.random() < 0.1:
        value[dice.choice(_NAMES)] = dice.choice(_LEAVES)
    return value


@pytest.mark.usefixtures("arithmetic")
def test_whatever_is_sent_is_answered_or_refused_in_the_protocols_dialect(
    start_app: Callable[..., Flask],
):
    client = start_app().test_client()
    dice = random.Random(chance.seed())
    statuses: Counter[int] = Counter()
    for _ in range(chance.times(1000)):
        path, document = dice.choice(_REQUESTS)
        for _ in range(dice.randint(0, 3)):
            document = changed(document, dice)
        header = json.dumps(document).encode()
        body = header + dice.randbytes(dice.choice([0, 0, 0, 12]))
        headers = {HEADER: str(len(header))} if path.startswith("/v2") else {}
        response = client.post(path, data=body, headers=headers)
        statuses[response.status_code] += 1
        if response.status_code != 200:
            told = json.loads(response.data)
            assert (response.status_code, list(told)) == (400, ["error"]), (told, path, body)
    assert statuses[200] > 50
    assert statuses[400] > 50
