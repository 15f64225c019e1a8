"""X-Request-Timeout: how long the sender of a request waits."""

from __future__ import annotations

import pytest

from app.api.headers import request_timeout_s
from app.api.problems import ProblemError


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(None, None, id="absent"),
        pytest.param("2.5", 2.5, id="seconds"),
        pytest.param("60", 60, id="the longest"),
        pytest.param("0.001", 0.001, id="the shortest"),
    ],
)
def test_the_time_that_a_sender_waits_is_read(given: str | None, expected: float | None):
    assert request_timeout_s(given, longest_s=60) == expected


@pytest.mark.parametrize(
    "value",
    ["", "soon", "nan", "inf", "-1", "0", "0.0001", "60.5", "1e999", "1,2", "1_0", "٣", "x" * 999],
)
def test_another_time_is_refused_with_header_value_and_limit(value: str):
    with pytest.raises(ProblemError) as refusal:
        request_timeout_s(value, longest_s=60)
    problem = refusal.value
    assert (problem.slug, problem.status) == ("invalid-parameter", 400)
    assert problem.members == {"field": "X-Request-Timeout", "value": value, "limit": 60}
    assert "'X-Request-Timeout'" in problem.detail
    assert repr(value[:80]) in problem.detail
    assert "from 0.001 to 60" in problem.detail
