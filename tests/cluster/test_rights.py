"""The function has exactly the Role that the manifests ship: each right is needed, none is left."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml

from tests.cloud_function.namespace import NAME, ROLE
from tests.cluster.site import Site

pytestmark = pytest.mark.cluster

RULES: list[dict[str, Any]] = next(
    one["rules"] for one in yaml.safe_load_all(ROLE.read_text()) if one["kind"] == "Role"
)
#: A line of `kubectl auth can-i --list`: what, of which names, what may be done with it.
LISTED = re.compile(r"^(\S+)\s+\[\]\s+\[(.*?)\]\s+\[(.*?)\]$", re.MULTILINE)
RIGHTS = [(rule["resources"][0], verb) for rule in RULES for verb in rule["verbs"]]
FORBIDDEN = [
    f"delete deployment {NAME}",
    f"scale deployment {NAME} --replicas=0",
    "get deployments",
    "patch deployment other -p {}",
    "create deployment other --image=x",
    "get configmap ml-model-config",
    "get secrets",
    "get pods --all-namespaces",
    "delete pods --all",
    f"exec deployment/{NAME} -- /server",
    "create token ml-model",
]


@contextmanager
def _without(site: Site, resource: str, verb: str) -> Iterator[None]:
    """Take one right away; give it back in the end."""
    left = [
        rule | {"verbs": [other for other in rule["verbs"] if other != verb]}
        if rule["resources"] == [resource]
        else rule
        for rule in RULES
    ]
    _set_rules(site, [rule for rule in left if rule["verbs"]])
    try:
        yield
    finally:
        _set_rules(site, RULES)


def _set_rules(site: Site, rules: list[dict[str, Any]]) -> None:
    patch = json.dumps([{"op": "replace", "path": "/rules", "value": rules}])
    site.kubectl("patch", "role", "onnewimage", "--type=json", "-p", patch)


def test_the_function_is_the_service_account_of_the_manifests_and_has_its_rights_alone(
    site: Site,
):
    me = json.loads(site.as_function("auth", "whoami", "-o", "json").stdout)
    user = me["status"]["userInfo"]["username"]
    assert user == f"system:serviceaccount:{site.name}:onnewimage"
    listed = site.as_function("auth", "can-i", "--list", "--no-headers").stdout
    # Whoever has logged in may ask about himself.
    found = {match for match in LISTED.findall(listed) if not match[0].startswith("selfsubject")}
    assert found == {
        (
            ".".join([rule["resources"][0], *filter(None, rule["apiGroups"])]),
            " ".join(rule.get("resourceNames", ())),
            " ".join(rule["verbs"]),
        )
        for rule in RULES
    }


def test_calls_outside_of_the_role_are_forbidden(site: Site):
    for call in FORBIDDEN:
        refused = site.as_function(*call.split())
        assert refused.returncode != 0, call
        assert "forbidden" in refused.stderr, call


def test_each_right_of_the_role_is_needed_and_one_that_was_missing_is_made_up_for(
    site: Site,
):
    first = site.image
    function = site.function
    assert function
    for number, (resource, verb) in enumerate(RIGHTS):
        build_id = f"bad-{number}"
        # A rollout that fails needs all rights: those to look into pods, too.
        site.announced(build_id, f"sha256:{number:064}")
        complaint = f'cannot {verb} resource "{resource}"'
        with _without(site, resource, verb):
            site.publish(build_id)
            site.until(lambda wanted=complaint: function.says(wanted), complaint)
        site.ended("rolled-back", count=number + 1)
        assert site.image == first
        assert site.remembered["build-id"] == build_id
