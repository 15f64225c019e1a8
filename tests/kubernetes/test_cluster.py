"""The manifests and scripts on a real cluster: what is deployed serves, and goes on serving."""

from __future__ import annotations

import base64
import json
import os
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import parts
from tests.image.containers import docker_of
from tests.kubernetes.lab import Lab, Trickle
from tests.kubernetes.manifests import KUBERNETES, NAME

pytestmark = pytest.mark.cluster

PHOTO = KUBERNETES.parent / "models" / "shapes" / "1" / "samples" / "scene-500.png"
NOWHERE = "127.0.0.1:5000/slipway/ml-model:none"


@pytest.fixture(scope="module")
def lab(kubectl: str) -> Iterator[Lab]:
    """Return the cluster; all that a test makes in it is in a namespace that goes in the end."""
    parts.told_by("KUBECONFIG", "a cluster")
    # The scripts find by its plain name the kubectl that the tests were given.
    path = f"{Path(kubectl).parent}{os.pathsep}{os.environ['PATH']}"
    lab = Lab(kubectl, f"manifests-{uuid.uuid4().hex[:6]}", {"PATH": path})
    yield lab
    lab.try_kubectl("delete", "namespace", lab.namespace, "--ignore-not-found", "--wait=false")


@pytest.fixture(scope="module")
def pipeline(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the variables by which the pipeline builds and pushes here."""
    docker = docker_of(parts.image_tool(), tmp_path_factory.mktemp("docker"))
    return {"BUILDER": str(docker), "REGISTRY": parts.registry_of_cluster()}


@pytest.fixture(scope="module")
def first_answer(lab: Lab, pipeline: dict[str, str]) -> Any:
    """Return what the whole pipeline printed, run on a cluster that has nothing of ours."""
    ran = lab.script("run_full_deployment_pipeline.sh", **pipeline)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.fixture
def deployed(lab: Lab, first_answer: Any) -> Iterator[Lab]:
    """Return the cluster with the server deployed, and leave it as the overlay has it."""
    yield lab
    assert lab.script("apply.sh", "local", TAKE_OVER="yes").returncode == 0


def _state(lab: Lab) -> tuple[int, set[str]]:
    """Return what changes when anything is rolled out: the generation, and the pods' names."""
    pods = {pod["metadata"]["name"] for pod in lab.pods()}
    return int(lab.get("deployment")["metadata"]["generation"]), pods


def test_the_pipeline_goes_from_the_demo_model_to_an_answer(first_answer: Any):
    assert first_answer["model"] == "shapes"
    assert len(first_answer["instances"]) > 5


def test_the_pipeline_run_again_deploys_nothing(deployed: Lab, pipeline: dict[str, str]):
    before = _state(deployed)
    ran = deployed.script("run_full_deployment_pipeline.sh", **pipeline)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["instances"]
    assert _state(deployed) == before


def test_the_api_server_takes_the_base_and_checks_every_field(deployed: Lab):
    words = ("--dry-run=server", "--server-side", "--validate=strict", "--force-conflicts")
    base = deployed.kubectl("kustomize", str(KUBERNETES / "base"))
    here = base.replace("namespace: slipway", f"namespace: {deployed.namespace}")
    here = here.replace("name: slipway", f"name: {deployed.namespace}")
    taken = deployed.kubectl("apply", *words, "-f", "-", given=here).splitlines()
    assert len(taken) == here.count("\n---\n") + 1
    bad = here.replace("terminationGracePeriodSeconds", "terminationGraceSeconds")
    refused = deployed.try_kubectl("apply", *words, "-f", "-", given=bad)
    assert "terminationGraceSeconds" in refused.stderr


def test_the_plain_files_can_be_applied_as_they_are(deployed: Lab):
    files = sorted((KUBERNETES / "plain").glob("*.yaml"))
    words = ("apply", "--dry-run=server", "--validate=strict", "-n", "default", "-f")
    taken = deployed.kubectl(*words, str(KUBERNETES / "plain")).splitlines()
    assert len(taken) == len(files)
    assert f"deployment.apps/{NAME} created (server dry run)" in taken


def test_the_pod_has_no_rights_and_writes_to_its_own_folders_only(deployed: Lab):
    where = f"deployment/{NAME}"
    assert deployed.kubectl("exec", where, "--", "id", "-u").strip() == "10001"
    refused = deployed.try_kubectl("exec", where, "--", "touch", "/app/x")
    assert "Read-only file system" in refused.stderr
    token = deployed.try_kubectl("exec", where, "--", "ls", "/var/run/secrets/kubernetes.io")
    assert token.returncode != 0
    for variable, folder in (("TMPDIR", "$TMPDIR"), ("PREDICTION_LOG", "${PREDICTION_LOG%/*}")):
        script = f'test -n "${variable}" && touch "{folder}/x" && rm "{folder}/x"'
        deployed.kubectl("exec", where, "--", "sh", "-c", script)


def test_what_a_container_has_predicted_is_on_record_in_the_one_that_takes_its_place(deployed: Lab):
    (pod,) = deployed.pods()
    name, restarts = pod["metadata"]["name"], pod["status"]["containerStatuses"][0]["restartCount"]
    url = f"http://127.0.0.1:{deployed.port()}/predict?masks=none"
    photo = urllib.request.Request(url, PHOTO.read_bytes(), {"Content-Type": "image/png"})
    with urllib.request.urlopen(photo, timeout=60) as answered:
        prediction_id = json.load(answered)["prediction_id"]
    deployed.kubectl("exec", name, "--", "sh", "-c", "kill -TERM 1")
    status = "{.status.containerStatuses[0].restartCount}"
    words = ("wait", f"pod/{name}", "--timeout=120s")
    deployed.kubectl(*words, f"--for=jsonpath={status}={restarts + 1}")
    deployed.kubectl(*words, "--for=condition=Ready")
    script = (
        "import os, sqlite3; log = sqlite3.connect(os.environ['PREDICTION_LOG']); "
        "print(log.execute('SELECT DISTINCT prediction_id FROM predictions').fetchall())"
    )
    assert prediction_id in deployed.kubectl("exec", name, "--", "python", "-c", script)


def test_the_namespace_refuses_pods_that_ask_for_more(deployed: Lab):
    words = ("run", "greedy", "--image=any", "--privileged", "--dry-run=server")
    refused = deployed.try_kubectl(*words)
    assert 'violates PodSecurity "restricted:' in refused.stderr


def test_the_network_has_as_many_threads_as_cores_were_asked_for(deployed: Lab):
    # Beside the events, on standard error, uWSGI tells what it reads.
    lines = deployed.kubectl("logs", f"deployment/{NAME}").splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    (settings,) = [event for event in events if event["event"] == "settings"]
    assert settings["threads"] == 1


def test_pods_are_exchanged_under_traffic_and_no_request_is_lost(deployed: Lab):
    before = _state(deployed)[1]
    port, photo = deployed.port(), PHOTO.read_bytes()
    new, kept = (Trickle(port, photo, keeps_alive) for keeps_alive in (False, True))
    with new, kept:
        deployed.kubectl("rollout", "restart", f"deployment/{NAME}")
        deployed.kubectl("rollout", "status", f"deployment/{NAME}", "--timeout=180s")
        # Until the old pod is gone for good: its last requests count too.
        for name in before:
            deployed.kubectl("wait", "--for=delete", f"pod/{name}", "--timeout=120s")
    assert min(new.answered, kept.answered) > 20
    assert (new.failures, kept.failures) == ([], [])
    assert _state(deployed)[1].isdisjoint(before)


def test_applying_again_leaves_an_image_that_somebody_else_has_set(deployed: Lab):
    image = deployed.pods()[0]["spec"]["containers"][0]["image"]
    other = f"another.registry/{image.partition('/')[2]}"
    deployed.kubectl("set", "image", f"deployment/{NAME}", f"{NAME}={other}")
    ran = deployed.script("apply.sh", "local")
    assert ran.returncode == 0, ran.stderr
    assert {pod["spec"]["containers"][0]["image"] for pod in deployed.pods()} == {other}
    refused = deployed.script("apply.sh", "local", image)
    assert refused.returncode == 1
    assert '.spec.template.spec.containers[name="ml-model"].image' in refused.stderr


def test_a_setting_that_somebody_changed_is_put_back_and_the_pods_are_started_anew(deployed: Lab):
    before = _state(deployed)[1]
    change = json.dumps({"data": {"LOG_LEVEL": "debug"}})
    deployed.kubectl("patch", "configmap", "ml-model-config", "-p", change)
    refused = deployed.script("apply.sh", "local")
    assert refused.returncode == 1
    assert ".data.LOG_LEVEL" in refused.stderr
    assert "cure: " in refused.stderr
    ran = deployed.script("apply.sh", "local", TAKE_OVER="yes")
    assert ran.returncode == 0, ran.stderr
    assert deployed.get("configmap", "ml-model-config")["data"]["LOG_LEVEL"] == "info"
    assert _state(deployed)[1].isdisjoint(before)


def test_a_config_map_that_was_made_by_hand_is_taken_over_with_what_only_it_knows(deployed: Lab):
    name = "ml-model-config"
    deployed.kubectl("delete", "configmap", name)
    project = {"gcp_bucket_name": "my-models", "bigquery_dataset": "mine"}
    values = [f"--from-literal={key}={value}" for key, value in project.items()]
    deployed.kubectl("create", "configmap", name, *values, "--from-literal=LOG_LEVEL=error")
    for _ in range(2):
        ran = deployed.script("apply.sh", "local")
        assert ran.returncode == 0, ran.stderr
        data = deployed.get("configmap", name)["data"]
        assert {**data, **project, "LOG_LEVEL": "info"} == data
    assert "is taken over" not in ran.stderr
    deployed.kubectl("delete", "configmap", name)


def test_an_image_that_is_not_there_ends_the_script_and_the_old_pods_serve_on(deployed: Lab):
    before = deployed.pods()[0]["metadata"]["name"]
    with Trickle(deployed.port(), PHOTO.read_bytes(), keeps_alive=False) as traffic:
        ran = deployed.script("apply.sh", "local", NOWHERE, TIMEOUT_S="15", TAKE_OVER="yes")
    assert ran.returncode == 1
    assert "ErrImagePull" in ran.stderr or "ImagePullBackOff" in ran.stderr
    assert "cure: " in ran.stderr
    assert traffic.answered > 20
    assert traffic.failures == []
    deployed.kubectl("rollout", "undo", f"deployment/{NAME}")
    deployed.kubectl("rollout", "status", f"deployment/{NAME}", "--timeout=120s")
    assert before in {pod["metadata"]["name"] for pod in deployed.pods()}


def test_a_key_that_setup_was_given_is_in_the_pod(deployed: Lab, tmp_path: Path):
    key = json.dumps({"type": "service_account", "private_key": "none"})
    (tmp_path / "key").write_text(key)
    # Older instructions have it made by hand.
    by_hand = ("create", "secret", "generic", "gcp-service-account-key")
    deployed.kubectl(*by_hand, "--from-literal=key.json=old")
    ran = deployed.script("setup_local_k8s.sh", GCP_KEY_FILE=str(tmp_path / "key"))
    assert ran.returncode == 0, ran.stderr
    secret = deployed.get("secret", "gcp-service-account-key")
    assert base64.b64decode(secret["data"]["key.json"]).decode() == key
    ran = deployed.script("apply.sh", "local")
    assert ran.returncode == 0, ran.stderr
    words = (
        "exec",
        f"deployment/{NAME}",
        "--",
        "sh",
        "-c",
        'cat "$GOOGLE_APPLICATION_CREDENTIALS"',
    )
    assert deployed.kubectl(*words) == key
    deployed.kubectl("delete", "secret", "gcp-service-account-key")


def test_setup_run_again_changes_nothing(deployed: Lab):
    before = deployed.get("namespace", deployed.namespace)["metadata"]["resourceVersion"]
    ran = deployed.script("setup_local_k8s.sh")
    assert ran.returncode == 0, ran.stderr
    after = deployed.get("namespace", deployed.namespace)["metadata"]["resourceVersion"]
    assert after == before
