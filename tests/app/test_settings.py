"""Settings: what is read, and the one line that refuses a bad value."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from app.settings import Settings, SettingsError


def test_everything_has_a_default():
    settings = Settings.from_environment({})
    assert settings.serving.model_repository == Path("models")
    assert (settings.hosting.port, settings.serving.default_model) == (8080, None)
    assert settings.serving.inference == "process"


def test_an_empty_variable_counts_as_unset():
    assert Settings.from_environment({"PORT": "", "DEFAULT_MODEL": " "}).hosting.port == 8080


def test_values_are_read_from_the_environment():
    settings = Settings.from_environment(
        {"PORT": "9000", "LOG_LEVEL": "DEBUG", "INFERENCE_TIMEOUT_S": "2.5", "DEFAULT_MODEL": "a"}
    )
    assert (settings.hosting.port, settings.log_level) == (9000, "debug")
    assert (settings.serving.inference_timeout_s, settings.serving.default_model) == (2.5, "a")


def test_servers_on_two_ports_have_two_sockets():
    first, second = (Settings.from_environment({"PORT": port}).serving for port in ("81", "82"))
    assert first.inference_socket != second.inference_socket


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        pytest.param("PORT", "0", "a whole number from 1 to 65535", id="too small"),
        pytest.param("PORT", "9" * 5000, "a whole number from 1 to 65535", id="5000 digits"),
        pytest.param("PORT", "8080x", "a whole number from 1 to 65535", id="no number"),
        pytest.param("HTTP_THREADS", "²", "a whole number from 1 to 256", id="no ASCII digit"),
        pytest.param("LOG_LEVEL", "loud", "one of debug, info, warning, error", id="no choice"),
        pytest.param("INFERENCE_TIMEOUT_S", "nan", "a number of seconds from 0.1", id="nan"),
        pytest.param("MODEL_REPOSITORY", "ftp://a/b", "gs://, s3:// or az://", id="no bucket"),
        pytest.param("MODEL_REPOSITORY", "gs://", "a folder on this machine", id="no name"),
        pytest.param("MODEL_MIRROR", "gs://a", "a folder on this machine", id="mirror"),
        pytest.param("INFERENCE_SOCKET", "/" + "a" * 110, "at most 103 bytes", id="long socket"),
        pytest.param("HEALTH_ROUTE", "ping", "begins with one /", id="no path"),
        pytest.param("PREDICT_ROUTE", "/<name>", "a path of letters", id="pattern"),
        pytest.param("AIP_HEALTH_ROUTE", "//ping", "begins with one /", id="path of a host"),
        pytest.param("AIP_PREDICT_ROUTE", "/a?b=c", "a path of letters", id="query"),
        pytest.param("AIP_HTTP_PORT", "http", "a whole number from 1 to 65535", id="alias"),
    ],
)
def test_a_bad_value_is_refused_with_one_line(variable: str, value: str, allowed: str):
    with pytest.raises(SettingsError) as refusal:
        Settings.from_environment({variable: value})
    line = str(refusal.value)
    assert line.startswith(f"{variable}={value!r}: must be ")
    assert allowed in line
    assert "\n" not in line


def test_a_bucket_has_a_folder_of_its_own_for_its_mirror():
    caches = {"XDG_CACHE_HOME": "/caches"}
    folders = []
    for address in ("gs://a/b", "gs://a-b", "s3://a/b"):
        settings = Settings.from_environment({"MODEL_REPOSITORY": address, **caches})
        assert settings.serving.model_bucket == settings.masked()["MODEL_REPOSITORY"] == address
        folders.append(settings.serving.model_repository)
        assert settings.serving.model_repository.parent == Path("/caches/slipway/mirrors")
    assert len({*folders}) == 3
    told = {"MODEL_REPOSITORY": "gs://a/b/", "MODEL_MIRROR": "/volume"}
    mirrored = Settings.from_environment(told).serving
    assert mirrored.model_repository == Path("/volume") / folders[0].name
    assert Settings.from_environment({}).serving.model_bucket is None


@pytest.mark.parametrize("variable", ["AIP_HTTP_PORT", "PORT"])
def test_a_platform_may_give_the_port_under_its_own_name(variable: str):
    settings = Settings.from_environment({variable: "9000", "AIP_MODE": "PREDICTION"})
    same = Settings.from_environment({"PORT": "9000"})
    assert settings.hosting.port == 9000
    assert settings.serving.inference_socket == same.serving.inference_socket


@pytest.mark.parametrize(
    ("given", "folder", "model"),
    [
        pytest.param({"MODEL_NAME": "iris_model"}, "/models", "iris_model", id="name"),
        pytest.param({"MODEL_BASE_PATH": "/srv"}, "/srv", None, id="folder"),
        pytest.param({"MODEL_NAME": "a", "MODEL_BASE_PATH": "/srv"}, "/srv", "a", id="both"),
        pytest.param(
            {"MODEL_NAME": "a", "MODEL_REPOSITORY": "/mine"}, "/mine", "a", id="folder of ours"
        ),
    ],
)
def test_the_variables_of_tensorflow_servings_image_are_taken_with_its_defaults(
    given: dict[str, str], folder: str, model: str | None
):
    settings = Settings.from_environment(given)
    assert (settings.hosting.port, settings.serving.default_model) == (8501, model)
    assert settings.serving.model_repository == Path(folder)
    assert Settings.from_environment({**given, "PORT": "9000"}).hosting.port == 9000


def test_two_names_of_a_setting_may_say_the_same():
    settings = Settings.from_environment({"PORT": "9000", "AIP_HTTP_PORT": "09000"})
    assert settings.hosting.port == 9000


@pytest.mark.parametrize(
    ("alias", "variable", "told", "given"),
    [
        ("AIP_HTTP_PORT", "PORT", "9000", "8080"),
        ("MODEL_NAME", "DEFAULT_MODEL", "iris", "street"),
        ("MODEL_BASE_PATH", "MODEL_REPOSITORY", "/models", "/app/models"),
        ("AIP_HEALTH_ROUTE", "HEALTH_ROUTE", "/health", "/ping"),
        ("AIP_PREDICT_ROUTE", "PREDICT_ROUTE", "/predict", "/invocations"),
    ],
)
def test_a_setting_that_contradicts_the_platform_is_refused(
    alias: str, variable: str, told: str, given: str
):
    assert Settings.aliases()[alias] == variable
    with pytest.raises(SettingsError) as refusal:
        Settings.from_environment({alias: told, variable: given})
    expected = f"{variable}={given!r}: must be {told!r}, as {alias} is, or not set"
    assert str(refusal.value) == expected


@pytest.mark.parametrize("variable", ["TLS_KEY", "TLS_CERTIFICATE"])
def test_a_certificate_and_its_key_come_together(variable: str, tmp_path: Path):
    file = tmp_path / "own.pem"
    file.touch()
    with pytest.raises(SettingsError, match=r"^TLS_CERTIFICATE, TLS_KEY: must both be files"):
        Settings.from_environment({variable: str(file)})


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("serving", "queue_limit"),
        ("hosting", "port"),
        ("api", "health_route"),
        ("limits", "request_pixels"),
    ],
)
def test_no_setting_changes_after_the_start(group: str, name: str):
    settings = getattr(Settings.from_environment({}), group)
    with pytest.raises(FrozenInstanceError):
        setattr(settings, name, getattr(settings, name))


def test_they_are_read_where_nothing_is_installed(root: Path):
    read = "from app.settings import Settings; print(Settings.from_environment().hosting.port)"
    command = [sys.executable, "-S", "-c", read]
    outcome = subprocess.run(
        command, cwd=root, env={"PORT": "9000"}, capture_output=True, text=True, check=True
    )
    assert outcome.stdout == "9000\n"


def test_the_log_gets_every_variable():
    logged = Settings.from_environment({}).masked()
    assert set(logged) == set(Settings.variables())
    assert json.loads(json.dumps(logged)) == logged
