"""The HTTP workers' whole program imports no framework: that is the inference process's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from app.serving.socket_client import SocketClient
from tests.app.serving.inference_process import wait_for
from tests.app.serving.model_folder import Models

HOST = Path(__file__).parents[1] / "serving" / "thresholding.py"

WORKER = """
import sys
from app.wsgi import application

client = application.test_client()
answer = client.post("/predict", data=open(sys.argv[1], "rb").read())
assert len(answer.get_json()["instances"]) == 2, answer.text
assert client.post("/predict?render=png", data=open(sys.argv[1], "rb").read()).status_code == 200
print(*sorted({"tensorflow", "keras", "h5py", "matplotlib"} & set(sys.modules)), file=sys.stderr)
"""


def test_a_worker_serves_predictions_without_importing_a_framework(
    tmp_path: Path, models: Models, root: Path, photo: bytes
):
    path = tmp_path / "photo.png"
    path.write_bytes(photo)
    environment = os.environ | {
        "MODEL_REPOSITORY": str(models.folder),
        "INFERENCE_SOCKET": str(tmp_path / "inference.sock"),
        "PYTHONPATH": str(root),
    }
    host = subprocess.Popen([sys.executable, str(HOST)], env=environment, stdout=subprocess.DEVNULL)
    try:
        client = SocketClient(tmp_path / "inference.sock", timeout_s=20)
        wait_for(client.is_ready, "the inference process is ready")
        client.close()
        worker = subprocess.run(
            [sys.executable, "-c", WORKER, str(path)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        host.terminate()
        host.wait(20)
    assert (worker.returncode, worker.stderr.strip()) == (0, "")


def test_process_1_imports_nothing_that_takes_long_so_that_it_hears_signals_from_the_start():
    program = (
        "import sys, app.hosting.server; print(*{'flask', 'numpy', 'sqlite3'} & {*sys.modules})"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == []
