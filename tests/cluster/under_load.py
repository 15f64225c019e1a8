"""Rollouts in a row under steady traffic, from this machine and from a pod, counted to the last."""

from __future__ import annotations

from pathlib import Path

from tests.cloud_function.images import Images
from tests.cloud_function.samples import REPOSITORY
from tests.cluster.site import AS_SHIPPED, Site
from tests.cluster.stage import Stage
from tests.cluster.traffic import Report, from_a_pod, from_here


def roll_out_under_load(
    start_site: Stage, images: Images, folder: Path, *, rollouts: int
) -> dict[str, Report]:
    """Roll out `build-1`, `build-2` … as the manifests have it; return what the clients counted.

    `folder` takes their log. By where they ask: a NodePort from outside, a ClusterIP from inside.
    """
    program = f"{REPOSITORY}@{images.registry.push(VERSION='load')}"
    with start_site(AS_SHIPPED) as site:
        site.answers_as("first")
        with (
            from_here(images.program, site.node_port(), folder / "load.log") as outside,
            from_a_pod(site, program) as inside,
        ):
            for number in range(1, rollouts + 1):
                _roll_out(site, number)
            outside.grow(100)
            inside.grow(100)
            return {"NodePort": outside.report(), "ClusterIP": inside.report()}


def _roll_out(site: Site, number: int) -> None:
    """Roll one build out, until the last pod of the one before is gone."""
    build_id = f"build-{number}"
    digest = site.built(build_id)
    site.publish(build_id)
    assert site.outcomes(number)[-1] == ("live", "complete")
    site.until(lambda: len(site.pods()) == 2, "the end of the old pods")
    assert site.serving() == {f"{REPOSITORY}@{digest}"}
