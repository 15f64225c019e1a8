"""The file of the prediction log: what is committed stays, whatever else happens to it."""

from __future__ import annotations

import contextlib
import re
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from app.records.errors import LogFullError, RecordsError
from app.records.outbox import Outbox
from app.records.settings import RecordSettings
from tests.app.records.made import row

_WRITER = """
import sys
from pathlib import Path
from threading import Thread
from app.records.outbox import Outbox
from app.records.settings import RecordSettings
from tests.app.records.made import row

outbox = Outbox(Path(sys.argv[1]), RecordSettings())

def write(thread):
    for number in range(100):
        assert outbox.commit([row(request_id=f"{sys.argv[2]}.{thread}.{number:03}")], 10)

threads = [Thread(target=write, args=(thread,)) for thread in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log" / "predictions.sqlite"


@pytest.fixture
def lost() -> list[tuple[int, str]]:
    """Return what was counted as lost."""
    return []


@pytest.fixture
def opened(path: Path, lost: list[tuple[int, str]]) -> Iterator[Callable[..., Outbox]]:
    """Return a function that opens the log with settings."""
    made: list[Outbox] = []

    def open_one(**settings: object) -> Outbox:
        made.append(
            Outbox(path, RecordSettings(**settings), lambda rows, why: lost.append((rows, why)))
        )
        return made[-1]

    yield open_one
    for outbox in made:
        outbox.close()


def wait_for(condition: Callable[[], object]) -> None:
    give_up_at = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def counted(outbox: Outbox) -> int:
    with outbox.read() as connection:
        (rows,) = connection.execute("SELECT count(*) FROM predictions").fetchone()
    return int(rows)


def test_a_row_comes_back_as_it_was_and_people_see_its_numbers_and_its_time(opened):
    outbox = opened()
    one = row(created_at=1_764_000_000_123_456)
    assert outbox.commit([one], 1)
    (stored,) = outbox.after(0, 10)
    np.testing.assert_array_equal(stored.row.class_probabilities, one.class_probabilities)
    assert stored.row.prediction_id == one.prediction_id
    assert stored.row.created_at == one.created_at
    with outbox.read() as connection:
        seen = connection.execute("SELECT class_probabilities, created_at FROM predictions")
        assert seen.fetchone() == ("[0.1, 0.7, 0.2]", "2025-11-24T16:00:00.123456Z")


def test_numbers_that_are_not_finite_are_null_to_people_as_everywhere_else(opened):
    outbox = opened()
    assert outbox.commit([row(class_probabilities=np.array([np.nan, 0.5, np.inf]))], 1)
    with outbox.read() as connection:
        (seen,) = connection.execute("SELECT class_probabilities FROM predictions").fetchone()
    assert seen == "[null, 0.5, null]"


def test_threads_of_several_processes_write_each_row_once_and_each_threads_in_its_order(
    path: Path, opened
):
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(path), name]) for name in ("a", "b")
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    names = [stored.row.request_id for stored in opened().after(0, 10_000)]
    assert len(names) == len(set(names)) == 2 * 8 * 100
    for writer in {name.rpartition(".")[0] for name in names}:
        own = [name for name in names if name.startswith(f"{writer}.")]
        assert own == sorted(own)


def test_nobody_but_the_server_reads_the_file(path: Path, opened):
    assert opened().commit([row()], 1)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_damaged_file_is_set_aside_and_a_new_one_begun(path: Path, opened, lost):
    outbox = opened()
    assert outbox.commit([row() for _ in range(200)], 1)
    outbox.close()
    path.write_bytes(b"no database, but somebody's only copy of something" * 100)
    assert outbox.commit([row()], 1)
    assert counted(outbox) == 1
    (aside,) = path.parent.glob("*.damaged-*")
    assert re.fullmatch(r"predictions\.sqlite\.damaged-\d{8}T\d{6}Z", aside.name)
    assert aside.read_bytes().startswith(b"no database")
    assert lost == []


def test_a_file_that_is_damaged_while_it_is_written_loses_at_most_what_it_held(
    path: Path, opened, lost
):
    outbox, other = opened(), opened()
    assert outbox.commit([row() for _ in range(2000)], 1)
    assert other.commit([row()], 1)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 500_000)
    wait_for(lambda: outbox.commit([row()], 1) and list(path.parent.glob("*.damaged-*")))
    before = counted(outbox)
    assert other.commit([row()], 1)
    assert counted(outbox) == before + 1


def test_a_damaged_file_that_cannot_be_set_aside_costs_rows_and_no_prediction(
    path: Path, opened, lost
):
    outbox = opened()
    assert outbox.commit([row() for _ in range(2000)], 1)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    now = int(time.time())
    taken = [
        path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(at))}")
        for at in range(now - 1, now + 120)
    ]
    for folder in taken:
        folder.mkdir()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 500_000)
    wait_for(lambda: not outbox.commit([row()], 1))
    assert {why for _, why in lost} == {"damaged"}
    for folder in taken:
        folder.rmdir()
    wait_for(lambda: outbox.commit([row()], 1))


def test_a_file_that_is_taken_away_by_hand_is_begun_anew_within_seconds(path: Path, opened, lost):
    outbox = opened()
    assert outbox.commit([row() for _ in range(3)], 1)
    for suffix in ("", "-wal", "-shm"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)
    wait_for(lambda: outbox.commit([row()], 1) and path.is_file())
    before = counted(outbox)
    assert outbox.commit([row()], 1)
    assert counted(outbox) == before + 1
    assert lost == []


def test_a_disk_that_is_full_costs_rows_that_are_counted_and_noted_and_no_prediction(
    opened, lost, caplog: pytest.LogCaptureFixture
):
    outbox = opened()
    assert outbox.commit([row()], 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # What a file may not grow beyond is to SQLite a disk without room.
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        kept = [outbox.commit([row() for _ in range(100)], 1) for _ in range(30)]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert kept[0]
    assert not kept[-1]
    wait_for(lambda: outbox.commit([row()], 1))
    with outbox.read() as connection:
        noted = connection.execute("SELECT rows, reason FROM gaps").fetchall()
    assert sum(rows for rows, _ in noted) == sum(rows for rows, _ in lost)
    assert sum(rows for rows, _ in lost) >= 100 * kept.count(False)
    assert [record.msg for record in caplog.records].count("predictions_not_recorded") == len(noted)


def test_without_a_sink_the_log_is_a_window_of_the_last_rows(opened):
    outbox = opened(most_rows=1000)
    for _ in range(30):
        assert outbox.commit([row() for _ in range(100)], 1)
    last = row()
    assert outbox.commit([last], 1)
    wait_for(lambda: counted(outbox) <= 1000)
    assert counted(outbox) >= 900
    with outbox.read() as connection:
        newest = connection.execute("SELECT prediction_id FROM predictions ORDER BY seq DESC")
        assert newest.fetchone() == (last.prediction_id,)


@pytest.mark.parametrize("when_full", ["drop", "refuse"])
def test_rows_that_no_sink_has_yet_are_not_dropped_for_newer_ones(opened, lost, when_full: str):
    outbox = opened(most_rows=1000, bigquery_table="project.dataset.table", when_full=when_full)
    assert outbox.commit([row() for _ in range(1000)], 1)

    def is_full() -> bool:
        try:
            return not outbox.commit([row()], 1)
        except LogFullError:
            return True

    wait_for(is_full)
    if when_full == "refuse":
        with pytest.raises(LogFullError, match="full"):
            outbox.commit([row()], 1)
    assert {why for _, why in lost} == {"full"}
    first, last = (stored.seq for stored in outbox.after(0, 5000)[:: counted(outbox) - 1])
    assert first == 1
    assert outbox.state().sinks["bigquery"].rows == last
    outbox.confirm("bigquery", last)
    wait_for(lambda: not is_full())
    assert outbox.state().sinks["bigquery"].rows < 100
    assert 900 <= counted(outbox) <= 1000


def test_the_log_of_writes_does_not_grow_with_what_is_written(path: Path, opened):
    outbox = opened()
    for _ in range(4):
        for _ in range(4):
            assert outbox.commit([row(class_probabilities=np.zeros(1000)) for _ in range(625)], 5)
        time.sleep(1.2)
    assert outbox.state().bytes > 75 << 20
    assert path.with_name(f"{path.name}-wal").stat().st_size <= 50 << 20


def test_the_file_of_a_newer_server_is_left_as_it_is(path: Path, opened, lost):
    outbox = opened()
    assert outbox.commit([row()], 1)
    outbox.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 9")
    assert not outbox.commit([row()], 1)
    assert lost == [(1, "failed")]
    assert not list(path.parent.glob("*.damaged-*"))


def test_a_log_that_is_not_there_yet_says_so(path: Path, opened):
    with pytest.raises(RecordsError, match="there is no prediction log yet"), opened().read():
        pass
