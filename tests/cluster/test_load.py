"""Rollouts under steady traffic, as the manifests have them: no request is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cloud_function.images import Images
from tests.cluster.stage import Stage
from tests.cluster.under_load import roll_out_under_load

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.alone]

#: `python -m bench.rollout --under-load` does as many as it is told.
ROLLOUTS = 3


def test_three_rollouts_in_a_row_lose_no_request_with_new_connections_or_kept_ones(
    start_site: Stage, images: Images, tmp_path: Path
):
    reports = roll_out_under_load(start_site, images, tmp_path, rollouts=ROLLOUTS)
    versions = {"first", *(f"build-{number}" for number in range(1, ROLLOUTS + 1))}
    for report in reports.values():
        for counts in report.values():
            assert counts["failures"] == []
            assert set(counts["versions"]) == versions
