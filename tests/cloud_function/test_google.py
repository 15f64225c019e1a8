"""Google's APIs: only our own project's builds are believed; a cluster is found by its names."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rollout.cloud_build import CloudBuild
from rollout.cluster import connect, gke_configuration
from rollout.errors import (
    BadEventError,
    NotFoundError,
    PermanentError,
    RolloutError,
    TransientError,
)
from rollout.gcp import GoogleApis
from rollout.gke import Endpoint, locate
from tests.app.api.server import free_port
from tests.cloud_function.api_server import kubeconfig
from tests.cloud_function.border import Border, BuildApi
from tests.cloud_function.samples import ENVIRONMENT, a_target, build_document


def _builds(border: Border) -> CloudBuild:
    return CloudBuild(GoogleApis(), border.url, "my-project", "global")


def test_a_build_is_asked_for_in_our_project_whatever_its_name_says(
    build_api: BuildApi, build_border: Border
):
    build_api.add(build_document())
    assert _builds(build_border).fetch("build-a", "europe-west1").id == "build-a"
    assert build_border.requests[0].path == (
        "/v1/projects/my-project/locations/europe-west1/builds/build-a"
    )


def test_no_token_is_sent_to_a_loopback_address(build_api: BuildApi, build_border: Border):
    build_api.add(build_document())
    _builds(build_border).fetch("build-a")
    assert "authorization" not in build_border.requests[0].headers


@pytest.mark.parametrize("build_id", ["", "../x", "a/b", "a?b", "x" * 65])
def test_an_id_that_is_none_is_never_asked_for(build_id: str, build_border: Border):
    with pytest.raises(BadEventError, match="build id"):
        _builds(build_border).fetch(build_id)
    assert build_border.requests == []


def test_a_build_that_the_api_does_not_know_is_not_believed(build_border: Border):
    with pytest.raises(BadEventError, match=r"build-z is not believed.*no such build"):
        _builds(build_border).fetch("build-z")


def test_another_build_than_the_one_asked_for_is_not_taken():
    with (
        Border(lambda _: (200, build_document("b"))) as border,
        pytest.raises(BadEventError, match="build-b came"),
    ):
        _builds(border).fetch("build-a")


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_an_api_that_does_not_answer_now_is_asked_again_later(
    status: int, build_api: BuildApi, build_border: Border
):
    build_api.failing = status
    with pytest.raises(TransientError):
        _builds(build_border).fetch("build-a")


def test_an_api_that_is_not_there_or_talks_nonsense_is_asked_again_later():
    with Border(lambda _: (200, b"<html>")) as border:
        with pytest.raises(TransientError, match="other than a JSON object"):
            _builds(border).fetch("build-a")
        gone = _builds(border)
    with pytest.raises(TransientError, match="cannot be asked"):
        gone.fetch("build-a")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param([], id="a list"),
        pytest.param({}, id="nothing"),
        pytest.param({"items": {"a": 1}, "metadata": {}}, id="an object for a list"),
        pytest.param({"items": [7], "metadata": {}}, id="a list of numbers"),
        pytest.param(b"<html>", id="a page"),
        pytest.param(b"[" * 100_000, id="nested without end"),
    ],
)
def test_an_api_server_that_talks_nonsense_is_asked_again_later(answer: Any, tmp_path: Path):
    with Border(lambda _: (200, answer)) as border:
        config = kubeconfig(tmp_path / "config", border.url)
        target = a_target(KUBECONFIG=str(config))
        with pytest.raises(TransientError, match=r"^namespace default: the API server") as refused:
            connect(target, GoogleApis(), "").snapshot()
    assert "\n" not in str(refused.value)


def test_an_answer_of_cloud_build_that_is_nested_without_end_is_asked_for_again_later():
    with (
        Border(lambda _: (200, b"[" * 100_000)) as border,
        pytest.raises(TransientError, match="other than a JSON object"),
    ):
        _builds(border).fetch("build-a")


def test_listed_builds_come_newest_first(build_api: BuildApi, build_border: Border):
    for letter, minute in (("a", 2), ("b", 9), ("c", 5)):
        build_api.add(build_document(letter, minute))
    listed = _builds(build_border).newest()
    assert [build.id for build in listed] == ["build-b", "build-c", "build-a"]
    assert "filter=status%3D%22SUCCESS%22" in build_border.requests[0].path


DNS = {"dnsEndpointConfig": {"endpoint": "gke-1.europe-west1.gke.goog"}}
AUTHORITY = "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n"
BY_ADDRESS: dict[str, Any] = {
    "name": "slipway",
    "endpoint": "10.0.0.2",
    "masterAuth": {"clusterCaCertificate": base64.b64encode(AUTHORITY.encode()).decode()},
}
CLUSTER = "/v1/projects/my-project/locations/europe-west1/clusters/slipway"


def _located(status: int, answer: Any) -> Endpoint:
    """Look the cluster up in an API that answers so."""
    with Border(lambda _: (status, answer)) as border:
        return locate(GoogleApis(), border.url, a_target())


def test_a_dns_endpoint_that_lets_us_in_is_used_without_an_authority_of_its_own():
    open_dns = {"dnsEndpointConfig": DNS["dnsEndpointConfig"] | {"allowExternalTraffic": True}}
    found = _located(200, BY_ADDRESS | {"controlPlaneEndpointsConfig": open_dns})
    assert found == Endpoint("https://gke-1.europe-west1.gke.goog", None)


def test_a_dns_endpoint_that_is_closed_to_us_is_passed_over_for_the_address():
    found = _located(200, BY_ADDRESS | {"controlPlaneEndpointsConfig": DNS})
    assert found == Endpoint("https://10.0.0.2", AUTHORITY)


def test_what_a_newer_api_says_of_a_cluster_besides_is_no_matter():
    newer = {"inventedLater": {"deep": [1]}, "status": "NEVER_HEARD_OF"}
    assert _located(200, BY_ADDRESS | newer) == Endpoint("https://10.0.0.2", AUTHORITY)


@pytest.mark.parametrize(
    "cluster",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"endpoint": "10.0.0.2"}, id="no certificate"),
        pytest.param(BY_ADDRESS | {"masterAuth": {}}, id="an empty certificate"),
        pytest.param(BY_ADDRESS | {"masterAuth": {"clusterCaCertificate": "%%"}}, id="no base64"),
        pytest.param(BY_ADDRESS | {"endpoint": ""}, id="no address"),
    ],
)
def test_a_cluster_that_says_not_enough_is_an_error_and_not_an_insecure_connection(
    cluster: dict[str, Any],
):
    with pytest.raises(PermanentError, match="cluster "):
        _located(200, cluster)


def test_a_cluster_is_found_by_project_zone_and_name_by_googles_own_client():
    with Border(lambda _: (200, BY_ADDRESS)) as border:
        locate(GoogleApis(), border.url, a_target())
    (request,) = border.requests
    assert (request.method, request.path.partition("?")[0]) == ("GET", CLUSTER)
    assert "gapic/" in request.headers["x-goog-api-client"]


def test_no_token_is_sent_to_a_loopback_address_in_place_of_gkes_api(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")
    with Border(lambda _: (200, BY_ADDRESS)) as border:
        locate(GoogleApis(), border.url, a_target())
    assert "authorization" not in border.requests[0].headers


def test_without_credentials_no_cluster_is_asked_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")
    with pytest.raises(TransientError, match=r"^no Google credentials: .*/nowhere/key\.json"):
        locate(GoogleApis(), "https://container.googleapis.com", a_target())


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, PermanentError),
        (404, NotFoundError),
        *((status, TransientError) for status in (403, 409, 429, 500, 503)),
    ],
)
def test_what_gkes_api_does_not_know_is_permanent_and_all_else_may_pass(
    status: int, kind: type[RolloutError]
):
    words = {"error": {"code": status, "message": "told to\nfail"}}
    with pytest.raises(kind, match=rf"{CLUSTER} answers {status}: told to fail$") as refused:
        _located(status, words)
    assert type(refused.value) is kind


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        pytest.param(200, b"<html>", id="a page"),
        pytest.param(200, {"endpoint": 7}, id="a number for a name"),
        pytest.param(500, b"<html>\n\n</html>", id="an error's page"),
        pytest.param(403, {"error": "text"}, id="an error of text"),
        pytest.param(502, [], id="an error that is a list"),
        pytest.param(403, {"error": {"message": "m", "details": 7}}, id="details of a number"),
        pytest.param(503, b"[" * 100_000, id="an error nested without end"),
    ],
)
def test_an_api_of_gke_that_talks_nonsense_is_asked_again_later_and_told_in_one_line(
    status: int, answer: Any
):
    with pytest.raises(TransientError, match=CLUSTER) as refused:
        _located(status, answer)
    assert "\n" not in str(refused.value)


def test_an_api_of_gke_that_is_not_there_is_asked_again_later():
    with pytest.raises(TransientError, match="cannot be asked") as refused:
        locate(GoogleApis(), f"http://127.0.0.1:{free_port()}", a_target())
    assert "\n" not in str(refused.value)


def test_an_answer_that_comes_at_the_second_try_is_taken():
    answers = iter([(503, {}), (200, BY_ADDRESS)])
    with Border(lambda _: next(answers)) as border:
        found = locate(GoogleApis(), border.url, a_target())
    assert found == Endpoint("https://10.0.0.2", AUTHORITY)


def test_a_function_that_is_told_of_a_build_that_goes_on_does_not_wait_for_googles_client(
    root: Path,
):
    loads = "import main, sys; sys.exit('google.cloud.container_v1' in sys.modules)"
    environment = os.environ | ENVIRONMENT
    started = subprocess.run(
        [sys.executable, "-c", loads], cwd=root / "cloud_function", env=environment, check=False
    )
    assert started.returncode == 0


def test_each_request_to_the_cluster_carries_a_fresh_token():
    tokens = iter(["first", "second", "third"])
    configuration = gke_configuration(Endpoint("https://10.0.0.2", None), lambda: next(tokens))
    sent = [configuration.auth_settings()["BearerToken"] for _ in range(2)]
    assert [header["value"] for header in sent] == ["Bearer second", "Bearer third"]
    assert {header["key"] for header in sent} == {"authorization"}
