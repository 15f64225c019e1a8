"""What arrives is read whatever form it has; what nobody can read is refused with the reason."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from rollout.errors import BadEventError
from rollout.event import BuildReport, Command, read
from tests.cloud_function.samples import build_document, push

DOCUMENT = build_document()
WRAPPED = push(DOCUMENT)
UNPADDED = base64.urlsafe_b64encode(json.dumps(DOCUMENT).encode()).decode().rstrip("=")
ENVELOPE = {
    "specversion": "1.0",
    "type": "google.cloud.pubsub.topic.v1.messagePublished",
    "source": "//pubsub.googleapis.com/projects/my-project/topics/cloud-builds",
    "id": "7",
}
TWICE = {"message_id": "7", "publish_time": "2026-11-21T11:00:01Z"}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(WRAPPED, id="data of a binary CloudEvent"),
        pytest.param(json.dumps(WRAPPED).encode(), id="the same as bytes"),
        pytest.param(json.dumps(WRAPPED), id="the same as text"),
        pytest.param(ENVELOPE | {"data": WRAPPED}, id="structured CloudEvent"),
        pytest.param(ENVELOPE | {"data": json.dumps(WRAPPED)}, id="structured, data as text"),
        pytest.param(
            ENVELOPE | {"data_base64": base64.b64encode(json.dumps(WRAPPED).encode()).decode()},
            id="structured, data as base64",
        ),
        pytest.param({"message": WRAPPED["message"]}, id="push without a subscription"),
        pytest.param(push(DOCUMENT, **TWICE), id="names in both spellings"),
        pytest.param(WRAPPED["message"], id="bare message"),
        pytest.param(push(DOCUMENT, data=UNPADDED), id="urlsafe base64 without padding"),
        pytest.param(push(DOCUMENT, data=DOCUMENT), id="data not encoded"),
        pytest.param(push(DOCUMENT, attributes=None), id="no attributes"),
        pytest.param(DOCUMENT, id="bare build"),
    ],
)
def test_every_encoding_says_the_same(content: Any):
    report = read(content)
    assert isinstance(report, BuildReport)
    assert (report.build_id, report.status) == ("build-a", "SUCCESS")
    assert report.document == DOCUMENT


def test_attributes_alone_name_a_build_to_ask_for():
    report = read(push(DOCUMENT, data=""))
    assert report == BuildReport("build-a", "SUCCESS", {}, "7")


def test_unknown_fields_are_no_matter():
    report = read(push(DOCUMENT | {"newField": {"deep": [1]}}) | {"deliveryAttempt": 3})
    assert isinstance(report, BuildReport)


def test_an_action_is_a_command():
    message = {"attributes": {"action": "approve", "buildId": "build-a"}, "messageId": "9"}
    assert read({"message": message}) == Command("approve", "build-a", "9")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(b"\x00\xff", "not JSON", id="bytes"),
        pytest.param("[]", "a list where an object is expected", id="list"),
        pytest.param("[" * 100_000, "not JSON", id="too deep"),
        pytest.param(None, "missing where an object", id="nothing"),
        pytest.param({}, "names no build", id="empty"),
        pytest.param({"message": "text"}, "message is text", id="message of text"),
        pytest.param(push(DOCUMENT, data="%%%"), "not base64", id="not base64"),
        pytest.param(push(DOCUMENT, data="e30=", attributes={}), "names no build", id="no id"),
        pytest.param(push(DOCUMENT, data="bm8="), "data is not JSON", id="data not JSON"),
        pytest.param(push(DOCUMENT, data=7), "data is a number", id="data a number"),
        pytest.param(push(DOCUMENT, attributes=[1]), "attributes are a list", id="attributes"),
        pytest.param({"attributes": {"action": "explode"}}, "one of reconcile", id="action"),
        pytest.param(ENVELOPE, "the CloudEvent's data is missing", id="no data"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(content: Any, complaint: str):
    with pytest.raises(BadEventError, match=complaint):
        read(content)
