"""Where models may lie in a repository, and what is told about a wrong place."""

from __future__ import annotations

import os

import pytest

from app.serving.layout import MODELS_TEXT, Found, find_models, is_model_folder
from tests.app.serving.model_folder import Models


def places(models: Models) -> list[tuple[str, int, str | None]]:
    return [
        (found.name, found.version, found.path and str(found.path.relative_to(models.folder)))
        for found in find_models(models.folder)
    ]


def only(models: Models) -> Found:
    (found,) = find_models(models.folder)
    return found


def test_the_latest_version_is_found_by_number_not_by_spelling(models: Models):
    for version in ("2", "10", "9"):
        models.add(f"street/{version}/street.h5")
    assert places(models) == [("street", 10, "street/10/street.h5")]


def test_a_bare_file_is_version_1_of_its_stem(models: Models):
    models.add("foo.h5")
    models.add("bar.v2.H5")
    assert places(models) == [("bar.v2", 1, "bar.v2.H5"), ("foo", 1, "foo.h5")]


def test_options_and_labels_lie_beside_the_model(models: Models):
    models.add("street/1/street.h5")
    options = models.write("street/1/model.yaml", "")
    labels = models.write("street/1/labels.txt", "a")
    found = only(models)
    assert (found.options_path, found.labels_path) == (options, labels)


def test_a_bare_file_has_options_and_labels_of_its_own_name(models: Models):
    models.add("foo.h5")
    models.add("bar.h5")
    options = models.write("foo.yaml", "")
    labels = models.write("foo.labels.txt", "a")
    bar, foo = find_models(models.folder)
    assert (foo.options_path, foo.labels_path) == (options, labels)
    assert (bar.options_path, bar.labels_path) == (None, None)


def test_the_only_bare_file_takes_model_yaml_and_labels_txt(models: Models):
    models.add("foo.h5")
    models.add("shapes/1/shapes.h5")
    options = models.write("model.yaml", "")
    labels = models.write("labels.txt", "a")
    foo, shapes = find_models(models.folder)
    assert (foo.options_path, foo.labels_path) == (options, labels)
    assert (shapes.options_path, shapes.labels_path) == (None, None)


def test_model_yaml_beside_two_bare_files_belongs_to_neither(models: Models):
    models.add("foo.h5")
    models.add("bar.h5")
    models.write("model.yaml", "min_score: 0.5")
    errors = [found.error for found in find_models(models.folder)]
    assert errors == [
        "model.yaml beside 2 model files: name it bar.yaml",
        "model.yaml beside 2 model files: name it foo.yaml",
    ]


def test_a_folder_with_a_saved_model_is_a_model_with_or_without_a_version(models: Models):
    for place in ("iris/2", "street/2/export", "half"):
        models.write(f"{place}/saved_model.pb", "")
        models.write(f"{place}/transform/saved_model.pb", "")
        models.write(f"{place}/variables/variables.index", "")
    models.write("iris/2/model.yaml", "")
    models.write("half/labels.txt", "")
    half, iris, street = find_models(models.folder)
    assert (half.version, half.path, half.error) == (1, models.folder / "half", None)
    assert half.labels_path == models.folder / "half" / "labels.txt"
    assert (iris.version, iris.path) == (2, models.folder / "iris" / "2")
    assert iris.options_path == models.folder / "iris" / "2" / "model.yaml"
    assert (street.version, street.path) == (2, models.folder / "street" / "2" / "export")


def test_zeros_may_lead_a_version_as_in_tensorflow_serving(models: Models):
    models.add("street/00000123/a.h5")
    models.add("street/45/a.h5")
    assert (only(models).version, only(models).folder.name) == (123, "00000123")


