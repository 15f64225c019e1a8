"""Why a repository serves nothing, and what a person has to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.serving.layout import MODELS_TEXT
from app.serving.vacancy import check_folder, no_model
from app.settings import SettingsError
from tests.app.serving.model_folder import Models

# Root may read everything.
AS_SOMEBODY = """
import os, sys
from pathlib import Path
from app.serving.vacancy import check_folder

if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
check_folder(Path(sys.argv[1]))
"""


def refusal(folder: Path) -> str:
    with pytest.raises(SettingsError) as error:
        check_folder(folder)
    return str(error.value)


def test_a_folder_that_is_there_may_be_empty(tmp_path: Path):
    check_folder(tmp_path)


def test_a_folder_that_is_not_there_is_named_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    assert refusal(Path("nowhere")) == (
        f"MODEL_REPOSITORY='nowhere': there is no folder {tmp_path / 'nowhere'}; make it and put "
        "a model there, or name another"
    )


def test_a_link_that_leads_nowhere_is_told_as_one(tmp_path: Path):
    link = tmp_path / "models"
    link.symlink_to("/gone/models")
    assert refusal(link) == (
        f"MODEL_REPOSITORY='{link}': is a link to /gone/models, which is not there; name another "
        "folder"
    )


def test_a_file_is_told_with_the_folder_that_it_lies_in(tmp_path: Path):
    path = tmp_path / "balloon.h5"
    path.touch()
    assert refusal(path) == (
        f"MODEL_REPOSITORY='{path}': is a file; name the folder that it lies in: {tmp_path}"
    )


@pytest.mark.parametrize("mode", [0o000, 0o444, 0o111], ids=["nothing", "no entering", "no list"])
def test_a_folder_that_may_not_be_read_is_told_with_the_user(tmp_path: Path, root: Path, mode: int):
    folder = tmp_path / "models"
    folder.mkdir()
    folder.chmod(mode)
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    told = subprocess.run(
        [sys.executable, "-c", AS_SOMEBODY, str(folder)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    folder.chmod(0o755)
    who = 65534 if os.getuid() == 0 else os.getuid()
    assert told.stderr.splitlines()[-1] == (
        f"app.variables.SettingsError: MODEL_REPOSITORY='{folder}': cannot be read by user {who}: "
        f"Permission denied; allow it: chmod -R a+rX {folder}"
    )


def test_a_repository_with_a_model_is_not_empty_even_where_the_model_fails(models: Models):
    models.write("street/1/notes.txt", "")
    assert no_model(models.folder) is None


@pytest.mark.parametrize(
    ("files", "why"),
    [
        pytest.param({}, "it is empty", id="empty"),
        pytest.param({".gitkeep": ""}, "it holds nothing but hidden files", id="hidden"),
        pytest.param({"README.md": ""}, f"it holds README.md, and no {MODELS_TEXT}", id="a README"),
        pytest.param(
            dict.fromkeys("abcde", ""),
            f"it holds a, b, c and 2 more, and no {MODELS_TEXT}",
            id="many files",
        ),
        pytest.param(
            {"README.md": "", "balloon.tflite": ""},
            "balloon.tflite is a model of TensorFlow Lite, which is not served",
            id="TensorFlow Lite",
        ),
        pytest.param(
            {"balloon.h5.zip": ""},
            "balloon.h5.zip is an archive, which has to be unpacked",
            id="archive",
        ),
        pytest.param(
            {"balloon.h5.part": ""},
            "balloon.h5.part is an unfinished download",
            id="unfinished",
        ),
        pytest.param(
            {"balloon.txt": b"\x89HDF\r\n\x1a\n"},
            "balloon.txt is an HDF5 file by another name: name it balloon.h5",
            id="another name",
        ),
        pytest.param(
            {"balloon.h5.txt": b"\x89HDF\r\n\x1a\n"},
            "balloon.h5.txt is an HDF5 file by another name: name it balloon.h5",
            id="an ending that a browser added",
        ),
    ],
)
def test_what_lies_in_it_is_told_and_why_it_is_no_model(
    models: Models, files: dict[str, str | bytes], why: str
):
    for place, content in files.items():
        models.write(place, content)
    here = models.folder / "balloon.h5"
    assert no_model(models.folder) == (
        f"MODEL_REPOSITORY='{models.folder}' holds no model: {why}; put one there, such as {here}"
    )


def test_a_repository_one_level_too_deep_is_told_with_the_right_one(models: Models):
    models.add("street/1/street.h5")
    told = no_model(models.folder / "street")
    assert told == (
        f"MODEL_REPOSITORY='{models.folder}/street' holds no model: it is a model's own folder, "
        f"with its versions in it; name the folder above: {models.folder}"
    )


def test_a_folder_that_is_a_saved_model_itself_is_told_to_be_named_from_above(models: Models):
    models.write("saved_model.pb", "")
    models.write("transform/saved_model.pb", "")
    told = f"it is a model itself; name the folder above: {models.folder.parent}"
    assert no_model(models.folder) == f"MODEL_REPOSITORY='{models.folder}' holds no model: {told}"
