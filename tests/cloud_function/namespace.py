"""A namespace on a real cluster, with a Deployment and the Role that the manifests ship.

What is looked at again and again is read by the API's Python client: a kubectl each time would keep
the cores busy that pods start on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes.client
import kubernetes.config
import yaml

from rollout.delivery import Delivery
from rollout.execution import Outcome
from rollout.settings import Settings
from rollout.state import PREFIX
from tests.cloud_function.border import BuildApi
from tests.cloud_function.images import Registry
from tests.cloud_function.samples import REPOSITORY, build_document, push

ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "kubernetes" / "base" / "onnewimage-rbac.yaml"
NAME = "ml-model"


@cache
def _api() -> kubernetes.client.ApiClient:
    """Return the way to the cluster with the rights of whoever runs the tests."""
    client: kubernetes.client.ApiClient = kubernetes.config.new_client_from_config()
    return client


def deployment_manifest(image: str) -> dict[str, Any]:
    """Return a Deployment of one quick pod, whose rollouts give up after 60 s."""
    labels = {"app": NAME}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME},
        "spec": {
            "replicas": 1,
            "progressDeadlineSeconds": 60,
            "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "containers": [
                        {
                            "name": NAME,
                            "image": image,
                            "terminationMessagePolicy": "FallbackToLogsOnError",
                            "readinessProbe": {
                                "httpGet": {"path": "/readyz", "port": 8080},
                                "periodSeconds": 1,
                            },
                        }
                    ],
                },
            },
        },
    }


@dataclass
class Namespace:
    """The namespace; `rollout` is the function's own code, with a token of its own account."""

    name: str
    registry: Registry
    build_api: BuildApi
    environment: dict[str, str] = field(default_factory=dict)
    minute: int = 0

    def kubectl(self, *words: str, given: str = "") -> str:
        ran = subprocess.run(
            ["kubectl", "-n", self.name, *words],
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert ran.returncode == 0, f"kubectl {words}: {ran.stderr}"
        return ran.stdout

    def as_function(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run kubectl with the function's own rights."""
        return subprocess.run(
            ["kubectl", "--kubeconfig", self.environment["KUBECONFIG"], "-n", self.name, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def cli(self, *words: str, **variables: str) -> int:
        """Run `python -m rollout` and return its exit status."""
        ran = subprocess.run(
            [sys.executable, "-m", "rollout", *words],
            cwd=ROOT / "cloud_function",
            env=os.environ | self.environment | variables,
            check=False,
            timeout=180,
        )
        return ran.returncode

    def answer(self, *words: str, **variables: str) -> dict[str, str]:
        """Run `python -m rollout` with --json and return what it prints for the target."""
        ran = subprocess.run(
            [sys.executable, "-m", "rollout", *words, "--json"],
            cwd=ROOT / "cloud_function",
            env=os.environ | self.environment | variables,
            stdout=subprocess.PIPE,
            check=True,
            timeout=180,
        )
        answer: dict[str, str] = json.loads(ran.stdout)
        return answer

    def apply(self, *documents: Mapping[str, Any]) -> None:
        self.kubectl("apply", "-f", "-", given=yaml.safe_dump_all(documents))

    def grant(self, folder: Path, **settings: str) -> None:
        """Apply the shipped Role here and let the function use a token that has only that."""
        documents = list(yaml.safe_load_all(ROLE.read_text()))
        for document in documents:
            for subject in document.get("subjects", ()):
                subject["namespace"] = self.name
        self.apply(*documents)
        self.environment = {
            "PROJECT": "my-project",
            "DEPLOYMENT": NAME,
            "NAMESPACE": self.name,
            "KUBECONFIG": str(self._kubeconfig(folder)),
            "WATCH_TIMEOUT_S": "90",
            "POLL_INTERVAL_S": "0.2",
            **settings,
        }

    def _kubeconfig(self, folder: Path) -> Path:
        config = json.loads(
            self.kubectl("config", "view", "--minify", "--raw", "--flatten", "-o", "json")
        )
        token = self.kubectl("create", "token", "onnewimage").strip()
        config["users"] = [{"name": "onnewimage", "user": {"token": token}}]
        config["contexts"][0]["context"]["user"] = "onnewimage"
        path = folder / "kubeconfig"
        path.write_text(json.dumps(config))
        path.chmod(0o600)
        return path

    def built(self, build_id: str, minute: int | None = None, **image: str) -> str:
        """Push an image, let Cloud Build know of its build, and return the digest."""
        digest = self.registry.push(**({"VERSION": build_id} | image))
        self.announced(build_id, digest, minute)
        return digest

    def announced(self, build_id: str, digest: str, minute: int | None = None) -> None:
        """Let Cloud Build know of a build, a minute after the one before unless told."""
        self.minute = self.minute + 1 if minute is None else minute
        results = {"images": [{"name": f"{REPOSITORY}:main", "digest": digest}]}
        document = build_document("a", self.minute, results=results)
        name = document["name"].replace("build-a", build_id)
        self.build_api.add(document | {"id": build_id, "name": name})

    def rollout(self, build_id: str, **variables: str) -> Outcome:
        """Deliver a build's message once and return what became of it."""
        message = push(self.build_api.builds[build_id])
        (outcome,) = self.delivery(**variables).take(message)
        return outcome

    def delivery(self, **variables: str) -> Delivery:
        return Delivery(Settings.from_environment(self.environment | variables))

    def deployment(self) -> Any:
        apps = kubernetes.client.AppsV1Api(_api())
        read = apps.read_namespaced_deployment
        return json.loads(read(NAME, self.name, _preload_content=False).data)

    def give_up_after(self, seconds: int) -> None:
        """Let rollouts that do not get on fail so soon."""
        spec = {"progressDeadlineSeconds": seconds}
        self.kubectl("patch", "deployment", NAME, "-p", json.dumps({"spec": spec}))

    @property
    def image(self) -> str:
        return str(self.deployment()["spec"]["template"]["spec"]["containers"][0]["image"])

    @property
    def revision(self) -> int:
        """Return how many pod templates there have been."""
        annotations = self.deployment()["metadata"]["annotations"]
        return int(annotations["deployment.kubernetes.io/revision"])

    @property
    def remembered(self) -> dict[str, str]:
        annotations = self.deployment()["metadata"]["annotations"]
        return {
            name.removeprefix(PREFIX): text
            for name, text in annotations.items()
            if name.startswith(PREFIX)
        }

    def events(self) -> list[str]:
        """Return the reasons of the Events about the Deployment that are ours."""
        list_events = kubernetes.client.CoreV1Api(_api()).list_namespaced_event
        listed = json.loads(list_events(self.name, _preload_content=False).data)["items"]
        ours = (event for event in listed if event["source"].get("component") == "onNewImage")
        return sorted(event["reason"] for event in ours)

    def pods(self, selector: str = f"app={NAME}") -> list[dict[str, Any]]:
        list_pods = kubernetes.client.CoreV1Api(_api()).list_namespaced_pod
        listed = list_pods(self.name, label_selector=selector, _preload_content=False)
        pods: list[dict[str, Any]] = json.loads(listed.data)["items"]
        return pods

    def settle(self, limit_s: float = 90) -> None:
        """Wait until all pods are of the newest kind and available.

        A busy machine may take longer than rollouts are given, where `rollout status` gives up.
        """
        self.until(self._is_settled, "the newest pods", limit_s=limit_s)

    def _is_settled(self) -> bool:
        found = self.deployment()
        status = found["status"]
        counts = {status.get(f"{which}eplicas") for which in ("r", "updatedR", "availableR")}
        is_seen = status.get("observedGeneration") == found["metadata"]["generation"]
        return is_seen and counts == {found["spec"]["replicas"]}

    def until(self, is_so: Callable[[], bool], what: str, limit_s: float = 60) -> None:
        """Wait for something that others do."""
        deadline = time.monotonic() + limit_s
        while not is_so():
            assert time.monotonic() < deadline, f"{what} did not come in {limit_s:g} s"
            time.sleep(0.2)
