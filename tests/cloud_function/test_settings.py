"""Settings: what is missing or wrong is one line that names it, and each is documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rollout.errors import SettingsError
from rollout.settings import Settings
from rollout.targets import FIELDS
from tests.cloud_function.samples import ENVIRONMENT


@pytest.mark.parametrize("missing", ["PROJECT", "ZONE", "CLUSTER", "DEPLOYMENT"])
def test_a_missing_variable_is_named(missing: str):
    with pytest.raises(SettingsError, match=rf"^{missing}: must be set\. "):
        Settings.from_environment(ENVIRONMENT | {missing: " "})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PROJECT", "My Project"),
        ("ZONE", "Europe"),
        ("CLUSTER", "../x"),
        ("DEPLOYMENT", "ml_model"),
        ("IMAGE_REPOSITORY", "europe-docker.pkg.dev/p/r/image:tag"),
        ("REFS", "refs/heads/("),
        ("KUBECONFIG", "/nowhere/config"),
        ("KUBECONFIG", "~no-such-user/config"),
        ("APPROVAL", "maybe"),
        ("ON_MANUAL_CHANGE", "fight"),
        ("DRY_RUN", "perhaps"),
        ("COMMANDS", "reconcile,explode"),
        ("WATCH_TIMEOUT_S", "541"),
        ("POLL_INTERVAL_S", "nan"),
        ("CLOUD_BUILD_ENDPOINT", "http://example.com"),
        ("CLOUD_BUILD_ENDPOINT", "https://"),
        ("CONTAINER_ENDPOINT", "https://[::1"),
        ("GITHUB_ENDPOINT", "https://github.example.com:99999"),
        ("BUILD_REGION", "mars"),
        ("REGION", "europe-west1-b"),
        ("SERVICE", "ml_model"),
        ("SERVICE", "m" * 50),
        ("CLOUD_RUN_ENDPOINT", "http://example.com"),
    ],
)
def test_a_wrong_value_is_one_line_with_the_variable_the_value_and_what_is_allowed(
    variable: str, value: str
):
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment(ENVIRONMENT | {variable: value})
    assert re.fullmatch(rf"{variable}='{re.escape(value)}': must be [a-z1].+", str(refused.value))


def test_a_kubeconfig_stands_for_zone_and_cluster(tmp_path: Path):
    config = tmp_path / "config"
    config.touch()
    environment = {"PROJECT": "my-project", "DEPLOYMENT": "ml-model", "KUBECONFIG": str(config)}
    (target,) = Settings.from_environment(environment).targets
    assert target.kubeconfig == config
    assert target.label == "kubeconfig/default/ml-model"


def test_a_cloud_run_service_stands_for_cluster_and_deployment(tmp_path: Path):
    environment = {"PROJECT": "my-project", "SERVICE": "ml-model", "REGION": "europe-west1"}
    # A shell has it for other programs.
    (tmp_path / "config").touch()
    with_kubectl = environment | {"KUBECONFIG": str(tmp_path / "config")}
    (target,) = Settings.from_environment(with_kubectl).targets
    assert target.label == "cloud-run/europe-west1/ml-model"
    assert target.kubeconfig is None
    for missing in ("PROJECT", "REGION"):
        with pytest.raises(SettingsError, match=rf"^{missing}: must be set\. "):
            Settings.from_environment(environment | {missing: ""})


def test_a_target_is_a_deployment_or_a_service_and_not_both():
    both = ENVIRONMENT | {"SERVICE": "ml-model", "REGION": "europe-west1"}
    with pytest.raises(SettingsError, match=r"^SERVICE='ml-model': must not be beside DEPLOYMENT="):
        Settings.from_environment(both)
    text = "[{service: a, region: us-central1}, {deployment: b}]"
    first, second = Settings.from_environment(ENVIRONMENT | {"TARGETS": text}).targets
    assert (first.label, second.label) == ("cloud-run/us-central1/a", "slipway/default/b")
    text = "[{service: a, region: us-central1, deployment: b}]"
    with pytest.raises(SettingsError, match=r"^TARGETS\[0\]\.service='a': must not be beside"):
        Settings.from_environment(ENVIRONMENT | {"TARGETS": text})


def test_targets_are_entries_over_what_the_environment_says():
    text = """
    - {deployment: a}
    - {deployment: b, cluster: other, zone: us-central1, refs: [refs/tags/v.*, refs/heads/x]}
    """
    first, second = Settings.from_environment(ENVIRONMENT | {"TARGETS": text}).targets
    assert first.label == "slipway/default/a"
    assert second.label == "other/default/b"
    assert second.refs == ("refs/tags/v.*", "refs/heads/x")
    assert first.project == second.project == "my-project"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", r"TARGETS: must be a list"),
        ("[]", r"TARGETS: must be a list in YAML or JSON with at least one entry"),
        ("[2020-13-45]", r"TARGETS: must be a list in YAML or JSON: .*month"),
        ("[" * 2000, r"TARGETS: must be a list in YAML or JSON: .*recursion"),
        ("[{zone: a, zone: b}]", r"TARGETS: must be a list .*: zone is there twice .*column 12"),
        ("[x]", r"TARGETS\[0\]='x': must be an object"),
        ("[{}, {deploy: a}]", r"TARGETS\[1\]\.deploy: unknown; known are "),
        ("[{zone: Mars}]", r"TARGETS\[0\]\.zone='Mars': must be a zone or region"),
        ("[{deployment: 7}]", r"TARGETS\[0\]\.deployment=7: must be text"),
        ("[{deployment: ''}]", r"TARGETS\[0\]\.deployment: must be set"),
        ("[{}, {}]", r"TARGETS\[1\]: is there twice"),
    ],
)
def test_a_wrong_target_is_named_by_its_place(text: str, complaint: str):
    with pytest.raises(SettingsError, match=f"^{complaint}") as refused:
        Settings.from_environment(ENVIRONMENT | {"TARGETS": text})
    assert "\n" not in str(refused.value)


def test_secrets_are_masked_and_not_repeated_in_errors():
    secret = "https://hooks.slack.com/services/T/B/hush"
    settings = Settings.from_environment(
        ENVIRONMENT | {"SLACK_WEBHOOK_URL": secret, "GITHUB_TOKEN": "hush"}
    )
    assert "hush" not in str(settings.masked())
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment(ENVIRONMENT | {"SLACK_WEBHOOK_URL": "http://hush"})
    assert str(refused.value).startswith("SLACK_WEBHOOK_URL='***'")


def test_every_setting_of_the_function_is_documented_with_its_default_and_no_other(root: Path):
    section = (root / "docs" / "rollout.md").read_text().partition("## Settings\n")[2]
    table = section.partition("\n## ")[0].replace(r"\|", "|")
    rows = re.findall(r"^\| `([A-Z_]+)` \| (?:`([^`]*)`)? ?\|", table, re.MULTILINE)
    defaults = {name: default for name, (default, _) in Settings.variables().items()}
    assert dict(rows) == defaults
    assert all(f"`{name}`" in table for name in FIELDS)
