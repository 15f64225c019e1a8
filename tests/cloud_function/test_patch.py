"""A patch holds our containers' images, our annotations and the version it was decided on."""

from __future__ import annotations

from typing import Any

import pytest

from rollout import changes, state
from rollout.build import Image
from rollout.deployment import DeploymentSnapshot, patch_of
from rollout.errors import PermanentError
from rollout.snapshot import Containers
from tests.cloud_function.samples import (
    REPOSITORY,
    a_build,
    a_target,
    deployment,
    digest,
    image,
    replica_set,
    rolled_out,
)


def _rolled(snapshot: DeploymentSnapshot, letter: str = "b", minute: int = 5) -> changes.Change:
    wanted = Image(REPOSITORY, digest(letter))
    return changes.roll(a_build(letter, minute), snapshot, a_target(), wanted)


def test_a_patch_sets_images_and_annotations_and_nothing_else():
    before = rolled_out("a")
    body = patch_of(before, _rolled(before))
    assert set(body) == {"metadata", "spec"}
    assert set(body["metadata"]) == {"resourceVersion", "annotations"}
    assert body["metadata"]["resourceVersion"] == "42"
    assert body["spec"] == {
        "template": {"spec": {"containers": [{"name": "ml-model", "image": image("b")}]}}
    }
    names = set(body["metadata"]["annotations"]) - {"kubernetes.io/change-cause"}
    assert all(name.startswith("slipway.dev/") for name in names)


def test_every_container_of_the_repository_is_set_and_no_other():
    several = deployment(image("a"))
    pod = several["spec"]["template"]["spec"]
    pod["containers"].append({"name": "proxy", "image": "eu.gcr.io/p/proxy:v1"})
    pod["initContainers"] = [{"name": "warm", "image": image("a")}]
    before = DeploymentSnapshot(several)
    spec = patch_of(before, _rolled(before))["spec"]["template"]["spec"]
    assert spec["containers"] == [{"name": "ml-model", "image": image("b")}]
    assert spec["initContainers"] == [{"name": "warm", "image": image("b")}]


def _with_init(*init: str, live: str = "eu.gcr.io/p/web:v1") -> dict[str, Any]:
    """Return a Deployment whose init containers m0, m1 … have these images."""
    found = deployment(live)
    found["spec"]["template"]["spec"]["initContainers"] = [
        {"name": f"m{number}", "image": each} for number, each in enumerate(init)
    ]
    return found


@pytest.mark.parametrize(
    "variables",
    [{}, {"CONTAINER": "m1"}, {"IMAGE_REPOSITORY": REPOSITORY}],
    ids=["found by its image", "CONTAINER", "IMAGE_REPOSITORY"],
)
def test_an_image_of_ours_that_is_only_in_an_init_container_is_rolled_out_there(
    variables: dict[str, str],
):
    found = DeploymentSnapshot(_with_init("eu.gcr.io/p/wait:v1", image("a")))
    target = a_target(**variables)
    wanted = Image(REPOSITORY, digest("b"))
    change = changes.roll(a_build("b", 5), found, target, wanted)
    init = [{"name": "m1", "image": image("b")}]
    assert patch_of(found, change)["spec"] == {"template": {"spec": {"initContainers": init}}}
    assert change.state.previous_image == image("a")


def test_an_init_container_goes_back_to_the_image_before_it():
    rolling = _with_init(image("b"))
    rolling["metadata"]["annotations"] |= rolled_out(
        "b", state="rolling", previous_image=image("a")
    ).deployment["metadata"]["annotations"]
    before = DeploymentSnapshot(rolling)
    change, good = changes.restore(before, a_target(), "it crashed")
    spec = patch_of(before, change)["spec"]
    init = [{"name": "m0", "image": image("a")}]
    assert (good, spec) == (image("a"), {"template": {"spec": {"initContainers": init}}})


def test_an_image_that_somebody_set_in_an_init_container_is_a_change_by_hand():
    found = _with_init(image("c"))
    found["metadata"]["annotations"] |= rolled_out("b").deployment["metadata"]["annotations"]
    assert DeploymentSnapshot(found).is_changed(a_target())
    found["spec"]["template"]["spec"]["initContainers"][0]["image"] = image("b")
    assert not DeploymentSnapshot(found).is_changed(a_target())


def test_where_an_init_container_alone_has_our_image_the_only_container_is_not_ours():
    found = DeploymentSnapshot(_with_init(image("a")))
    named = found.containers(a_target(IMAGE_REPOSITORY=REPOSITORY), REPOSITORY)
    assert named == Containers("m0", (), ("m0",))


def test_a_container_put_in_to_debug_is_never_chosen():
    found = deployment("eu.gcr.io/p/web:v1")
    debugger = {"name": "debugger", "image": image("a")}
    found["spec"]["template"]["spec"]["ephemeralContainers"] = [debugger]
    assert DeploymentSnapshot(found).containers(a_target(), REPOSITORY) is None
    assert DeploymentSnapshot(found).containers(a_target(CONTAINER="debugger"), REPOSITORY) is None


def test_resuming_takes_over_what_stands_in_the_container_that_had_our_image():
    found = _with_init("eu.gcr.io/p/theirs:v1")
    found["metadata"]["annotations"] |= rolled_out("b").deployment["metadata"]["annotations"]
    before = replica_set(1, "eu.gcr.io/p/web:v1")
    before["spec"]["template"] = _with_init(image("b"))["spec"]["template"]
    adopted = changes.adopt(DeploymentSnapshot(found, (before,)), a_target()).state
    assert adopted.image == "eu.gcr.io/p/theirs:v1"


