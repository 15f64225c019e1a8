"""The peer: the tiny model in the plainest Flask route, as a tutorial has it, under uWSGI.

No limits, no queue, no second process, no log, no metrics: what a server cannot do without.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from flask import Flask, Response, jsonify, request
from numpy.typing import NDArray
from PIL import Image

from bench.contender import ROOT
from bench.run_tiny import find

application = Flask(__name__)


@application.get("/readyz")
def readyz() -> Response:
    """Say that the server is there."""
    return Response("ready\n")


def decoded(photo: bytes) -> NDArray[np.uint8]:
    """Decode a photo in one line."""
    return np.asarray(Image.open(io.BytesIO(photo)).convert("RGB"))


@application.post("/predict")
def predict() -> Response:
    """Find the one instance on the photo that is the body."""
    found = find(decoded(request.get_data()))
    y_min, x_min, y_max, x_max = found.boxes_yxyx[0].tolist()
    box = {"x_min": x_min, "y_min": y_min, "x_max": x_max, "y_max": y_max}
    return jsonify({"instances": [{"score": float(found.scores[0]), "box": box}]})


def main() -> None:
    """Become uWSGI, with as many processes and threads as are asked for."""
    beside = str(Path(sys.executable).parent)
    uwsgi = shutil.which("uwsgi", path=beside) or "uwsgi"
    # Without one the router speaks TCP to the workers, and waits for delayed acknowledgements.
    folder = tempfile.mkdtemp()
    options = [
        *("--socket", f"{folder}/workers.sock"),
        *("--http", f"127.0.0.1:{os.environ['PORT']}", "--http-keepalive", "--master"),
        *("--processes", os.environ["HTTP_PROCESSES"], "--threads", os.environ["HTTP_THREADS"]),
        *("--enable-threads", "--die-on-term", "--disable-logging", "--buffer-size", "65535"),
        *("--add-header", "Connection: Keep-Alive", "--pythonpath", str(ROOT)),
        *("--need-app", "--module", "bench.run_plain:application"),
    ]
    os.execv(uwsgi, [uwsgi, *options])


if __name__ == "__main__":
    main()
