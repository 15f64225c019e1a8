"""People and controllers that change the Deployment in mid-rollout: what they have set stays."""

from __future__ import annotations

import pytest

from tests.cloud_function.namespace import NAME
from tests.cloud_function.samples import REPOSITORY
from tests.cluster.site import Form, Site
from tests.cluster.stage import Stage

pytestmark = pytest.mark.cluster


def _replicas(site: Site) -> int:
    return int(site.deployment()["spec"]["replicas"])


def test_a_number_of_pods_set_by_hand_in_mid_rollout_is_kept(site: Site):
    digest = site.built("second", HELD="1")
    site.publish("second")
    site.rolling("second")
    site.kubectl("scale", "deployment", NAME, "--replicas=3")
    site.release(digest)
    assert site.outcomes(1) == [("live", "complete")]
    assert _replicas(site) == 3
    assert site.serving() == {f"{REPOSITORY}@{digest}"}


def test_a_number_of_pods_set_by_the_autoscaler_in_mid_rollout_is_kept(start_site: Stage):
    # Longer than the autoscaler takes to come by, which it does every 15 s.
    with start_site(Form(autoscales=True, deadline_s=120)) as site:
        digest = site.built("second", HELD="1")
        site.publish("second")
        site.rolling("second")
        wanted = '{"spec":{"minReplicas":3,"maxReplicas":4}}'
        site.kubectl("patch", "horizontalpodautoscaler", NAME, "-p", wanted)
        site.until(lambda: _replicas(site) == 3, "the autoscaler")
        assert site.remembered["state"] == "rolling"
        site.release(digest)
        assert site.outcomes(1) == [("live", "complete")]
        assert _replicas(site) == 3
        assert site.serving() == {f"{REPOSITORY}@{digest}"}


def test_a_variable_that_somebody_sets_in_mid_rollout_survives(site: Site):
    held = site.built("second", HELD="1")
    site.publish("second")
    site.rolling("second")
    site.kubectl("set", "env", f"deployment/{NAME}", "THEIRS=kept")
    site.release(held)
    assert site.outcomes(1) == [("live", "complete")]
    digest = site.built("third")
    site.publish("third")
    assert site.outcomes(2)[1] == ("live", "complete")
    (container,) = site.deployment()["spec"]["template"]["spec"]["containers"]
    assert {"name": "THEIRS", "value": "kept"} in container["env"]
    assert container["image"] == f"{REPOSITORY}@{digest}"
