"""Sets up all that lies between a build's message and its pods, and takes it down again."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.cloud_function.border import Border, BuildApi
from tests.cloud_function.images import Images
from tests.cloud_function.samples import REPOSITORY
from tests.cluster.function import Function
from tests.cluster.gate import Gate
from tests.cluster.pubsub import MANY_ATTEMPTS, Bus
from tests.cluster.site import QUICK, Form, Site


@dataclass(frozen=True)
class Stage:
    """What is there from before: images, Pub/Sub, Cloud Build's API; `folder` takes the logs.

    `settings` are the function's, over those that the tests have it run with.
    """

    images: Images
    pubsub_address: str
    build_api: BuildApi
    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def __call__(
        self, form: Form = QUICK, *, attempts: int = MANY_ATTEMPTS, gate: Gate | None = None
    ) -> Iterator[Site]:
        """Fill a namespace and start the function, which Pub/Sub pushes to.

        `attempts` is how often a message is delivered at most; `gate` stands before the API server.
        """
        registry = self.images.registry
        site = Site(f"rollout-{uuid.uuid4().hex[:8]}", registry, self.build_api)
        site.kubectl("create", "namespace", site.name)
        try:
            with Border(self.build_api.answer) as border:
                google = {
                    "CLOUD_BUILD_ENDPOINT": border.url,
                    "ARTIFACT_REGISTRY_ENDPOINT": border.url,
                    "IMAGE_TAGS": "1",
                }
                site.grant(self.folder, **google, **self.settings)
                if gate:
                    gate.lead(Path(site.environment["KUBECONFIG"]))
                first = form.digest or registry.push(VERSION="first")
                site.deploy(f"{REPOSITORY}@{first}", form)
                # The function starts while the pods do.
                with self._connected(site, attempts):
                    # A real model's image takes as long to come and load as a rollout of it.
                    site.settle(max(90, form.deadline_s))
                    site.opens()
                    yield site
        finally:
            site.kubectl("delete", "namespace", site.name, "--wait=false")

    @contextmanager
    def _connected(self, site: Site, attempts: int) -> Iterator[None]:
        site.bus = Bus(self.pubsub_address, site.name)
        try:
            with Function(self.folder / "function.log", site.environment) as function:
                site.function = function
                site.bus.push_to(function.url, attempts)
                yield
        finally:
            site.bus.close()
