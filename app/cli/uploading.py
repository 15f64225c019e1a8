"""An upload that the next run goes on with, where the store can do that.

Cloud Storage takes a file in pieces within a session, which lasts a week
(https://cloud.google.com/storage/docs/resumable-uploads). Whoever knows a session's address may
write to it, so that it lies among this user's own files, for nobody else to read.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from app.serving.stores import StoreError, words_of

# A multiple of 256 KiB, as Cloud Storage wants it; so much is sent again at most.
_PIECE_BYTES = 8 << 20
_MEDIA = "application/octet-stream"
# Of who asks, and when: a session is refused by other answers.
_NOT_OF_THE_SESSION = frozenset({"401", "403", "408", "429"})

Told = Callable[[int], None]


class _SessionOverError(Exception):
    """A session that was begun takes nothing more."""


def upload(files: Any, file: Path, uri: str, path: str, told: Told) -> None:
    """Bring a file to a path of a store; `told` hears of every byte that is there.

    Raises StoreError, and whatever the store's driver does.
    """
    size_bytes = file.stat().st_size
    if uri.startswith("gs://") and size_bytes > _PIECE_BYTES:
        with upload_note(uri) as note:
            _in_pieces(files, file, path, note, told)
        return
    files.put_file(str(file), path, callback=_callback(told))


def _in_pieces(files: Any, file: Path, path: str, note: IO[str] | None, told: Told) -> None:
    """Bring a file to Cloud Storage from where the note says that the run before had come."""
    answer = None
    session, have = _read(note)
    if session and have < file.stat().st_size:
        with suppress(_SessionOverError):
            answer = _send(files, file, path, session, have, note, told)
    if answer is None:
        answer = _send(files, file, path, "", 0, note, told)
    _write(note, "", 0)
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "md5").digest()
    there = answer.get("md5Hash")
    if there is not None and base64.b64decode(there) != digest:
        files.rm_file(path)
        raise StoreError(f"gs://{path} has become another file on its way; run it again")


def _send(
    files: Any, file: Path, path: str, session: str, have: int, note: IO[str] | None, told: Told
) -> dict[str, Any]:
    """Send what is missing, in a new session where none is begun; return what it has become.

    Raises _SessionOverError where a session that was begun is refused.
    """
    # Here: it is not installed where nobody pushes or fetches.
    from fsspec.asyn import sync
    from gcsfs.core import initiate_upload, upload_chunk

    is_resumed = bool(session)
    if not is_resumed:
        bucket, key, _ = files.split_path(path)
        session = sync(files.loop, initiate_upload, files, bucket, key)
    size_bytes = file.stat().st_size
    answer: dict[str, Any] | None = None
    told(have)
    with file.open("rb") as opened:
        opened.seek(have)
        while piece := opened.read(_PIECE_BYTES):
            _write(note, session, have)
            try:
                answer = sync(
                    files.loop, upload_chunk, files, session, piece, have, size_bytes, _MEDIA
                )
            except Exception as error:
                if is_resumed and _is_refusal(error):
                    told(-have)
                    raise _SessionOverError from error
                kept = f"; {have:,} of {size_bytes:,} bytes are there, and the next run goes on"
                raise StoreError(f"gs://{path}: {words_of(error)}{kept if have else ''}") from error
            is_resumed = False
            have += len(piece)
            told(len(piece))
    if not answer:
        raise StoreError(f"gs://{path}: all was sent, and nobody says that it came; run it again")
    return answer


def _is_refusal(error: Exception) -> bool:
    """Tell whether a store has answered, and would answer the same to another try."""
    code = str(getattr(error, "code", ""))
    is_told = code.startswith("4") and code not in _NOT_OF_THE_SESSION
    return is_told or isinstance(error, (FileNotFoundError, FileExistsError, ValueError))


@contextmanager
def upload_note(uri: str) -> Iterator[IO[str] | None]:
    """Open the note about an upload; None where another process is at it, or there is no place."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = cache / "slipway" / "uploads" / hashlib.sha256(uri.encode()).hexdigest()[:32]
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        opened = os.fdopen(os.open(place, os.O_RDWR | os.O_CREAT, 0o600), "r+")
    except OSError:
        yield None
        return
    with opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield None
            return
        yield opened
        if not os.fstat(opened.fileno()).st_size:
            place.unlink(missing_ok=True)


def _read(note: IO[str] | None) -> tuple[str, int]:
    """Return the session and how far it had come; an empty one where there is none."""
    try:
        known = json.loads(note.read()) if note else {}
        return str(known["session"]), int(known["have"])
    except (ValueError, KeyError, TypeError):
        return "", 0


def _write(note: IO[str] | None, session: str, have: int) -> None:
    if note is None:
        return
    note.seek(0)
    note.truncate()
    if session:
        note.write(json.dumps({"session": session, "have": have}))
    note.flush()


def _callback(told: Told) -> Any:
    """Return what fsspec tells how much has gone."""
    from fsspec.callbacks import Callback

    class Heard(Callback):  # type: ignore[misc, unused-ignore]
        heard = 0

        def call(self, hook_name: str | None = None, **kwargs: Any) -> None:
            """Hear of it: drivers count up, or say how much it is by now."""
            told(self.value - self.heard)
            self.heard = self.value

    return Heard()
