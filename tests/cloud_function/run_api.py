"""Cloud Run's Admin API v2 on loopback: services whose revisions start, fail or hang as told.

It is as asynchronous as the original: a change is taken at once and carried out later, a step each
time somebody looks. All that goes in and out is held to Google's own description of the API.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import googleapiclient.discovery
import httplib2

from tests.cloud_function import run_contract
from tests.cloud_function.border import Answer, Border, Request

PLACE = "projects/my-project/locations/europe-west1/services/ml-model"
LOGS = "https://console.cloud.google.com/logs/viewer?project=my-project"
PLACEHOLDER = "us-docker.pkg.dev/cloudrun/container/hello"

_LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
_REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
_FIELDS = {"annotations", "template", "traffic", "labels", "description"}
_PROBE = {"httpGet": {"path": "/readyz"}, "periodSeconds": 10, "failureThreshold": 24}


@dataclass
class Fate:
    """What becomes of revisions of an image: after so many looks it is ready, or fails so."""

    looks: int = 1
    reason: str = ""
    message: str = ""

    @property
    def conditions(self) -> list[dict[str, Any]]:
        if not self.reason:
            return [{"type": "Ready", "state": "CONDITION_SUCCEEDED"}]
        kind = "reason" if self.reason in _common_reasons() else "revisionReason"
        failed = {"state": "CONDITION_FAILED", "message": self.message, kind: self.reason}
        idle = {"state": "CONDITION_FAILED", "severity": "INFO", "revisionReason": "RESERVE"}
        active = {"type": "Active", "message": "No requests are sent to it."} | idle
        return [active, {"type": "Ready"} | failed, {"type": "ContainerHealthy"} | failed]


#: The container ran, and its startup probe was never answered with 200.
UNHEALTHY = Fate(
    2,
    "HEALTH_CHECK_CONTAINER_ERROR",
    "The user-provided container failed the configured startup probe checks.",
)
MISSING = Fate(1, "CONTAINER_MISSING", "Image not found.")
NO_SECRET = Fate(1, "SECRETS_ACCESS_CHECK_FAILED", "Permission denied on secret: key.")
NEVER = Fate(1_000_000)


@dataclass
class RunApi:
    """One service; `fates` go by image.

    `refusal` is what the next change is answered with; `meddle` is done before each change.
    `serving` is each revision that got requests, in order, and `served` their images.
    """

    image: str
    fates: dict[str, Fate] = field(default_factory=dict)
    failing: int = 0
    refusal: Answer | None = None
    meddle: Callable[[dict[str, Any]], None] = lambda _: None
    serving: list[str] = field(default_factory=list)
    served: list[str] = field(default_factory=list)
    patches: list[dict[str, Any]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    revisions: dict[str, dict[str, Any]] = field(default_factory=dict)
    _looks: dict[str, int] = field(default_factory=dict)
    _version: int = 0
    _answering: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        container = {"name": "web", "image": self.image, "startupProbe": _PROBE}
        self.service: dict[str, Any] = {
            "name": PLACE,
            "uid": "7d6f0f5e-0000-4000-8000-000000000001",
            "generation": "1",
            "observedGeneration": "0",
            "annotations": {"team": "vision"},
            "template": {
                "revision": "ml-model-named",
                "containers": [{**container, "env": [{"name": "READY", "value": "all"}]}],
                "scaling": {"maxInstanceCount": 3},
            },
            "traffic": [{"type": _LATEST, "percent": 100}],
            "reconciling": True,
            "terminalCondition": {"type": "Ready", "state": "CONDITION_RECONCILING"},
        }
        self.touch(is_new=True)
        self.settle()

    def answer(self, request: Request) -> Answer:
        with self._answering:
            return self._checked(request)

    def _checked(self, request: Request) -> Answer:
        if self.failing:
            return self.failing, error(self.failing, "UNAVAILABLE", "told to fail")
        try:
            method = run_contract.checked_request(request)
            status, document = self._answer(request)
            if status == 200:
                run_contract.check(document, method["response"]["$ref"], "answer")
        except AssertionError as complaint:
            self.complaints.append(str(complaint))
            return 400, error(400, "INVALID_ARGUMENT", str(complaint))
        return status, document

    def _answer(self, request: Request) -> Answer:
        path, _, query = request.path.partition("?")
        name = path.removeprefix("/v2/")
        if request.method == "PATCH":
            return self._patch(request.body, {key: one[0] for key, one in parse_qs(query).items()})
        if name == PLACE:
            self._step()
            return 200, copy.deepcopy(self.service)
        if name == f"{PLACE}/revisions":
            newest_first = sorted(
                self.revisions.values(), key=lambda each: str(each["createTime"]), reverse=True
            )
            return 200, {"revisions": newest_first}
        found = self.revisions.get(name.rpartition("/")[2])
        return (200, found) if found else (404, error(404, "NOT_FOUND", f"{name} is not there"))

    def _patch(self, body: dict[str, Any], parameters: dict[str, str]) -> Answer:
        self.meddle(body)
        if self.refusal:
            refusal, self.refusal = self.refusal, None
            return refusal
        if body.get("etag", self.service["etag"]) != self.service["etag"]:
            return 409, error(409, "ABORTED", "Conflict for resource 'ml-model'")
        fields = set(parameters["updateMask"].split(","))
        assert fields <= _FIELDS, f"updateMask={fields}: nobody here changes those"
        wanted = self.service | {key: copy.deepcopy(body.get(key)) for key in fields}
        taken = wanted["template"].get("revision")
        is_new = wanted["template"] != self.service["template"]
        if taken in self.revisions and is_new:
            told = f"Revision named '{taken}' with different configuration already exists."
            return 409, error(409, "ALREADY_EXISTS", told)
        operation = f"{PLACE.rpartition('/services')[0]}/operations/{self._version}"
        if "validateOnly" not in parameters:
            self.patches.append({key: body.get(key) for key in fields})
            self.service = wanted
            self.touch(is_new=is_new)
        return 200, {"name": operation, "metadata": {"@type": "Service"}, "done": False}

    def touch(self, *, is_new: bool = False) -> None:
        """Take a change, whose carrying out begins at the next look."""
        self._version += 1
        self.service["etag"] = f'"{self._version}"'
        self.service["generation"] = str(int(self.service["generation"]) + 1)
        self.service["reconciling"] = True
        self.service["terminalCondition"] = {"type": "Ready", "state": "CONDITION_RECONCILING"}
        self._is_to_be_made = is_new
        # Requests are led elsewhere some time after that was asked for.
        self._looks_to_lead = 2

    def settle(self) -> None:
        """Look until nothing happens any more."""
        while self.service["reconciling"]:
            self._step()

    def _step(self) -> None:
        if not self.service["reconciling"]:
            return
        if self._is_to_be_made:
            self._is_to_be_made = False
            self._make()
            return
        newest = self.service["latestCreatedRevision"].rpartition("/")[2]
        revision = self.revisions[newest]
        self._looks[newest] += 1
        fate = self.fates.get(revision["containers"][0]["image"], Fate())
        if self._looks[newest] <= fate.looks:
            return
        if self._looks_to_lead:
            self._looks_to_lead -= 1
            return
        revision["conditions"] = fate.conditions
        revision["reconciling"] = False
        if not fate.reason:
            self.service["latestReadyRevision"] = revision["name"]
        self._lead()
        self.service["reconciling"] = False
        failed = [each for each in fate.conditions if each["state"] == "CONDITION_FAILED"]
        self.service["terminalCondition"] = {"type": "Ready", "state": "CONDITION_SUCCEEDED"}
        if failed:
            words = {"reason": "REVISION_FAILED", "message": f"Revision '{newest}' is not ready."}
            self.service["terminalCondition"] = {
                "type": "Ready",
                "state": "CONDITION_FAILED",
            } | words
            return
        self.service["observedGeneration"] = self.service["generation"]

    def _make(self) -> None:
        template = copy.deepcopy(self.service["template"])
        number = len(self._looks) + 1
        short = template.pop("revision", "") or f"ml-model-{number:05}-abc"
        name = f"{PLACE}/revisions/{short}"
        self.revisions[short] = {
            "name": name,
            "service": PLACE,
            "createTime": f"2026-11-21T12:{number:02}:00Z",
            "containers": template["containers"],
            "logUri": LOGS,
            "reconciling": True,
            "conditions": [{"type": "Ready", "state": "CONDITION_RECONCILING"}],
        }
        self._looks[short] = 0
        self.service["latestCreatedRevision"] = name

    def _lead(self) -> None:
        """Lead requests as the service says; to what is not ready, none can go."""
        latest = self.service.get("latestReadyRevision", "").rpartition("/")[2]
        statuses = []
        for target in self.service["traffic"]:
            name = target.get("revision") or latest
            if not name:
                continue
            assert name in self.revisions, f"requests for {name}, which is not there"
            status = {**target, "revision": name}
            statuses.append(status)
            if target.get("percent") and self.serving[-1:] != [name]:
                (ready,) = [
                    each for each in self.revisions[name]["conditions"] if each["type"] == "Ready"
                ]
                assert ready["state"] == "CONDITION_SUCCEEDED", f"{name} is not ready"
                self.serving.append(name)
                self.served.append(self.revisions[name]["containers"][0]["image"])
        self.service["trafficStatuses"] = statuses

    @property
    def remembered(self) -> dict[str, str]:
        """Return our annotations, without their prefix."""
        return {
            name.removeprefix("slipway.dev/"): text
            for name, text in self.service["annotations"].items()
            if name.startswith("slipway.dev/")
        }


@dataclass
class Person:
    """Somebody at the service, by Google's own client."""

    border: Border
    api: RunApi

    def changes(self, **fields: Any) -> None:
        """Update fields of the service, and wait until it is done."""
        described = run_contract.document() | {"rootUrl": f"{self.border.url}/"}
        client = googleapiclient.discovery.build_from_document(
            json.dumps(described), http=httplib2.Http()
        )
        services = client.projects().locations().services()
        services.patch(name=PLACE, updateMask=",".join(fields), body=fields).execute()
        self.api.settle()

    def deploys(self, image: str) -> None:
        """Do as `gcloud run deploy --image` does, which leads requests as the service says."""
        template = copy.deepcopy(self.api.service["template"])
        template.pop("revision", None)
        template["containers"][0]["image"] = image
        self.changes(template=template)

    def leads_requests_to(self, **percents: int) -> None:
        """Do as `gcloud run services update-traffic --to-revisions` does; _ stands for -."""
        self.changes(
            traffic=[
                {"type": _REVISION, "revision": name.replace("_", "-"), "percent": percent}
                for name, percent in percents.items()
            ]
        )


def _common_reasons() -> list[str]:
    condition = run_contract.document()["schemas"]["GoogleCloudRunV2Condition"]["properties"]
    found: list[str] = condition["reason"]["enum"]
    return found


def error(code: int, status: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "status": status, "message": message}}
