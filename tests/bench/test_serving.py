"""What `bench.serving` makes of its figures; no number is held to."""

from __future__ import annotations

from bench.peers.sides import FLASK, IRIS, OURS, PICTURE
from bench.serving_tables import Line, Outcome, goals, printed


def outcome(name: str, workers: int, rate: float, p99_ms: float) -> Outcome:
    """Return a side that answers flowers, and half as many pictures."""
    title = f"{name}, {workers}"
    lines = [
        Line(title, asked, 128, times * rate, 0, 0, p99_ms / 3, p99_ms / 2, p99_ms)
        for asked, times in ((IRIS, 1.0), (PICTURE, 0.5))
    ]
    return Outcome(name, workers, title, 3.0, 500.0, lines=lines)


def test_goals_are_held_to_the_best_peer_at_its_own_best_number_of_workers():
    sides = [
        outcome(OURS, 2, 3000, 50),
        outcome(FLASK, 2, 2900, 60),
        outcome("KServe", 1, 1000, 300),
        outcome("KServe", 2, 2100, 90),
        outcome("LitServe", 2, 1800, 400),
    ]
    rows = [(row["beside"], row["is"], row["holds"]) for row in goals(sides)]
    assert rows == [
        ("KServe, 2", "1.43", "no"),
        ("KServe, 2", "1.43", "no"),
        (f"{FLASK}, 2", "1.03", "yes"),
        ("KServe, 2", "0.56", "no"),
    ]


def test_a_side_without_a_result_is_named_with_its_reason():
    absent = Outcome("Ray Serve", 1, "Ray Serve, 1", trouble="no wheel for this Python")
    liar = outcome("LitServe", 1, 10, 10)
    liar.wrong[PICTURE] = "answers bag 0.9000 in place of ankle boot 0.9000"
    shown = printed([outcome(OURS, 2, 20, 5), absent, liar], {}, "load average 0.1", reason=None)
    assert "- Ray Serve, 1: no wheel for this Python" in shown
    assert "- LitServe, 1, fashion, picture: answers bag 0.9000 in place of" in shown


def test_sides_beside_which_others_did_more_are_held_to_no_goal():
    sides = [outcome(OURS, 2, 3000, 50), outcome("KServe", 1, 1000, 300)]
    shown = printed(sides, {}, "load average 5", reason="no ratio: others kept 1 core busy")
    assert "no ratio: others kept 1 core busy" in shown
    assert "holds" not in shown
