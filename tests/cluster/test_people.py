"""People who take a rollout back or stop it: so it stays until a person says otherwise."""

from __future__ import annotations

import pytest

from tests.cloud_function.namespace import NAME
from tests.cloud_function.samples import REPOSITORY
from tests.cluster.site import Site

pytestmark = pytest.mark.cluster


def test_an_undo_by_hand_stays_undone_whatever_is_built_until_a_person_resumes(site: Site):
    site.built("second")
    first = site.image
    site.publish("second")
    site.outcomes(1)
    site.kubectl("rollout", "undo", f"deployment/{NAME}")
    site.settle()
    third = site.built("third")
    site.publish("second", "third")
    assert site.outcomes(3)[1:] == [("skipped", "undone-by-hand")] * 2
    assert site.image == first
    assert site.serving() == {first}

    assert site.cli("resume") == 0
    site.publish("second")
    assert site.outcomes(4)[3] == ("skipped", "already-decided")
    site.publish("third")
    assert site.outcomes(5)[4] == ("live", "complete")
    assert site.image == f"{REPOSITORY}@{third}"


def test_an_undo_by_hand_in_mid_rollout_ends_it_and_is_not_overruled(site: Site):
    first = site.image
    site.built("second", HELD="1")
    site.publish("second")
    site.rolling("second")
    site.kubectl("rollout", "undo", f"deployment/{NAME}")
    assert site.outcomes(1) == [("stopped", "changed-by-hand")]
    site.settle()
    site.publish("second")
    assert site.outcomes(2)[1] == ("skipped", "undone-by-hand")
    assert site.image == first
    assert "RolledBack" not in site.events()


def test_a_hold_stops_builds_until_a_person_resumes(site: Site):
    first = site.image
    site.kubectl("annotate", "deployment", NAME, "slipway.dev/hold=launch day")
    digest = site.built("second")
    site.publish("second")
    assert site.outcomes(1) == [("skipped", "held")]
    assert site.image == first
    assert "held: launch day" in site.kubectl("describe", "deployment", NAME)

    assert site.cli("resume") == 0
    site.publish("second")
    assert site.outcomes(2)[1] == ("live", "complete")
    assert site.image == f"{REPOSITORY}@{digest}"

    assert site.cli("hold", "not before noon") == 0
    site.built("third")
    site.publish("third")
    assert site.outcomes(3)[2] == ("skipped", "held")
    assert site.image == f"{REPOSITORY}@{digest}"
    assert "held: not before noon" in site.kubectl("describe", "deployment", NAME)
