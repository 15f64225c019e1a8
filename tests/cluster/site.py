"""A namespace with what `kubernetes/overlays/local` deploys, a small server for the model's."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.cloud_function.namespace import NAME, Namespace
from tests.cluster.function import Function
from tests.cluster.pubsub import Bus
from tests.kubernetes.manifests import KUBERNETES, rendered

SELECTOR = f"app.kubernetes.io/name={NAME}"


@dataclass(frozen=True)
class Form:
    """How the overlay is changed before it is applied.

    Args:
        digest: of the image at first; by default the small server's, which needs next to nothing.
        is_quick: what only takes time is cut short; the model's own server still stops in peace.
        autoscales: with its HorizontalPodAutoscaler, as the overlay has it.
        deadline_s: after which a rollout that does not get on has failed.
    """

    digest: str = ""
    is_quick: bool = True
    autoscales: bool = False
    deadline_s: int = 60


QUICK = Form()
#: With all the time that pods are given in production.
AS_SHIPPED = Form(is_quick=False, deadline_s=600)


@dataclass
class Site(Namespace):
    """The namespace; `kubectl` in it has all rights, the function only those of its Role."""

    bus: Bus | None = None
    function: Function | None = None

    def deploy(self, image: str, form: Form) -> None:
        """Apply the manifests as the README says; `settle` waits for their pods."""
        objects = []
        for one in json.loads(_overlay()):
            if one["kind"] == "Namespace":
                one["metadata"]["name"] = self.name
            else:
                one["metadata"]["namespace"] = self.name
            if one["kind"] == "Deployment":
                _shape(one["spec"], image, form)
            is_the_functions = one["metadata"]["name"] == "onnewimage"
            is_wanted = form.autoscales or one["kind"] != "HorizontalPodAutoscaler"
            if is_wanted and not is_the_functions:
                objects.append(one)
        self.kubectl(
            "apply",
            "--server-side",
            "--field-manager=manifests",
            "-f",
            "-",
            given=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}),
        )

    def message(self, build_id: str) -> dict[str, Any]:
        """Return what Cloud Build publishes of a build: the build itself."""
        return self.build_api.builds[build_id]

    def publish(self, *build_ids: str) -> None:
        """Publish the messages of finished builds, all at once."""
        assert self.bus
        self.bus.publish(*map(self.message, build_ids))

    def outcomes(self, count: int, limit_s: float = 120) -> list[tuple[str, str]]:
        """Wait until the function has ended `count` deliveries; return results and reasons."""
        function = self.function
        assert function
        self.until(
            lambda: len(function.lines("outcome")) >= count, f"outcome {count}", limit_s=limit_s
        )
        return [(line["result"], line["reason"]) for line in function.lines("outcome")]

    def rolling(self, build_id: str) -> None:
        """Wait until a build is on its way and its first pod is there."""

        def is_rolling() -> bool:
            known = self.remembered
            return (known.get("build-id"), known.get("state")) == (build_id, "rolling")

        self.until(is_rolling, f"the rollout of {build_id}")
        before = int(self.deployment()["spec"]["replicas"])
        self.until(lambda: len(self.pods()) > before, f"a pod of {build_id}")

    def ended(self, result: str, count: int = 1, limit_s: float = 120) -> None:
        """Wait until `count` deliveries have had that result; there may be others between."""
        function = self.function
        assert function
        self.until(
            lambda: len(function.lines("outcome", result=result)) >= count,
            f"delivery {count} that is {result}",
            limit_s=limit_s,
        )

    def pods(self, selector: str = SELECTOR) -> list[dict[str, Any]]:
        return super().pods(selector)

    def release(self, digest: str) -> None:
        """Let the pods of an image that is HELD get ready as they come, to the rollout's end."""

        def is_over() -> bool:
            for pod in self.pods():
                is_held = pod["spec"]["containers"][0]["image"].endswith(digest)
                if is_held and _is_running(pod) and not _is_ready(pod):
                    self.kubectl("exec", pod["metadata"]["name"], "--", "/server", "release")
            return self.remembered.get("state") != "rolling"

        self.until(is_over, f"the end of {digest}'s rollout")

    def serving(self) -> set[str]:
        """Return the images of the pods that are ready and not about to go."""
        return {pod["spec"]["containers"][0]["image"] for pod in self.ready_pods()}

    def logs(self) -> list[str]:
        """Return the logs of the pods that are ready and not about to go."""
        return [self.kubectl("logs", pod["metadata"]["name"]) for pod in self.ready_pods()]

    def ready_pods(self) -> list[dict[str, Any]]:
        """Return the pods that are ready and not about to go."""
        staying = (pod for pod in self.pods() if "deletionTimestamp" not in pod["metadata"])
        return [pod for pod in staying if _is_ready(pod)]

    def opens(self) -> None:
        """Wait until the node leads the Service to a pod: it learns of pods after they are ready.

        Until then it refuses connections, which would be told as a lost request.
        """
        port = self.node_port()
        self.until(lambda: _takes_connections(port), "a pod behind the Service", limit_s=60)

    def answers_as(self, version: str) -> None:
        """Wait until the Service answers as that version: nodes learn of pods a little later."""
        self.until(lambda: self._version() == version, f"an answer of {version}", limit_s=20)

    def complaints(self, digest: str) -> str:
        """Return what the kubelet complains of, of pods of an image."""
        there = [
            (pod["metadata"]["name"], pod["spec"]["containers"][0]["image"]) for pod in self.pods()
        ]
        names = {name for name, image in there if image.endswith(digest)}
        events = json.loads(self.kubectl("get", "events", "-o", "json"))["items"]
        about = (event for event in events if event["involvedObject"]["name"] in names)
        return "\n".join(str(event["message"]) for event in about if event["type"] == "Warning")

    def node_port(self) -> int:
        service = json.loads(self.kubectl("get", "service", NAME, "-o", "json"))
        return int(service["spec"]["ports"][0]["nodePort"])

    def _version(self) -> str:
        """Return what the Service answers; nothing where the node knows of no pod yet."""
        url = f"http://127.0.0.1:{self.node_port()}/predict"
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return str(answer.read().decode().strip())
        except urllib.error.URLError:
            return ""


