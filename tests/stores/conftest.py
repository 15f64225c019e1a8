"""A Cloud Storage, which the environment says where it is, and new buckets in it."""

from __future__ import annotations

import json
import urllib.request
import uuid

import pytest

from tests import parts


@pytest.fixture(scope="module")
def storage() -> str:
    """Return where Cloud Storage is: a stand-in."""
    return parts.told_by("STORAGE_EMULATOR_HOST", "a Cloud Storage")


@pytest.fixture
def bucket(storage: str) -> str:
    """Return a new bucket."""
    name = f"models-{uuid.uuid4().hex[:8]}"
    request = urllib.request.Request(
        f"{storage}/storage/v1/b?project=lab",
        json.dumps({"name": name}).encode(),
        {"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=30).close()
    return name
