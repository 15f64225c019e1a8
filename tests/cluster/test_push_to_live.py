"""From a finished build's message to pods that serve its image, by way of all that is between."""

from __future__ import annotations

import pytest

from tests.cloud_function.namespace import NAME
from tests.cloud_function.samples import REPOSITORY, build_document
from tests.cluster.site import Site

pytestmark = pytest.mark.cluster


def test_a_published_build_serves_by_digest_and_the_pods_logs_say_its_version(site: Site):
    first = site.image.rpartition("@")[2]
    digest = site.built("second")
    site.publish("second")
    assert site.outcomes(1) == [("live", "complete")]
    assert site.build_api.tags == {"live": digest, "previous": first}
    assert site.image == f"{REPOSITORY}@{digest}"
    assert site.serving() == {f"{REPOSITORY}@{digest}"}
    site.answers_as("second")
    assert site.logs() == ["version second\n"] * 2
    assert site.remembered["build-id"] == "second"
    history = site.kubectl("rollout", "history", f"deployment/{NAME}")
    assert f"build second of refs/heads/main at {'a' * 40}" in history


def test_the_same_message_ten_times_at_once_is_one_rollout(site: Site):
    before = site.revision
    site.built("second")
    site.publish(*["second"] * 10)
    results = {result for result, _ in site.outcomes(10)}
    assert results <= {"live", "skipped"}
    assert site.revision == before + 1
    assert site.events() == ["RolledOut", "RollingOut"]
    history = site.kubectl("rollout", "history", f"deployment/{NAME}")
    assert history.count("build second of") == 1


def test_an_older_build_whose_message_is_late_changes_nothing(site: Site):
    site.built("older", minute=1)
    newer = site.built("newer", minute=2)
    site.publish("newer")
    site.outcomes(1)
    before = site.revision
    site.publish("older")
    assert site.outcomes(2)[1] == ("skipped", "superseded")
    assert site.revision == before
    assert site.image == f"{REPOSITORY}@{newer}"
    site.answers_as("newer")


@pytest.mark.parametrize("order", [("older", "newer"), ("newer", "older")], ids="-then-".join)
def test_of_two_builds_that_race_the_newer_one_serves(order: tuple[str, str], site: Site):
    site.built("older", minute=1)
    newer = site.built("newer", minute=2)
    site.publish(*order)
    site.outcomes(2)
    site.settle()
    assert site.remembered["build-id"] == "newer"
    assert site.serving() == {f"{REPOSITORY}@{newer}"}
    site.answers_as("newer")


def test_builds_of_other_services_are_told_to_nobody_and_hold_nothing_up(site: Site):
    web = "europe-west1-docker.pkg.dev/my-project/slipway/web"
    failed = build_document("b", images=[f"{web}:main"], results={}, status="FAILURE")
    terraform = build_document("c", images=[], results={}, buildTriggerId="terraform")
    for document in (failed, terraform):
        site.build_api.add(document)
    site.publish("build-b", "build-c")
    assert sorted(site.outcomes(2)) == [("skipped", "other-build"), ("skipped", "other-image")]
    assert site.events() == []
    digest = site.built("second")
    site.publish("second")
    assert site.outcomes(3)[2] == ("live", "complete")
    assert site.image == f"{REPOSITORY}@{digest}"
    assert site.events() == ["RolledOut", "RollingOut"]