@cache
def _overlay() -> str:
    """Return the overlay's objects, rendered once, as JSON that is nobody's to change."""
    return json.dumps(rendered("kubectl", KUBERNETES / "overlays" / "local").objects)


def _shape(spec: dict[str, Any], image: str, form: Form) -> None:
    (container,) = spec["template"]["spec"]["containers"]
    container["image"] = image
    spec["progressDeadlineSeconds"] = form.deadline_s
    if not form.digest:
        container["resources"] = {"requests": {"cpu": "10m"}, "limits": {"memory": "128Mi"}}
        # The small server has no command to ask it by.
        asked = {"httpGet": {"path": "/readyz", "port": "http"}}
        container["startupProbe"] = asked | {"periodSeconds": 2, "failureThreshold": 150}
        if not form.autoscales:
            spec["replicas"] = 2
    if form.is_quick:
        spec["minReadySeconds"] = 0
        probe = container["startupProbe"]
        if "exec" in probe:
            probe["exec"]["command"][-1], probe["failureThreshold"] = "3", 100
        probe["periodSeconds"] = 1
        container["readinessProbe"]["periodSeconds"] = 1
    if form.is_quick and not form.digest:
        spec["template"]["spec"]["terminationGracePeriodSeconds"] = 1
        del container["lifecycle"]


def _takes_connections(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions: Sequence[dict[str, str]] = pod["status"].get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _is_running(pod: dict[str, Any]) -> bool:
    statuses: Sequence[dict[str, Any]] = pod["status"].get("containerStatuses", ())
    is_leaving = "deletionTimestamp" in pod["metadata"]
    return not is_leaving and any("running" in one["state"] for one in statuses)
