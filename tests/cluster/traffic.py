"""Steady traffic that counts what is lost: from this machine, or from a pod of the cluster."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.app.api.server import free_port
from tests.cluster.function import is_open
from tests.cluster.site import Site

Report = dict[str, dict[str, Any]]
_PORT = 8081
_LIMIT_S = 30


@dataclass(frozen=True)
class Traffic:
    """Clients at work; `ask` gets a path of theirs."""

    ask: Callable[[str], str]

    def report(self) -> Report:
        """End the traffic; return what was counted with new connections and with kept ones."""
        report: Report = json.loads(self.ask("/report"))
        return report

    def grow(self, requests: int) -> None:
        """Wait for so many more answers."""
        wanted = int(self.ask("/counted")) + requests
        deadline = time.monotonic() + _LIMIT_S
        while int(self.ask("/counted")) < wanted:
            assert time.monotonic() < deadline, f"no {requests} more answers in {_LIMIT_S} s"
            time.sleep(0.1)


@contextmanager
def from_here(program: Path, node_port: int, log: Path) -> Iterator[Traffic]:
    """Send to the NodePort, which answers on 127.0.0.1."""
    port = free_port()
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(program), "load", f"127.0.0.1:{node_port}", str(port)], stdout=out, stderr=out
        )

    def ask(path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=_LIMIT_S) as answer:
            return str(answer.read().decode())

    try:
        deadline = time.monotonic() + _LIMIT_S
        while not is_open(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        traffic = Traffic(ask)
        traffic.grow(20)
        yield traffic
    finally:
        process.kill()
        process.wait()


@contextmanager
def from_a_pod(site: Site, image: str) -> Iterator[Traffic]:
    """Send to the Service's ClusterIP from a pod of the same namespace."""
    service = json.loads(site.kubectl("get", "service", "ml-model", "-o", "json"))
    address = f"{service['spec']['clusterIP']}:{service['spec']['ports'][0]['port']}"
    site.apply(_pod(image, address), _EGRESS)
    site.kubectl("wait", "--for=condition=Ready", "pod/load", "--timeout=60s")
    raw = f"/api/v1/namespaces/{site.name}/pods/load:{_PORT}/proxy"
    traffic = Traffic(lambda path: site.kubectl("get", "--raw", raw + path))
    traffic.grow(20)
    try:
        yield traffic
    finally:
        site.kubectl("delete", "pod", "load", "--now", "--wait=false")


def _pod(image: str, address: str) -> dict[str, Any]:
    """Return the clients' pod, which keeps to the namespace's pod security standard."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "load", "labels": {"app.kubernetes.io/name": "load"}},
        "spec": {
            "automountServiceAccountToken": False,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "load",
                    "image": image,
                    "args": ["load", address, str(_PORT)],
                    "readinessProbe": {
                        "httpGet": {"path": "/counted", "port": _PORT},
                        "periodSeconds": 1,
                    },
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }


# The manifests deny what they do not name, these clients included.
_EGRESS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "load"},
    "spec": {
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "load"}},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{}],
        "egress": [{}],
    },
}
