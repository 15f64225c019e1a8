"""`slipway check`: every version loads, predicts and reproduces its goldens, or says why not."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.cli.conftest import Run
from tests.app.serving.model_folder import POINTER, Models
from tests.mrcnn.tiny import SETTINGS


def rows(out: str) -> list[list[str]]:
    """Return the table's rows, cells apart, without the heads."""
    table = out.split("\n\n")[0].splitlines()[1:]
    return [re.split(r"\s{2,}", line.strip()) for line in table]


def test_every_version_is_loaded_and_predicts_once(run: Run, models: Models):
    models.add("street/3/street.h5")
    models.add("harbour.h5")
    status, out, err = run("check")
    assert status == 0
    heads = out.splitlines()[0].split("  ")
    assert [head.strip() for head in heads if head] == [
        "model",
        "version",
        "state",
        "load s",
        "predict ms",
        "MiB",
        "result",
    ]
    assert [row[:3] for row in rows(out)] == [
        ["harbour", "1", "ready"],
        ["street", "1", "ready"],
        ["street", "3", "ready"],
    ]
    for _, _, _, load_s, predict_ms, memory_mib, result in rows(out):
        assert 0 <= float(load_s) < 20
        assert 0 <= float(predict_ms) < 20_000
        assert int(memory_mib) > 10
        assert result == "3 instances in noise"
    assert out.splitlines()[-1] == "3 of 3 versions can be served"
    assert err == ""


def test_a_models_own_sample_is_what_it_is_asked_about(
    run: Run, models: Models, photos: list[Path]
):
    models.write("street/1/samples/b.png", photos[0].read_bytes())
    models.write("street/1/samples/a.png", photos[1].read_bytes())
    _, out, _ = run("check")
    assert rows(out)[0][-1] == "2 instances in samples/a.png"


def test_goldens_that_it_reproduced_are_counted(run: Run, models: Models, photos: list[Path]):
    _, found, _ = run("predict", "--json", photos[0])
    models.write("street/1/a.json", found)
    models.write("street/1/a.png", photos[0].read_bytes())
    models.write("street/1/model.yaml", "golden: [{input: a.png, output: a.json}]")
    _, out, _ = run("check")
    assert rows(out)[0][-1] == "1 golden, 3 instances in noise"


@pytest.mark.parametrize(
    ("files", "name", "reason"),
    [
        pytest.param({"bad/1/a.h5": "text"}, "bad version 1", "no kind of model", id="file"),
        pytest.param({"bad/1/a.h5": POINTER}, "bad version 1", "a.h5 is a Git LFS", id="pointer"),
        pytest.param(
            {"bad/1/a.h5": '{"threshold": 1, "fails": true}'},
            "bad version 1",
            "noise: bad version 1: RuntimeError: this model always fails",
            id="prediction",
        ),
        pytest.param(
            {"bad/1/a.h5": '{"threshold": 1}', "bad/1/samples/a.png": "text"},
            "bad version 1",
            "samples/a.png: the 4 bytes are no picture",
            id="sample",
        ),
        pytest.param(
            {"bad/1/a.h5": '{"threshold": 1}', "bad/1/model.yaml": "flavour: 1"},
            "bad version 1",
            "model.yaml: there is no key 'flavour'",
            id="options",
        ),
        pytest.param({"bad/1/notes.txt": ""}, "bad version 1", "bad/1/ holds no", id="empty"),
        pytest.param(
            {"bad/first/a.h5": '{"threshold": 1}'},
            "bad",
            "bad/ holds no numbered version folder; rename bad/first/ to bad/1/",
            id="no number",
        ),
        pytest.param(
            {"street/old/a.h5": '{"threshold": 1}'},
            "street",
            "street/old/ is no version",
            id="no number beside others",
        ),
        pytest.param({"bad.tflite": ""}, "bad", "is a model of TensorFlow Lite", id="format"),
        pytest.param(
            {"street.h5": '{"threshold": 1}'},
            "street version 1",
            "street is there twice",
            id="twice",
        ),
    ],
)
def test_one_that_cannot_be_served_is_a_row_that_says_why_and_exit_status_1(
    run: Run, models: Models, files: dict[str, str], name: str, reason: str
):
    models.add("good/1/good.h5")
    for place, content in files.items():
        models.write(place, content)
    status, out, _ = run("check")
    assert status == 1
    (failed,) = [row for row in rows(out) if row[2] == "failed"]
    assert reason in out
    assert failed[-1].startswith(reason[:20]) or reason[:20] in failed[-1]
    assert out.splitlines()[-1] == f"1 of {len(rows(out))} versions cannot be served: {name}"


def test_a_golden_that_is_not_reproduced_fails(run: Run, models: Models, photos: list[Path]):
    models.write("street/1/a.json", json.dumps({"instances": []}))
    models.write("street/1/a.png", photos[0].read_bytes())
    models.write("street/1/model.yaml", "golden: [{input: a.png, output: a.json}]")
    status, out, _ = run("check")
    assert status == 1
    assert rows(out)[0][-1] == "golden a.png: 1 instances instead of 0"


def test_an_old_version_is_checked_too(run: Run, models: Models):
    models.add("street/2/street.h5")
    models.write("street/1/street.h5", "nothing")
    status, out, _ = run("check")
    assert status == 1
    assert [row[:3] for row in rows(out)] == [["street", "1", "failed"], ["street", "2", "ready"]]


