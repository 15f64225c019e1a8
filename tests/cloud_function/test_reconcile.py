"""What reconcile finds in Cloud Build's list, however long it is and whatever else stands in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rollout.build import moment
from rollout.cloud_build import MOST_LISTED
from rollout.delivery import Delivery
from rollout.errors import TransientError
from rollout.execution import Options
from rollout.settings import Settings
from tests.cloud_function.api_server import ApiServer, kubeconfig
from tests.cloud_function.border import Border, BuildApi
from tests.cloud_function.samples import a_build, build_document, deployment, digest, image

OTHER = "europe-west1-docker.pkg.dev/my-project/slipway/web"
REPORT = Options(report_only=True, is_sweep=True)


@pytest.fixture
def delivery(build_border: Border, tmp_path: Path) -> Iterator[Delivery]:
    """Return a function with two targets: `ml-model` and, of another repository, `web`."""
    server = ApiServer({"ml-model": deployment(), "web": deployment(f"{OTHER}@{digest('0')}")})
    with Border(server.answer) as cluster:
        yield Delivery(
            Settings.from_environment(
                {
                    "PROJECT": "my-project",
                    "KUBECONFIG": str(kubeconfig(tmp_path / "kubeconfig", cluster.url)),
                    "TARGETS": "[{deployment: ml-model}, {deployment: web}]",
                    "CLOUD_BUILD_ENDPOINT": build_border.url,
                }
            )
        )


def _add(build_api: BuildApi, name: str, seconds: int, **changes: Any) -> None:
    created = moment(a_build().created_ns + seconds * 10**9)
    build_api.add(build_document(createTime=created, **changes) | {"id": name})


def _add_others(build_api: BuildApi, count: int) -> None:
    """Let another service be built so often, after all that was built before."""
    results = {"images": [{"name": "eu.gcr.io/p/other", "digest": digest("9")}]}
    for number in range(count):
        _add(build_api, f"other-{number}", 1000 + number, results=results)


def _found(delivery: Delivery) -> list[tuple[str, str]]:
    return [(outcome.reason, outcome.image) for outcome in delivery.reconcile(REPORT)]


def _lines(capsys: pytest.CaptureFixture[str], event: str) -> list[dict[str, Any]]:
    lines = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    return [line for line in lines if line["event"] == event]


def test_missed_builds_behind_hundreds_of_other_services_are_found_by_one_reading_of_the_list(
    delivery: Delivery, build_api: BuildApi, build_border: Border
):
    pushed = {"images": [{"name": OTHER, "digest": digest("b")}]}
    _add(build_api, "build-web", 1, results=pushed)
    _add(build_api, "build-a", 2)
    _add_others(build_api, 250)
    assert _found(delivery) == [("newer", image("a")), ("newer", f"{OTHER}@{digest('b')}")]
    assert len(build_border.requests) == 3


def test_no_page_is_asked_for_that_no_target_needs(
    delivery: Delivery, build_api: BuildApi, build_border: Border
):
    _add_others(build_api, 250)
    _add(build_api, "build-a", 5000)
    _add(build_api, "build-web", 5001, results={"images": [{"name": OTHER, "digest": digest("b")}]})
    assert [reason for reason, _ in _found(delivery)] == ["newer", "newer"]
    assert len(build_border.requests) == 1


@pytest.mark.parametrize(
    ("odd", "named"),
    [
        pytest.param({"id": "no-time", "status": "SUCCESS"}, "build no-time", id="no createTime"),
        pytest.param({"status": "SUCCESS"}, "lists build 0: the build has no id", id="no id"),
        pytest.param("text", "lists build 0: the build is no object", id="text"),
        pytest.param(None, "lists build 0: the build is no object", id="nothing"),
        pytest.param(
            {"id": "odd", "createTime": "2026-13-40T10:00:00Z"}, "build odd", id="no such day"
        ),
        pytest.param({"id": "\ud800"}, "build \ud800: createTime=None", id="half a character"),
    ],
)
def test_an_entry_that_nobody_can_read_is_named_and_hides_no_other(
    odd: Any,
    named: str,
    delivery: Delivery,
    build_api: BuildApi,
    capsys: pytest.CaptureFixture[str],
):
    build_api.odd = [odd]
    _add(build_api, "build-a", 2)
    assert _found(delivery)[0] == ("newer", image("a"))
    (line,) = _lines(capsys, "unreadable")
    assert named in line["message"]
    assert line["severity"] == "WARNING"


def test_a_build_whose_lists_are_odd_is_read_without_them(delivery: Delivery, build_api: BuildApi):
    build_api.odd = [build_document() | {"images": 7, "tags": 7, "steps": {}, "id": "odd"}]
    assert _found(delivery)[0] == ("newer", image("a"))


def test_where_the_list_goes_on_for_ever_it_is_read_so_far_and_the_log_says_it(
    delivery: Delivery,
    build_api: BuildApi,
    build_border: Border,
    capsys: pytest.CaptureFixture[str],
):
    _add(build_api, "build-a", 2)
    _add_others(build_api, MOST_LISTED)
    assert [reason for reason, _ in _found(delivery)] == ["no-build", "no-build"]
    assert len(build_border.requests) == MOST_LISTED / 100
    (line,) = _lines(capsys, "list-cut")
    assert f"the newest {MOST_LISTED} builds" in line["message"]


@pytest.mark.parametrize("token", ["again", 7, ""], ids=repr)
def test_a_list_that_leads_back_to_itself_ends(token: Any, tmp_path: Path):
    server = ApiServer({"ml-model": deployment()})
    with (
        Border(lambda _: (200, {"builds": [], "nextPageToken": token})) as cloud_build,
        Border(server.answer) as cluster,
    ):
        environment = {
            "PROJECT": "my-project",
            "DEPLOYMENT": "ml-model",
            "KUBECONFIG": str(kubeconfig(tmp_path / "kubeconfig", cluster.url)),
            "CLOUD_BUILD_ENDPOINT": cloud_build.url,
        }
        (outcome,) = Delivery(Settings.from_environment(environment)).reconcile(REPORT)
    assert outcome.reason == "no-build"
    assert len(cloud_build.requests) <= 2


def test_a_list_that_cannot_be_had_is_asked_for_again_later(
    delivery: Delivery, build_api: BuildApi
):
    build_api.failing = 429
    with pytest.raises(TransientError, match="429"):
        delivery.reconcile(REPORT)
