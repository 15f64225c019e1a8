"""Holds `docs/` to the code: what exists is there, and what is there exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import pytest

from app.api import headers, negotiation, parameters, problems
from app.api.telemetry import Telemetry
from app.application import create_app
from app.cli import COMMANDS
from app.kinds.mask_rcnn.face import INSTANCES
from app.kinds.registry import kinds
from app.records.outbox import Outbox
from app.records.settings import RecordSettings
from app.serving import versions
from app.serving.client import InferenceClient, ModelStatus
from app.settings import Settings

DOCS = Path(__file__).resolve().parents[1] / "docs"
HTTP = (DOCS / "http.md").read_text()


def _section(title: str) -> str:
    """Return the text under a heading of http.md, up to the next one."""
    return HTTP.partition(f"## {title}\n")[2].partition("\n## ")[0]


def _first_cells(text: str) -> set[str]:
    return set(re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE))


def test_every_setting_is_documented_with_its_default_and_no_other():
    rows = re.findall(
        r"^\| `([A-Za-z_]+)` \| (?:`([^`]*)`)? ?\|",
        (DOCS / "settings.md").read_text(),
        re.MULTILINE,
    )
    settings = {name: default for name, (default, _) in Settings.variables().items()}
    assert dict(rows) == settings


def test_what_a_platform_calls_a_setting_is_documented_beside_it():
    rows = (DOCS / "settings.md").read_text().splitlines()
    documented = {
        alias: re.findall(r"^\| `([A-Z_]+)` \|", row)[0]
        for row in rows
        for alias in re.findall(r"(?:AI|/serving)'s `([A-Z_]+)` says the same", row)
    }
    assert documented == Settings.aliases()


def test_every_route_is_documented_and_no_other():
    app = create_app(Settings.from_environment({}), cast(InferenceClient, object()))
    documented = set(re.findall(r"`(?:GET |POST )?(/[^` ]*)`", HTTP.partition("\n## ")[0]))
    assert documented == {rule.rule for rule in app.url_map.iter_rules()}


def test_every_parameter_is_documented_and_no_other():
    table = _section("POST /predict").partition("| request header |")[0]
    assert _first_cells(table) == set(parameters.PredictParameters.model_fields)


def test_every_request_header_is_documented_and_no_other():
    table = _section("POST /predict").partition("| request header |")[2].partition("\n\n")[0]
    documented = set(re.findall(r"^\| `([A-Za-z-]+)` \|", table, re.MULTILINE))
    fields = headers.PredictHeaders.model_fields.values()
    assert documented == {field.alias for field in fields}


def test_every_form_of_an_answer_is_documented_with_its_media_type_and_no_other():
    rows = re.findall(r"^\| `(\w+)` \| `(\w+/[^`]+)` \|", _section("POST /predict"), re.MULTILINE)
    assert dict(rows) == negotiation.media_types(INSTANCES)


def test_every_problem_is_documented_under_its_status_and_no_other():
    rows = re.findall(r"^\| (\d{3}) \| (.+) \|$", _section("Problems"), re.MULTILINE)
    documented = {
        (int(status), slug) for status, slugs in rows for slug in re.findall("`(.+?)`", slugs)
    }
    assert documented == {(status, slug) for slug, (status, _) in problems.PROBLEMS.items()}


class _IdleClient:
    """Answers as a client of an inference process that has no model."""

    def models(self) -> list[ModelStatus]:
        return []

    def trouble(self) -> str | None:
        return None


def test_every_metric_is_documented_and_no_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    records = Outbox(
        tmp_path / "predictions.sqlite", RecordSettings(bigquery_table="project.dataset.table")
    )
    records.confirm("bigquery", 0)
    text = Telemetry().scrape(cast(InferenceClient, _IdleClient()), records).decode()
    records.close()
    scraped = re.findall(r"^# TYPE (slipway_\w+)", text, re.MULTILINE)
    metrics = {name for name in scraped if not name.endswith("_created")}
    assert _first_cells(_section("Metrics")) == metrics


@pytest.mark.parametrize(
    "page",
    [
        "docs/http.md",
        "docs/image.md",
        "docs/troubleshooting.md",
        "kubernetes/base/deployment.yaml",
    ],
)
def test_how_large_a_body_is_held_in_memory_is_told_alike_everywhere(root: Path, page: str):
    told = re.findall(
        r"(?:bodies above|bodies of more than|Uploads above|by nginx, up to) (\d+ [KM]iB)",
        (root / page).read_text(),
    )
    (held,) = re.findall(r"client_body_buffer_size (\d+)k;", (root / "nginx.conf").read_text())
    assert told == [f"{held} KiB"]


def test_every_command_is_documented_and_no_other(root: Path):
    page = (root / "app" / "cli" / "README.md").read_text()
    assert re.findall(r"^\| `slipway ([a-z-]+)", page, re.MULTILINE) == list(COMMANDS)


def test_every_key_of_model_yaml_and_versions_yaml_is_documented_and_no_other(root: Path):
    page = (root / "docs" / "models.md").read_text()
    of_models, _, of_versions = page.partition("\n## Several versions")
    keys = {key for kind in kinds() for key in kind.options.model_fields}
    # Kinds may have a key of one name each, such as `resize`, of which each section tells once.
    told = [re.findall(r"^\| `(\w+)` \|", one, re.MULTILINE) for one in of_models.split("\n## ")]
    assert {key for section in told for key in section} == keys
    assert all(len(set(section)) == len(section) for section in told)
    assert tuple(re.findall(r"^\| `(\w+)` \|", of_versions, re.MULTILINE)) == versions.KEYS


@pytest.mark.parametrize("name", ["security", "deployment"])
def test_every_test_that_a_page_names_is_there(root: Path, name: str):
    page = (root / "docs" / f"{name}.md").read_text()
    named = set(re.findall(r"`(test_\w+)`", page))
    tests = "\n".join(path.read_text() for path in (root / "tests").rglob("test_*.py"))
    there = set(re.findall(r"^def (test_\w+)", tests, re.MULTILINE))
    assert len(named) >= 15
    assert named - there == set()


def test_every_line_of_the_security_page_names_a_test(root: Path):
    page = (root / "docs" / "security.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ")][2:]
    assert all("`test_" in row for row in rows)
    assert len(rows) >= 15