@pytest.mark.parametrize(
    ("files", "version", "error"),
    [
        pytest.param(
            ["street/notes.txt"], 0, "street/ holds no numbered version folder", id="no version"
        ),
        pytest.param(
            ["street/a.h5"],
            0,
            "street/ holds no numbered version folder; move a.h5 to street/1/",
            id="a file where the version should be",
        ),
        pytest.param(
            ["street/01/a.h5", "street/1/a.h5"],
            1,
            "street/ holds version 1 twice: as 01 and 1; keep one",
            id="leading zero",
        ),
        pytest.param(
            ["street/harbour/1/a.h5"],
            0,
            "street/ holds no numbered version folder; it holds models itself, such as harbour: "
            "name it as the repository",
            id="a repository in a repository",
        ),
        pytest.param(
            ["street/frozen.pb", "street/variables/data"],
            0,
            "street/ holds no numbered version folder; frozen.pb is a graph of TensorFlow, "
            "which is not served",
            id="another format",
        ),
        pytest.param(
            ["street/3/street.tflite"],
            3,
            f"street/3/ holds no model file ({MODELS_TEXT}); street.tflite is a model of "
            "TensorFlow Lite, which is not served",
            id="a version of another format",
        ),
        pytest.param(
            ["street/3/credit.bst"],
            3,
            f"street/3/ holds no model file ({MODELS_TEXT}); credit.bst is a booster of XGBoost: "
            "name it model.bst, in its version's folder",
            id="a booster by another name",
        ),
        pytest.param(
            ["street/3/model.json"],
            3,
            f"street/3/ holds no model file ({MODELS_TEXT}); model.json may be a booster of "
            "XGBoost: then name it model.bst",
            id="a booster as JSON",
        ),
        pytest.param(
            ["street/3/model.bst", "street/3/a.onnx"],
            3,
            "street/3/ holds 2 models (model.bst, a.onnx); keep one",
            id="a file beside a booster",
        ),
        pytest.param(
            ["street/3/README.md"], 3, f"street/3/ holds no model file ({MODELS_TEXT})", id="empty"
        ),
        pytest.param(
            ["street/3/a.h5", "street/3/b.h5"],
            3,
            "street/3/ holds 2 models (a.h5, b.h5); keep one",
            id="two files",
        ),
        pytest.param(
            ["street/3/a.h5", "street/3/saved_model.pb"],
            3,
            "street/3/ holds 2 models (saved_model.pb, a.h5); keep one",
            id="a file in a model's folder",
        ),
        pytest.param(
            ["street/saved_model.pb", "street/2/a.h5"],
            0,
            "street/ is a model itself and holds version 2/; keep one",
            id="a model's folder with versions",
        ),
        pytest.param(
            ["street/3/saved_model.pb", "street/3/model.yml"],
            3,
            "street/3/model.yml is not read; name it model.yaml",
            id="options by another ending",
        ),
    ],
)
def test_a_wrong_place_is_told_in_one_line(
    models: Models, files: list[str], version: int, error: str
):
    for file in files:
        models.add(file)
    found = only(models)
    assert (found.name, found.version, found.path, found.error) == ("street", version, None, error)


@pytest.mark.parametrize(
    ("options", "version", "error"),
    [
        pytest.param(
            "street/1/model.yml",
            1,
            "street/1/model.yml is not read; name it model.yaml",
            id="another ending",
        ),
        pytest.param(
            "street/1/street.yaml",
            1,
            "street/1/street.yaml is not read; name it model.yaml",
            id="a bare file's name in a folder",
        ),
        pytest.param(
            "street/1/street.labels.txt",
            1,
            "street/1/street.labels.txt is not read; name it labels.txt",
            id="a bare file's labels in a folder",
        ),
        pytest.param(
            "street/model.yaml",
            1,
            "street/model.yaml is read by no version; move it to street/1/",
            id="beside the versions",
        ),
        pytest.param(
            "street/labels.txt",
            1,
            "street/labels.txt is read by no version; move it to street/1/",
            id="labels beside the versions",
        ),
    ],
)
def test_options_where_nobody_would_read_them_are_told(
    models: Models, options: str, version: int, error: str
):
    models.add("street/1/street.h5")
    models.write(options, "")
    found = only(models)
    assert (found.name, found.version, found.path, found.error) == ("street", version, None, error)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        pytest.param("foo.yml", "foo.yml is not read; name it foo.yaml", id="its own"),
        pytest.param("model.yml", "model.yml is not read; name it model.yaml", id="the only one's"),
    ],
)
def test_options_of_a_bare_file_by_another_ending_are_told(models: Models, name: str, error: str):
    models.add("foo.h5")
    models.write(name, "")
    assert only(models).error == error