def test_an_image_that_is_not_to_blame_goes_back_without_quarantine():
    rolling = rolled_out("c", state="rolling", previous_image=image("a"))
    change, good = changes.restore(rolling, a_target(), "denied", is_images_fault=False)
    restored = change.state
    assert good == image("a")
    assert (restored.phase, restored.quarantined) == (state.Phase.ROLLED_BACK, ())


def test_what_was_good_stays_known_when_a_rollout_is_overtaken_on_its_way():
    assert _rolled(rolled_out("a", state="live")).state.previous_image == image("a")
    overtaken = rolled_out("a", state="rolling", previous_image=image("0"))
    assert _rolled(overtaken).state.previous_image == image("0")


def test_the_same_digest_built_again_does_not_become_its_own_predecessor():
    assert _rolled(rolled_out("a"), "a", 9).state.previous_image == image("0")


def test_each_change_raises_the_serial_also_after_an_undo():
    assert _rolled(rolled_out("a", serial="3")).state.serial == 4
    left = replica_set(2, image("b"), serial="7")
    undone = DeploymentSnapshot(rolled_out("a", serial="3").deployment, (left,))
    assert _rolled(undone).state.serial == 8


def test_state_survives_being_written_and_read():
    known = state.State(
        serial=4,
        phase=state.Phase.FAILED,
        build_id="b",
        created_ns=1_763_719_200_123_456_789,
        trigger_id="trigger-1",
        image=image("a"),
        quarantined=(digest("a"), digest("b")),
        hold="why",
        overruled=(1_763_719_300_000_000_000, "n"),
        pending=state.Pending("c", image("c"), 1_763_719_200_000_000_001, 1_763_720_000),
    )
    written = {name: text for name, text in state.written(known).items() if text is not None}
    assert state.read(written) == known


def test_annotations_that_somebody_garbled_count_as_not_there():
    garbled = {"serial": "x", "state": "odd", "build-time": "?", "pending": "{"}
    assert state.read({f"slipway.dev/{name}": text for name, text in garbled.items()}) == (
        state.State()
    )


def test_quarantine_keeps_the_newest_and_each_once():
    known = state.State()
    for number in range(30):
        known = known.quarantine(f"sha256:{number}").quarantine("sha256:always")
    assert len(known.quarantined) == state.MOST_QUARANTINED
    assert known.quarantined[-2:] == ("sha256:29", "sha256:always")


def test_going_back_takes_the_images_of_the_replica_set_that_served():
    rolling = rolled_out("c", state="rolling", previous_image=image("a"))
    sets = (
        replica_set(1, image("a"), available=3),
        replica_set(2, image("b")),
        replica_set(3, image("c")),
    )
    change, good = changes.restore(
        DeploymentSnapshot(rolling.deployment, sets), a_target(), "it crashed"
    )
    assert good == image("a")
    assert change.images == {"ml-model": image("a")}
    restored = change.state
    assert restored.phase == state.Phase.ROLLED_BACK
    assert restored.quarantined == (digest("c"),)
    assert (restored.image, restored.reason) == (image("a"), "it crashed")
    assert restored.build_id == "build-c"


def test_without_a_memory_what_is_available_is_gone_back_to():
    rolling = rolled_out("c", state="rolling", previous_image="")
    sets = (
        replica_set(1, image("a"), available=3),
        replica_set(2, image("b")),
        replica_set(3, image("c")),
    )
    _, good = changes.restore(
        DeploymentSnapshot(rolling.deployment, sets), a_target(), "it crashed"
    )
    assert good == image("a")


def test_nothing_quarantined_is_gone_back_to():
    rolling = rolled_out("c", state="rolling", quarantined=digest("a"), previous_image="")
    sets = (replica_set(1, image("a"), available=3), replica_set(3, image("c")))
    change, good = changes.restore(
        DeploymentSnapshot(rolling.deployment, sets), a_target(), "it crashed"
    )
    assert good == ""
    assert change.images == {}
    assert change.state.phase == state.Phase.FAILED


def test_a_failure_is_only_reported_where_that_is_wanted():
    rolling = rolled_out("c", state="rolling", previous_image=image("a"))
    change, good = changes.restore(rolling, a_target(ON_FAILURE="report"), "it crashed")
    assert (good, change.images) == ("", {})


def test_a_long_reason_is_cut_so_that_annotations_have_room():
    change, _ = changes.restore(rolled_out("a", state="rolling"), a_target(), "x" * 100_000)
    assert len(change.state.reason) == 1000


def test_resuming_takes_over_what_is_live_and_ends_every_hold():
    changed = DeploymentSnapshot(deployment(image("f"), image=image("a"), hold="no", serial="3"))
    adopted = changes.adopt(changed, a_target()).state
    assert (adopted.image, adopted.hold, adopted.serial) == (image("f"), "", 4)


def test_without_a_container_of_ours_nothing_is_patched():
    foreign = DeploymentSnapshot(deployment("eu.gcr.io/p/other:v1"))
    with pytest.raises(PermanentError, match="no container"):
        _rolled(foreign)