def test_names_narrow_what_is_checked(run: Run, models: Models):
    models.write("broken.h5", "nothing")
    models.add("harbour/1/harbour.h5")
    status, out, _ = run("check", "street", "harbour")
    assert status == 0
    assert [row[0] for row in rows(out)] == ["harbour", "street"]


def test_a_name_that_is_not_there_is_exit_status_2(run: Run, models: Models):
    status, out, err = run("check", "street", "strete")
    assert (status, out) == (2, "")
    assert err == "slipway: there is no model 'strete'; there is street\n"


def test_a_default_model_that_is_not_there_fails_as_it_would_in_the_server(
    run: Run, models: Models, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DEFAULT_MODEL", "strete")
    status, out, _ = run("check")
    assert status == 1
    assert (
        out.splitlines()[-1]
        == "DEFAULT_MODEL='strete': there is no model 'strete'; there is street"
    )
    assert run("check", "street")[0] == 0


def test_a_reason_that_is_too_long_for_the_table_is_told_in_full_below(run: Run, models: Models):
    models.write("street/1/model.yaml", f"kind: {'mask ' * 40}")
    _, out, _ = run("check")
    assert rows(out)[0][-1].endswith("…")
    assert f"\nstreet version 1: kind is {('mask ' * 40).strip()!r}; it must be one of" in out


@pytest.mark.parametrize(
    ("folder", "status", "problem"),
    [
        pytest.param("nowhere", 2, "there is no folder ", id="absent"),
        pytest.param("empty", 1, "holds no model: it is empty", id="empty"),
    ],
)
@pytest.mark.parametrize("command", ["check", "models", "predict"])
def test_a_repository_without_models_is_one_line(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    folder: str,
    status: int,
    problem: str,
):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("MODEL_REPOSITORY", str(tmp_path / folder))
    told, out, err = run(command, *(["photo.png"] if command == "predict" else []))
    assert (told, out) == (status, "")
    (line,) = err.splitlines()
    assert line.startswith(f"slipway: MODEL_REPOSITORY='{tmp_path / folder}'")
    assert problem in line


def test_progress_and_the_log_come_with_verbose(run: Run, models: Models):
    models.add("harbour.h5")
    _, out, err = run("check", "--verbose")
    assert "checking" not in out
    lines = err.splitlines()
    assert lines[0] == "checking harbour version 1 (1 of 2)"
    assert json.loads(lines[1])["event"] == "model_ready"
    assert lines[2] == "checking street version 1 (2 of 2)"


def test_a_person_at_a_terminal_sees_what_it_is_at(models: Models, root: Path):
    models.add("street/1/street.h5", threshold="high")
    own, theirs = pty.openpty()
    told = subprocess.run(
        [sys.executable, "-m", "app.cli", "check"],
        cwd=root,
        env=os.environ | {"MODEL_REPOSITORY": str(models.folder)},
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        check=False,
    )
    os.close(theirs)
    seen = os.read(own, 4096).decode()
    os.close(own)
    assert told.returncode == 1
    # What it is at is wiped away before the row is printed.
    assert seen == "\r\x1b[Kchecking street version 1 (1 of 1)\r\x1b[K"


@pytest.mark.slow
def test_ctrl_c_ends_it_at_once_in_the_midst_of_a_framework(
    tmp_path: Path, root: Path, tiny_file: Path
):
    for version in "123":
        folder = tmp_path / "tiny" / version
        folder.mkdir(parents=True)
        (folder / "tiny.h5").symlink_to(tiny_file)
        (folder / "model.yaml").write_text(json.dumps({"config": SETTINGS}))
    checking = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "check"],
        cwd=root,
        env=os.environ | {"MODEL_REPOSITORY": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with checking:
        assert checking.stdout is not None
        assert "load s" in checking.stdout.readline()
        assert "ready" in checking.stdout.readline()
        checking.send_signal(signal.SIGINT)
        out, err = checking.communicate(timeout=20)
    assert (checking.returncode, out, err) == (130, "", "")


ANYWHERE = """
set -e
mount -o remount,bind,ro /
for place in /tmp /var/tmp /dev/shm; do
    if mountpoint -q "$place"; then mount -o remount,bind,ro "$place"; fi
done
if touch "$1/written" 2>/dev/null; then echo "it can be written to" >&2; exit 99; fi
shift
exec "$@"
"""
# Keras imports matplotlib where it is installed, which is for development alone, and needs a folder
# of its own.
AS_IN_THE_IMAGE = """
import sys
sys.modules["matplotlib"] = None
from app.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("command", ["check", "models"])
def test_a_genuine_model_is_checked_where_nothing_can_be_written(
    tmp_path: Path, root: Path, tiny_file: Path, command: str
):
    (tmp_path / "tiny" / "1").mkdir(parents=True)
    (tmp_path / "tiny/1/tiny.h5").write_bytes(tiny_file.read_bytes())
    (tmp_path / "tiny/1/model.yaml").write_text(json.dumps({"config": SETTINGS}))
    told = subprocess.run(
        [
            *("unshare", "--user", "--map-root-user", "--mount"),
            *("sh", "-c", ANYWHERE, "sh", str(tmp_path)),
            *(sys.executable, "-c", AS_IN_THE_IMAGE, command),
        ],
        cwd=root,
        env=os.environ | {"MODEL_REPOSITORY": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stderr) == (0, ""), told.stdout
    assert "tiny" in told.stdout
