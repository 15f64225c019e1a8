"""Clients that predict all the time and remember under which ids they were answered."""

from __future__ import annotations

import http.client
import io
import json
import threading
from collections import Counter
from types import TracebackType

import numpy as np
from PIL import Image


def photo() -> bytes:
    """Return a PNG with a red rectangle and a blue one: a prediction of two instances."""
    image = np.zeros((60, 80, 3), np.uint8)
    image[10:38, 20:48, 0] = 250
    image[40:55, 50:70, 2] = 200
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


class Load:
    """So many clients while the block runs, each with a connection that it keeps.

    `answered` has the rows that each answer's prediction is to have on record.
    """

    def __init__(self, port: int, clients: int = 8) -> None:
        self._port, self._photo = port, photo()
        self.answered: dict[str, int] = {}
        self.statuses: Counter[int] = Counter()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        connection = self._connection()
        while not self._stop.is_set():
            try:
                connection.request(
                    "POST", "/predict?masks=none", self._photo, {"Content-Type": "image/png"}
                )
                response = connection.getresponse()
                self._note(response.status, response.read())
            except (OSError, http.client.HTTPException):
                self.statuses[0] += 1
                connection.close()
                connection = self._connection()
                self._stop.wait(0.05)
        connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)

    def _note(self, status: int, body: bytes) -> None:
        self.statuses[status] += 1
        if status == 200:
            answer = json.loads(body)
            self.answered[answer["prediction_id"]] = max(1, len(answer["instances"]))
        else:
            # Who is refused comes again, and not at once.
            self._stop.wait(0.05)
