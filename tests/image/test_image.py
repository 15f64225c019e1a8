"""The image: what is in it, what it needs, and that a server in it answers, heals and stops."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.app.api.test_container_contracts import advised
from tests.image.containers import (
    DEMOS,
    RESTRICTED,
    BuiltImage,
    Container,
    ImageTool,
    assert_golden,
)

pytestmark = pytest.mark.image

GRACE_S = 30  # the shortest that a platform gives between SIGTERM and SIGKILL
MODEL = Path("models/shapes/1")
Run = Callable[..., Container]


@pytest.fixture(scope="module")
def server(run: Run) -> Container:
    """Return a ready server with as few rights as there are."""
    return run(*RESTRICTED)


@pytest.mark.parametrize("scene", ["scene-500", "scene-509"])
def test_a_user_without_rights_on_a_file_system_to_read_gets_the_golden_answer(
    server: Container, root: Path, scene: str
):
    answer = server.predict(root / MODEL / "samples" / f"{scene}.png")
    assert_golden(answer, root / MODEL / "golden" / f"{scene}.json")
    assert server.inside("id", "-u").strip() == "10001"


def test_a_photo_of_several_megabytes_waits_in_the_folder_that_may_be_written(
    server: Container, tmp_path: Path
):
    noise = np.random.default_rng(1).integers(0, 256, (1000, 1000, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    assert (tmp_path / "noise.png").stat().st_size > 2 << 20
    assert server.predict(tmp_path / "noise.png")["image"] == {"width": 1000, "height": 1000}


def test_process_1_is_slipway(server: Container):
    assert server.inside("cat", "/proc/1/comm").strip() == "slipway"


def test_the_network_has_as_many_threads_as_the_container_may_use_cores(server: Container):
    (settings,) = [event for event in server.log() if event["event"] == "settings"]
    assert settings["threads"] == 1


def test_everything_on_standard_output_is_json(server: Container):
    events = {event["event"] for event in server.log()}
    assert {"listening", "settings", "model_ready"} <= events


def test_the_health_check_tells_a_ready_server_from_one_that_is_not(server: Container, run: Run):
    assert server.is_healthy()
    stopping = run(*RESTRICTED, "-e", "STOP_DELAY_S=20")
    assert stopping.is_healthy()
    stopping.inside("sh", "-c", "kill -TERM 1")
    time.sleep(2)
    assert stopping.state()["Running"]
    assert not stopping.is_healthy()


def test_root_may_run_it_by_the_word_serve_alone_as_sagemaker_does_and_sigterm_ends_it_well(
    run: Run, root: Path
):
    settings = (f"{name}={value}" for name, value in advised("SageMaker").items())
    options = [word for setting in settings for word in ("-e", setting)]
    unpacked = ("-v", f"{root / 'models'}:/opt/ml/model:ro")
    server = run("--user", "0", *unpacked, *options, command=("serve",))
    assert server.inside("id", "-u").strip() == "0"
    assert server.status("/ping") == 200
    answer = server.predict(root / MODEL / "samples" / "scene-500.png", "/invocations")
    assert_golden(answer, root / MODEL / "golden" / "scene-500.json")
    server.stop(GRACE_S)
    assert server.state()["ExitCode"] == 0
    assert "stopped" in {event["event"] for event in server.log()}


def test_predictions_are_on_record_before_and_after_a_restart_of_the_container(
    run: Run, root: Path
):
    server = run(*RESTRICTED, "--user", "54321:0", "-e", "STOP_DELAY_S=0")
    photo = root / MODEL / "samples" / "scene-500.png"
    before = server.predict(photo)
    assert server.on_record() == {before["prediction_id"]: len(before["instances"])}
    server.restart(GRACE_S)
    after = server.predict(photo)
    assert list(server.on_record()) == [one["prediction_id"] for one in (before, after)]


def test_a_volume_that_nobody_may_write_costs_no_prediction(run: Run, root: Path, tmp_path: Path):
    server = run(*RESTRICTED, "-v", f"{tmp_path}:/var/lib/slipway:ro")
    assert server.predict(root / MODEL / "samples" / "scene-500.png")["instances"]
    (failed,) = [event for event in server.log() if event["event"] == "prediction_log_failed"]
    assert failed["file"] == "/var/lib/slipway/predictions.sqlite"
    metrics = server.ask("/metrics").body.decode()
    told = re.search(r'rows_lost_total{reason="failed"} (\d+)', metrics)
    assert told is not None
    assert int(told[1]) > 0


def test_a_user_that_nobody_knows_may_run_it_and_sigterm_ends_it_well(run: Run, root: Path):
    server = run(*RESTRICTED, "--user", "54321:0", "-e", "STOP_DELAY_S=1")
    assert server.predict(root / MODEL / "samples" / "scene-500.png")["instances"]
    began_at = time.monotonic()
    server.stop(GRACE_S)
    assert time.monotonic() - began_at < GRACE_S
    assert server.state()["ExitCode"] == 0
    assert not server.state()["OOMKilled"]


def test_its_models_are_checked_without_a_server_by_any_user_on_a_file_system_to_read(
    image: BuiltImage,
):
    told = image.shell("slipway check", *RESTRICTED, "--user", "54321:0")
    assert told.splitlines()[-1] == f"{DEMOS} of {DEMOS} versions can be served"


def test_it_reads_the_graphs_that_openvino_writes_as_forms_in_eight_bits_are(image: BuiltImage):
    told = image.shell("slipway export shapes --to openvino --out /tmp/shapes", *RESTRICTED)
    assert told.splitlines()[-1].startswith("it answers as the model does")


def test_it_holds_no_compiler_and_no_installer(image: BuiltImage):
    names = "cc gcc g++ c++ clang ld as make pip pip3 uv curl wget git"
    assert image.shell(f"for name in {names}; do command -v $name; done; true") == ""
    assert image.shell("python -c 'import pip' 2>&1 || true").strip().endswith("named 'pip'")


def test_nobody_may_write_to_its_files(image: BuiltImage):
    ours = image.shell("find /app /opt -writable")
    everywhere = image.shell(
        "find / -xdev ! -type l -perm -0002 ! -perm -1000 "
        "! -path '/proc/*' ! -path '/dev/*' ! -path '/sys/*'",
        "--user",
        "0",
    )
    assert (ours, everywhere) == ("", "")


def test_it_holds_the_server_and_nothing_else_of_the_checkout(image: BuiltImage):
    assert image.shell("ls /app").split() == [
        "LICENSE",
        "app",
        "models",
        "mrcnn",
        "nginx.conf",
        "uwsgi.ini",
    ]


def test_its_history_tells_nothing_of_the_machine_that_built_it(image: BuiltImage, root: Path):
    inspected = image.inspected()
    told = json.dumps([inspected["Config"], inspected["History"]])
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    hosts = re.findall(r"://(?:[^@/']*@)?([^/:']+)", listed.stdout)
    paths = re.findall(r"'(/[^']+)'", listed.stdout)
    for private in {*hosts, *paths, socket.gethostname(), str(root)}:
        assert private not in told


def test_a_change_of_code_rebuilds_only_the_last_layers(
    image: BuiltImage, image_tool: ImageTool, context: Path
):
    before = image.layers()
    touched = context / "app" / "log.py"
    touched.write_text(touched.read_text() + "# changed\n")
    after = image_tool.build("slipway:test-changed", context).layers()
    # The code, and its bytecode.
    assert after[:-2] == before[:-2]
    assert after[-2] != before[-2]
