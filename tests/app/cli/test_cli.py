"""The command `slipway`, in this process; `slipway serve` has tests of its own over uWSGI."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from app.cli import main
from app.cli.terminal import table
from tests.app.cli.conftest import Run
from tests.app.serving.model_folder import POINTER, Models


@pytest.mark.usefixtures("models")
class TestPredict:
    def test_what_was_found_is_a_table_a_photo(self, run: Run, photos: list[Path]):
        status, out, _ = run("predict", *photos)
        assert status == 0
        assert f"{photos[0]}: 1 instance on 80 x 60 pixels, street version 1" in out
        assert f"{photos[1]}: 2 instances" in out
        assert "blue   0.784  50  40     20      15" in out

    def test_json_is_one_answer_a_line(self, run: Run, photos: list[Path]):
        _, out, _ = run("predict", "--json", *photos)
        answers = [json.loads(line) for line in out.splitlines()]
        assert [len(answer["instances"]) for answer in answers] == [1, 2]
        assert answers[0]["file"] == str(photos[0])
        assert answers[0]["instances"][0]["mask"]["format"] == "coco_rle"

    def test_min_score_leaves_out_what_is_less_sure(self, run: Run, photos: list[Path]):
        _, out, _ = run("predict", "--min-score", "0.9", photos[1])
        assert "1 instance " in out

    def test_one_photo_is_drawn_to_a_file(self, run: Run, photos: list[Path], tmp_path: Path):
        status, _, _ = run("predict", photos[0], "--render", tmp_path / "out.png")
        assert status == 0
        with Image.open(tmp_path / "out.png") as drawn:
            assert drawn.size == (80, 60)

    @pytest.mark.parametrize(
        ("render", "drawn"),
        [
            pytest.param("drawn/", "drawn/two.png", id="folder"),
            pytest.param("drawn", "drawn/two.png", id="folder to make"),
            pytest.param("{stem}-found.jpg", "two-found.jpg", id="pattern"),
        ],
    )
    def test_several_photos_are_drawn_to_a_folder_or_by_a_pattern(
        self, run: Run, photos: list[Path], tmp_path: Path, render: str, drawn: str
    ):
        status, _, _ = run("predict", *photos, "--render", f"{tmp_path}/{render}")
        assert status == 0
        assert (tmp_path / drawn).is_file()

    def test_two_photos_are_not_drawn_to_one_file(self, run: Run, photos: list[Path]):
        status, _, err = run("predict", photos[0], photos[0], "--render", "drawn/")
        assert status == 2
        assert "several photos" in err

    def test_a_file_that_is_no_picture_does_not_stop_the_others(
        self, run: Run, photos: list[Path], tmp_path: Path
    ):
        (tmp_path / "notes.png").write_text("text")
        status, out, err = run("predict", tmp_path / "notes.png", tmp_path / "none.png", *photos)
        assert status == 1
        assert "2 instances" in out
        assert [line.count("slipway: ") for line in err.splitlines()] == [1, 1]
        assert "none.png: No such file" in err

    @pytest.mark.parametrize(
        "arguments", [["--model", "street"], []], ids=["asked for", "the one that a server chooses"]
    )
    def test_only_the_model_that_is_asked_is_loaded(
        self, run: Run, photos: list[Path], models: Models, arguments: list[str]
    ):
        models.add("demo.h5")
        models.write("demo.yaml", "fallback: true")
        models.write("broken.h5", "nothing")
        status, _, err = run("predict", *arguments, "--verbose", photos[0])
        assert status == 0
        (event,) = map(json.loads, err.splitlines())
        assert (event["event"], event["model"]) == ("model_ready", "street")

    def test_several_models_and_no_name_are_ambiguous_as_in_the_server(
        self, run: Run, photos: list[Path], models: Models
    ):
        models.add("harbour.h5")
        status, _, err = run("predict", photos[0])
        assert (status, err) == (
            1,
            f"slipway: {photos[0]}: name a model: there is harbour, street\n",
        )

    def test_a_score_that_is_none_is_told_in_words(self, run: Run, capsys):
        with pytest.raises(SystemExit):
            run("predict", "--min-score", "high", "photo.png")
        assert "argument --min-score: 'high' is no number from 0 to 1" in capsys.readouterr().err

    def test_an_unknown_model_is_one_line(self, run: Run, photos: list[Path]):
        status, _, err = run("predict", "--model", "strete", photos[0])
        assert status == 1
        assert "there is street" in err


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(None, "there is no such file", id="absent"),
        pytest.param(b"text", "not an HDF5 file", id="text"),
        pytest.param(POINTER.encode(), "is a Git LFS pointer", id="pointer"),
        pytest.param(b"PK\x03\x04", "is a ZIP archive; unpack it", id="archive"),
        pytest.param(b"\x89HDF\r\n\x1a\n" + bytes(100), "truncated or damaged", id="truncated"),
    ],
)
def test_inspect_tells_in_one_line_what_a_file_is_not(
    run: Run, tmp_path: Path, content: bytes | None, reason: str
):
    path = tmp_path / "model.h5"
    if content is not None:
        path.write_bytes(content)
    status, _, err = run("inspect", path)
    assert status == 1
    assert reason in err
    assert len(err.splitlines()) == 1


def test_inspect_tells_what_a_file_is_layer_by_layer(run: Run, weight_file: Path):
    status, out, _ = run("inspect", weight_file)
    assert status == 0
    assert "backbone    resnet26_narrow" in out
    assert "classes     11: the background and 10 more" in out
    assert re.search(r"^rpn_conv_shared +kernel +3 x 3 x 64 x 128 float32 +73,728$", out, re.M)


def test_a_bad_setting_is_one_line_and_exit_status_2(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PORT", "http")
    status, _, err = run("models")
    assert status == 2
    assert err == "slipway: PORT='http': must be a whole number from 1 to 65535\n"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        pytest.param(["models"], "street", id="models"),
        pytest.param(["check"], "1 of 1 versions can be served", id="check"),
        pytest.param(["predict"], "2 instances", id="predict"),
    ],
)
def test_every_command_that_reads_models_takes_their_folder_as_serve_does(
    run: Run, models: Models, photos: list[Path], tmp_path: Path, monkeypatch, command, told: str
):
    monkeypatch.setenv("MODEL_REPOSITORY", str(tmp_path / "gone"))
    files = photos if command == ["predict"] else []
    status, out, _ = run(*command, *files, "--models", models.folder)
    assert (status, told in out) == (0, True)
    gone = tmp_path / "not there"
    assert run(*command, *files, "--models", gone)[0] == 2


@pytest.mark.parametrize("arguments", [[], ["server"], ["predict"], ["inspect"]], ids=str)
def test_a_command_that_is_not_understood_is_exit_status_2(arguments: list[str]):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2


def test_columns_are_as_wide_as_what_is_in_them():
    rows = [("name", "n"), ("a", 1000), ("long name", 1)]
    assert table(rows, right=" >").splitlines() == [
        "name          n",
        "a          1000",
        "long name     1",
    ]


FULL = "slipway: the output cannot be written: No space left on device\n"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        pytest.param("models >/dev/full", FULL, id="full, models"),
        pytest.param("inspect models/shapes/1/shapes.h5 >/dev/full", FULL, id="full, inspect"),
        pytest.param("models >&-", "", id="closed"),
        pytest.param("models | true", "", id="nobody reads"),
        pytest.param(
            "predict models/shapes/1/samples/*.png | true", "", id="nobody reads, predict"
        ),
    ],
)
def test_output_that_nobody_takes_is_at_most_one_line(root: Path, command: str, told: str):
    line = f"{shlex.quote(sys.executable)} -m app.cli {command}"
    ended = subprocess.run(["sh", "-c", line], cwd=root, capture_output=True, text=True, timeout=90)
    assert (ended.stdout, ended.stderr) == ("", told)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param("street\nparis", r"street\nparis", id="a new line"),
        pytest.param(
            "\x1b]0;title\x07street", r"\x1b]0;title\x07street", id="a terminal's command"
        ),
        pytest.param("größe-🐙", "größe-🐙", id="letters of any script"),
    ],
)
def test_a_models_name_is_shown_on_one_line_and_commands_no_terminal(
    models: Models, run: Run, name: str, shown: str
):
    models.write(f"{name}.h5", "x")
    _, out, _ = run("models")
    row, reason = (line for line in out.splitlines() if shown in line)
    assert row.split()[:2] == [shown, "1"]
    assert reason.startswith(f"{shown} version 1 cannot be served: ")


INTERRUPTED = """
import os, signal, sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
from app.cli import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize(
    ("command", "module"),
    [
        pytest.param("models", "app.kinds.registry", id="models"),
        pytest.param("check", "app.cli.check", id="check"),
        pytest.param("predict", "PIL.Image", id="predict"),
        pytest.param("inspect", "app.cli.inspection", id="inspect"),
        pytest.param("serve", "app.cli.serve", id="serve"),
    ],
)
def test_ctrl_c_while_a_command_is_still_imported_ends_it_without_a_word(
    root: Path, command: str, module: str
):
    arguments = [sys.executable, "-c", INTERRUPTED, module, command]
    ended = subprocess.run(arguments, cwd=root, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")
