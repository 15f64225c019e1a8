"""Inputs on their way from the spool: the shipper takes them, to a folder or to a bucket."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import fsspec

from app.records.inputs import erase_input, move
from app.records.settings import RecordSettings
from app.records.spool import Spool, spool_of
from tests.app.records.shipper_process import ShipperProcess
from tests.app.serving.inference_process import wait_for

CONTENT = b"a picture"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def spool(log: Path) -> None:
    Spool(spool_of(log), 1.0, lambda outcome: None).put(DIGEST, CONTENT)


def test_the_shipper_takes_inputs_to_their_folder_though_no_rows_are_sent_anywhere(
    start_shipper: Callable[..., ShipperProcess], tmp_path: Path
):
    kept = tmp_path / "kept" / DIGEST[:2] / DIGEST
    shipper = start_shipper(RECORD_INPUTS="all", RECORD_INPUTS_TO=str(tmp_path / "kept"))
    spool(shipper.path)
    wait_for(kept.exists, "the input is kept")
    assert kept.read_bytes() == CONTENT
    kept.unlink()
    spool(shipper.path)
    # What is still there at the end is taken too.
    assert shipper.end() == 0
    assert kept.exists()


def test_a_bucket_gets_inputs_by_their_digests_and_has_them_erased(tmp_path: Path):
    bucket = f"memory://{tmp_path.name}"
    log = tmp_path / "predictions.sqlite"
    settings = RecordSettings(prediction_log=log, inputs_share=1.0, inputs_to=bucket)
    spool(log)
    assert move(spool_of(log), bucket) == 1
    files, root = fsspec.url_to_fs(bucket)
    assert files.cat_file(f"{root}/{DIGEST[:2]}/{DIGEST}") == CONTENT
    assert erase_input(settings, DIGEST)
    assert files.find(root) == []
    assert not erase_input(settings, DIGEST)
