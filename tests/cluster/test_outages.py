"""What is down for a while, and messages that never work: delivered again, or put aside."""

from __future__ import annotations

import json

import pytest

from tests.cloud_function.samples import REPOSITORY
from tests.cluster.conftest import PatchyBuildApi
from tests.cluster.gate import Gate
from tests.cluster.pubsub import FEW_ATTEMPTS
from tests.cluster.site import Site
from tests.cluster.stage import Stage

pytestmark = pytest.mark.cluster


def _fails(site: Site, times: int) -> None:
    """Wait until the API server could not be asked so often."""
    function = site.function
    assert function
    site.until(lambda: len(function.lines("transient")) >= times, f"{times} failures")


def test_a_message_while_the_api_server_is_down_comes_back_by_retry(start_site: Stage, gate: Gate):
    with start_site(gate=gate) as site:
        gate.close()
        digest = site.built("second")
        site.publish("second")
        _fails(site, 3)
        assert not site.serving() & {f"{REPOSITORY}@{digest}"}
        gate.open()
        site.ended("live")
        assert site.serving() == {f"{REPOSITORY}@{digest}"}
        assert site.bus
        assert site.bus.dead_letters() == []


def test_a_rollout_that_loses_the_api_server_half_way_is_taken_up_again(
    start_site: Stage, gate: Gate
):
    with start_site(gate=gate) as site:
        digest = site.built("second", HELD="1")
        before = site.revision
        site.publish("second")
        site.rolling("second")
        site.until(lambda: site.events() == ["RollingOut"], "the Event")
        gate.close()
        _fails(site, 2)
        gate.open()
        site.release(digest)
        site.ended("live")
        assert site.revision == before + 1
        assert site.serving() == {f"{REPOSITORY}@{digest}"}
        assert site.events() == ["RolledOut", "RollingOut"]


def test_a_rollout_whose_function_is_killed_half_way_is_taken_up_by_the_next(site: Site):
    digest = site.built("second", HELD="1")
    before = site.revision
    site.publish("second")
    site.rolling("second")
    site.until(lambda: site.events() == ["RollingOut"], "the Event")
    assert site.function
    assert site.function.lines("outcome") == []
    site.function.die_and_start_anew()
    site.release(digest)
    site.ended("live")
    assert site.revision == before + 1
    assert site.serving() == {f"{REPOSITORY}@{digest}"}
    assert site.events() == ["RolledOut", "RollingOut"]


def test_a_poison_message_ends_in_the_dead_letter_topic_and_holds_nothing_up(
    start_site: Stage, build_api: PatchyBuildApi
):
    with start_site(attempts=FEW_ATTEMPTS) as site:
        assert site.bus
        site.built("poison", minute=1)
        digest = site.built("second", minute=2)
        build_api.down_for.add("poison")
        site.publish("poison", "second")
        site.ended("live")
        found: list[bytes] = []
        site.until(lambda: bool(found.extend(site.bus.dead_letters()) or found), "a dead letter")
        assert [json.loads(data)["id"] for data in found] == ["poison"]
        assert site.serving() == {f"{REPOSITORY}@{digest}"}


def test_what_nobody_can_read_is_logged_as_an_error_and_delivered_once(site: Site):
    assert site.bus
    assert site.function
    site.bus.publish_bytes(b"\x00 no build")
    site.built("second")
    site.publish("second")
    site.ended("live")
    (line,) = site.function.lines("permanent")
    assert line["severity"] == "ERROR"
    assert "not JSON" in line["message"]
    assert site.bus.dead_letters() == []