def test_a_link_to_options_that_leads_nowhere_is_not_passed_over(models: Models):
    models.add("street/1/street.h5")
    link = models.folder / "street" / "1" / "model.yaml"
    link.symlink_to("gone.yaml")
    assert only(models).options_path == link


def test_what_file_systems_leave_and_what_belongs_to_bare_files_is_no_model(models: Models):
    models.add("foo.h5")
    for folder in ("lost+found", "__MACOSX", "samples", "golden"):
        (models.folder / folder).mkdir()
    assert places(models) == [("foo", 1, "foo.h5")]


def test_a_folder_that_is_itself_a_models_holds_no_model(models: Models):
    models.add("street/1/street.h5")
    models.add("street/2/street.h5")
    assert find_models(models.folder / "street") == []
    assert is_model_folder(models.folder / "street")
    assert not is_model_folder(models.folder)


def test_a_model_may_be_named_by_a_number(models: Models):
    models.add("2024/1/street.h5")
    assert places(models) == [("2024", 1, "2024/1/street.h5")]


def test_samples_are_the_pictures_in_the_folder_beside_a_model(models: Models):
    models.add("street/1/street.h5")
    assert only(models).samples() == []
    for name in ("b.png", "a.JPG", "notes.txt"):
        models.write(f"street/1/samples/{name}", "")
    assert [path.name for path in only(models).samples()] == ["a.JPG", "b.png"]


@pytest.mark.parametrize("place", ["balloon.h5", "street/1/street.h5"], ids=["bare", "version"])
def test_what_is_no_file_is_not_waited_for(models: Models, place: str):
    path = models.folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)
    (found,) = find_models(models.folder)
    assert found.error == f"{path.name} is neither a file nor a folder"


def test_a_name_so_long_that_no_options_can_be_beside_it_hides_no_other_model(models: Models):
    long = "x" * 252
    models.add("balloon.h5")
    models.add(f"{long}.h5")
    assert [one.error for one in find_models(models.folder)] == [None, None]


def test_a_name_that_is_there_twice_is_told(models: Models):
    models.add("foo.h5")
    models.add("foo/1/foo.h5")
    errors = {found.error for found in find_models(models.folder)}
    assert errors == {None, "foo is there twice: as foo.h5 and as a folder; keep one"}


def test_two_bare_files_of_one_name_are_told(models: Models):
    models.add("foo.h5")
    models.add("foo.hdf5")
    errors = {found.error for found in find_models(models.folder)}
    assert errors == {None, "foo is there twice: as foo.h5 and as foo.hdf5; keep one"}


def test_hidden_and_other_files_are_no_models(models: Models):
    models.write(".hidden.h5", "")
    models.write(".git/config", "")
    models.write("README.md", "")
    models.add("street/1/street.h5")
    models.write("street/1/._street.h5", "")
    assert places(models) == [("street", 1, "street/1/street.h5")]


def test_links_are_followed_as_mounted_volumes_need(models: Models):
    target = models.add("..data/street.h5")
    (models.folder / "street" / "1").mkdir(parents=True)
    (models.folder / "street" / "1" / "street.h5").symlink_to(target)
    assert places(models) == [("street", 1, "street/1/street.h5")]


def test_a_missing_folder_is_an_error_of_the_system(models: Models):
    with pytest.raises(FileNotFoundError):
        find_models(models.folder / "nowhere")
