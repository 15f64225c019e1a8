"""A namespace of its own on the cluster that KUBECONFIG names, and traffic to what runs in it."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.kubernetes.manifests import KUBERNETES, NAME


@dataclass(frozen=True)
class Lab:
    """The cluster, through kubectl and the scripts of `kubernetes/`."""

    kubectl_path: str
    namespace: str
    environment: dict[str, str]

    def kubectl(self, *words: str, given: str | None = None) -> str:
        """Run kubectl in the namespace and return what it printed; its complaint is the test's."""
        ran = self.try_kubectl(*words, given=given)
        assert ran.returncode == 0, f"{words}: {ran.stderr}"
        return ran.stdout

    def try_kubectl(
        self, *words: str, given: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        command = [self.kubectl_path, "-n", self.namespace, *words]
        return _run(command, self.environment, given=given)

    def script(self, name: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a script of `kubernetes/` for this namespace."""
        environment = self.environment | {"NAMESPACE": self.namespace} | variables
        return _run([str(KUBERNETES / name), *words], environment)

    def get(self, kind: str, name: str = NAME) -> Any:
        return json.loads(self.kubectl("get", kind, name, "-o", "json"))

    def pods(self) -> list[dict[str, Any]]:
        """Return the pods that are not about to go."""
        listed = self.kubectl("get", "pods", "-l", f"app.kubernetes.io/name={NAME}", "-o", "json")
        pods: list[dict[str, Any]] = json.loads(listed)["items"]
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def port(self) -> int:
        """Return the NodePort, which answers on 127.0.0.1."""
        return int(self.get("service")["spec"]["ports"][0]["nodePort"])


def _run(
    command: Sequence[str], environment: dict[str, str], given: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
        env=os.environ | environment,
    )


@dataclass
class Trickle:
    """Requests one after the other, from a thread, until the block ends: `with Trickle(…)`.

    Args:
        port: on 127.0.0.1.
        photo: what is sent to /predict.
        keeps_alive: one connection as long as the server leaves it open, instead of one each.
        pause_s: between an answer and the next request.
    """

    port: int
    photo: bytes
    keeps_alive: bool
    pause_s: float = 0.05
    answered: int = 0
    failures: list[str] = field(default_factory=list)
    _is_over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Trickle:
        self._thread = threading.Thread(target=self._send)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        assert self._thread is not None
        self._thread.join()

    def _send(self) -> None:
        connection = self._connection()
        while not self._is_over.is_set():
            try:
                self._ask(connection)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
            if not self.keeps_alive:
                connection.close()
            time.sleep(self.pause_s)
        connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def _ask(self, connection: http.client.HTTPConnection) -> None:
        headers = {"Content-Type": "image/png"}
        if not self.keeps_alive:
            headers["Connection"] = "close"
        connection.request("POST", "/predict?masks=none", self.photo, headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200 or not json.loads(body)["instances"]:
            self.failures.append(f"{answer.status}: {body[:200]!r}")
        self.answered += 1
