"""People and controllers that change the Deployment too: what they have set stays."""

from __future__ import annotations

import pytest

from tests.cloud_function.namespace import NAME
from tests.cloud_function.samples import REPOSITORY
from tests.cluster.site import AS_SHIPPED, Form, Site
from tests.cluster.stage import Stage

pytestmark = pytest.mark.cluster


def _replicas(site: Site) -> int:
    return int(site.deployment()["spec"]["replicas"])


def test_a_number_of_pods_set_by_hand_in_mid_rollout_is_kept(start_site: Stage):
    with start_site(AS_SHIPPED) as site:
        digest = site.built("second")
        site.publish("second")
        site.rolling("second")
        site.kubectl("scale", "deployment", NAME, "--replicas=3")
        assert site.outcomes(1) == [("live", "complete")]
        assert _replicas(site) == 3
        assert site.serving() == {f"{REPOSITORY}@{digest}"}


def test_a_number_of_pods_set_by_the_autoscaler_in_mid_rollout_is_kept(start_site: Stage):
    with start_site(Form(is_quick=False, autoscales=True, deadline_s=120)) as site:
        # Long enough for the autoscaler to come by, which it does every 15 s.
        site.kubectl("patch", "deployment", NAME, "-p", '{"spec":{"minReadySeconds":25}}')
        site.settle()
        digest = site.built("second")
        site.publish("second")
        site.until(lambda: site.remembered.get("state") == "rolling", "the rollout")
        wanted = '{"spec":{"minReplicas":3,"maxReplicas":4}}'
        site.kubectl("patch", "horizontalpodautoscaler", NAME, "-p", wanted)
        site.until(lambda: _replicas(site) == 3, "the autoscaler")
        assert site.remembered["state"] == "rolling"
        assert site.outcomes(1, limit_s=200) == [("live", "complete")]
        assert _replicas(site) == 3
        assert site.serving() == {f"{REPOSITORY}@{digest}"}


def test_a_variable_that_somebody_sets_in_mid_rollout_survives(start_site: Stage):
    with start_site(AS_SHIPPED) as site:
        site.built("second")
        site.publish("second")
        site.rolling("second")
        site.kubectl("set", "env", f"deployment/{NAME}", "THEIRS=kept")
        assert site.outcomes(1) == [("live", "complete")]
        digest = site.built("third")
        site.publish("third")
        assert site.outcomes(2)[1] == ("live", "complete")
        (container,) = site.deployment()["spec"]["template"]["spec"]["containers"]
        assert {"name": "THEIRS", "value": "kept"} in container["env"]
        assert container["image"] == f"{REPOSITORY}@{digest}"


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
    site.publish("third")
    assert site.outcomes(4)[3] == ("live", "complete")
    assert site.image == f"{REPOSITORY}@{third}"


def test_an_undo_by_hand_in_mid_rollout_ends_it_and_is_not_overruled(start_site: Stage):
    with start_site(AS_SHIPPED) as site:
        first = site.image
        site.built("second")
        site.publish("second")
        site.rolling("second")
        site.kubectl("rollout", "undo", f"deployment/{NAME}")
        assert site.outcomes(1) == [("stopped", "changed-by-hand")]
        site.settle()
        site.publish("second")
        assert site.outcomes(2)[1] == ("skipped", "undone-by-hand")
        assert site.image == first


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
