"""A model as it would be served with options that are not written yet: loaded, and asked.

Of what lies beside its file it has what it is given alone: what it answers by itself, and what it
answers with a companion, may differ.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from app.cli.asking import ASKING_ERRORS, ask_once, reason_of
from app.cli.source import source_of
from app.cli.terminal import CommandError
from app.kinds.kind import Accompanied, Companion, ModelError
from app.serving.layout import Found
from app.settings import Settings

if TYPE_CHECKING:
    from app.serving.local_client import LocalClient


@dataclass(frozen=True)
class Trial:
    """A model's file with options, whose paths are relative to `folder`, and perhaps labels."""

    name: str
    version: int
    file: Path
    folder: Path
    options_name: str
    options: Mapping[str, Any]
    labels: Path | None = None

    def companions(self, settings: Settings) -> list[Companion]:
        """Return what lies beside the file; nothing where the file is no model. Raises OSError."""
        with tempfile.TemporaryDirectory() as place:
            # It is read where it lies.
            found = self._found(Path(place), self.file, {})
            try:
                kind, source = source_of(settings, found)
                return [*kind.companions(source)] if isinstance(kind, Accompanied) else []
            except ModelError:
                # Loading it says so.
                return []

    def answers(
        self, settings: Settings, photos: Sequence[Path], beside: Sequence[Path]
    ) -> dict[Path, str]:
        """Return the answer on each photo, as JSON; raises CommandError where it cannot be served.

        Without a photo it is asked once all the same.
        """
        answers: dict[Path, str] = {}
        with self._served(settings, beside) as (client, found, error):
            if error is not None:
                raise CommandError(f"{self.name} cannot be served: {error}")
            asked: Sequence[Path | None] = photos or (None,)
            for photo in asked:
                try:
                    asked_one = ask_once(client, found, photo, settings.limits)
                except ASKING_ERRORS as failure:
                    raise CommandError(f"{photo or 'noise'}: {reason_of(failure)}") from failure
                if photo:
                    answer = asked_one.answer(asked_one.face.parameters())
                    # What is another in each run says nothing of the model.
                    del answer["timing_ms"], answer["prediction_id"]
                    answers[photo] = json.dumps(answer, indent=1) + "\n"
        return answers

    def problem_with(
        self, settings: Settings, beside: Sequence[Path], answers: Mapping[Path, str]
    ) -> str | None:
        """Say why it would not be served with what is beside it; `answers` are goldens too."""
        with self._served(settings, beside, answers) as (_, _, error):
            return error

    @contextlib.contextmanager
    def _served(
        self, settings: Settings, beside: Sequence[Path], answers: Mapping[Path, str] | None = None
    ) -> Iterator[tuple[LocalClient, Found, str | None]]:
        """Load it; yield what asks it, what it was loaded from, and why that failed."""
        # Here: it brings HDF5, which a help text does without.
        from app.serving.local_client import LocalClient

        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            for file in (self.file, *beside):
                (place / file.name).symlink_to(file.resolve())
            found = self._found(place, place / self.file.name, answers or {})
            client = LocalClient.start(settings.serving, find=lambda _: [found])
            with contextlib.closing(client):
                client.wait_until_loaded()
                (status,) = client.models()
                yield client, found, status.error

    def _found(self, place: Path, file: Path, answers: Mapping[Path, str]) -> Found:
        """Return what a server would have found, its options written to a place."""
        goldens = [*self.options.get("golden", [])]
        for number, (photo, answer) in enumerate(answers.items()):
            path = place / f"golden-{number}.json"
            path.write_text(answer)
            goldens.append({"input": str(photo.resolve()), "output": str(path)})
        options = {**self.options, "golden": goldens} if goldens else {**self.options}
        draft = place / self.options_name
        draft.write_text(yaml.safe_dump(options))
        return Found(self.name, self.version, self.folder, file, draft, self.labels)
