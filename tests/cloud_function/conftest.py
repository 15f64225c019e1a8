"""What the function's tests share: stand-ins at the network's border."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cloud_function.border import Border, BuildApi


@pytest.fixture
def build_api() -> BuildApi:
    """Return the builds that Cloud Build's API knows; `build_border` serves them."""
    return BuildApi()


@pytest.fixture
def build_border(build_api: BuildApi) -> Iterator[Border]:
    """Serve `build_api` on loopback."""
    with Border(build_api.answer) as border:
        yield border
