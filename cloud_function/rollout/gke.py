"""Where a GKE cluster's API server is: the one place that knows google-cloud-container.

The package is slow to import, so only a lookup does: a message of a build that goes on, and a
cluster of a kubeconfig, start without.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rollout.errors import PermanentError, TransientError
from rollout.gcp import AuthError, GoogleApis, failure
from rollout.targets import Target

if TYPE_CHECKING:
    from google.cloud.container_v1 import Cluster

_TIMEOUT_S = 20
_TRIES_FOR_S = 1.5


@dataclass(frozen=True)
class Endpoint:
    """An API server's URL, and its certificate authority where it has one of its own (PEM)."""

    url: str
    authority: str | None


def locate(apis: GoogleApis, endpoint: str, target: Target) -> Endpoint:
    """Return the endpoint of the target's cluster. Raises PermanentError and TransientError."""
    where = f"projects/{target.project}/locations/{target.zone}/clusters/{target.cluster}"
    return endpoint_of(_cluster(apis, endpoint, where))


def _cluster(apis: GoogleApis, endpoint: str, name: str) -> Cluster:
    """Ask GKE's API; this turns all that its package raises into this room's errors."""
    from google.api_core import exceptions, retry
    from google.cloud.container_v1 import ClusterManagerClient
    from google.protobuf import json_format

    what = f"{endpoint}/v1/{name}"
    options = {"api_endpoint": endpoint}
    again = retry.Retry(
        retry.if_exception_type(exceptions.ServerError, OSError),
        initial=0.1,
        multiplier=3,
        timeout=_TRIES_FOR_S,
    )
    credentials = apis.credentials(endpoint)
    try:
        # Over gRPC it takes as long and more memory: docs/benchmarks.md.
        with ClusterManagerClient(
            credentials=credentials, transport="rest", client_options=options
        ) as client:
            return client.get_cluster(name=name, retry=again, timeout=_TIMEOUT_S)
    except (exceptions.GoogleAPICallError, exceptions.RetryError) as error:
        answer = getattr(getattr(error, "cause", error), "response", None)
        if answer is None:
            raise TransientError(f"{what} cannot be asked: {error}") from error
        raise failure(what, answer.status_code, answer.content) from error
    # The package's own reader of errors takes for granted that they are objects and not deep.
    except (json_format.Error, AttributeError, TypeError, RecursionError) as error:
        raise TransientError(f"{what} answers with something other than a cluster") from error
    except (OSError, ValueError, AuthError) as error:
        raise TransientError(f"{what} cannot be asked: {error}") from error


def endpoint_of(cluster: Cluster) -> Endpoint:
    """Return the DNS endpoint if this caller may use it, else the address with its authority.

    The DNS endpoint has a publicly trusted certificate, is guarded by IAM and needs no connector.
    """
    dns = cluster.control_plane_endpoints_config.dns_endpoint_config
    if dns.endpoint and dns.allow_external_traffic:
        return Endpoint(f"https://{dns.endpoint}", None)
    encoded = cluster.master_auth.cluster_ca_certificate
    if not cluster.endpoint or not encoded:
        raise PermanentError(
            f"cluster {cluster.name or '?'}: "
            "neither a DNS endpoint nor an address with a certificate"
        )
    try:
        authority = base64.b64decode(encoded, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        raise PermanentError(f"cluster {cluster.name}: its certificate is not base64") from None
    return Endpoint(f"https://{cluster.endpoint}", authority)
