"""Rollouts under steady traffic, as the manifests have them: no request is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cloud_function.samples import REPOSITORY
from tests.cluster.images import Images
from tests.cluster.site import AS_SHIPPED, Site
from tests.cluster.stage import Stage
from tests.cluster.traffic import Report, from_a_pod, from_here

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.alone]

ROLLOUTS = 10


def _roll_out(site: Site, number: int) -> None:
    """Roll one build out, until the last pod of the one before is gone."""
    build_id = f"build-{number}"
    digest = site.built(build_id)
    site.publish(build_id)
    assert site.outcomes(number)[-1] == ("live", "complete")
    site.until(lambda: len(site.pods()) == 2, "the end of the old pods")
    assert site.serving() == {f"{REPOSITORY}@{digest}"}


def _lines(name: str, report: Report) -> list[str]:
    return [
        f"{name:10} {way:5} {counts['answered']:6} answered, {counts['failed']} failed,"
        f" p50 {counts['p50_ms']:.1f} ms, p99 {counts['p99_ms']:.1f} ms,"
        f" longest {counts['longest_ms']:.1f} ms"
        for way, counts in sorted(report.items())
    ]


def test_ten_rollouts_in_a_row_lose_no_request_with_new_connections_or_kept_ones(
    start_site: Stage,
    images: Images,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    program = f"{REPOSITORY}@{images.registry.push(VERSION='load')}"
    with (
        start_site(AS_SHIPPED) as site,
        from_here(images.program, site.node_port(), tmp_path / "load.log") as outside,
        from_a_pod(site, program) as inside,
    ):
        for number in range(1, ROLLOUTS + 1):
            _roll_out(site, number)
        outside.grow(100)
        inside.grow(100)
        reports = {"NodePort": outside.report(), "ClusterIP": inside.report()}
    with capsys.disabled():
        print(f"\n{ROLLOUTS} rollouts under load:")
        for name, report in reports.items():
            print("\n".join(_lines(name, report)))
    versions = {"first", *(f"build-{number}" for number in range(1, ROLLOUTS + 1))}
    for report in reports.values():
        for counts in report.values():
            assert counts["failures"] == []
            assert set(counts["versions"]) == versions
