"""Where a GKE cluster's API server is, by GKE's own API."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollout.errors import PermanentError
from rollout.gcp import GoogleApis
from rollout.targets import Target


@dataclass(frozen=True)
class Endpoint:
    """An API server's URL, and its certificate authority where it has one of its own (PEM)."""

    url: str
    authority: str | None


def locate(apis: GoogleApis, endpoint: str, target: Target) -> Endpoint:
    """Return the endpoint of the target's cluster. Raises PermanentError and TransientError."""
    where = f"projects/{target.project}/locations/{target.zone}/clusters/{target.cluster}"
    return endpoint_of(apis.get(f"{endpoint}/v1/{where}"))


def endpoint_of(cluster: Mapping[str, Any]) -> Endpoint:
    """Return the DNS endpoint if this caller may use it, else the address with its authority.

    The DNS endpoint has a publicly trusted certificate, is guarded by IAM and needs no connector.
    """
    control = cluster.get("controlPlaneEndpointsConfig") or {}
    dns = control.get("dnsEndpointConfig") or {}
    if dns.get("endpoint") and dns.get("allowExternalTraffic"):
        return Endpoint(f"https://{dns['endpoint']}", None)
    name = cluster.get("name", "?")
    address = cluster.get("endpoint")
    encoded = (cluster.get("masterAuth") or {}).get("clusterCaCertificate")
    if not address or not encoded:
        raise PermanentError(
            f"cluster {name}: neither a DNS endpoint nor an address with a certificate"
        )
    try:
        authority = base64.b64decode(encoded, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        raise PermanentError(f"cluster {name}: its certificate is not base64") from None
    return Endpoint(f"https://{address}", authority)
