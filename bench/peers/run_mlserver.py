"""A peer: MLServer, over a folder of settings as its documentation has it.

WORKERS processes run both models; with none they run in the one that answers.
"""

import json
import os
import sys
from pathlib import Path

_RUNTIMES = {"iris": "Iris", "fashion": "Fashion"}


def main() -> None:
    """Write the folder and become MLServer."""
    folder = Path(os.environ["TMPDIR"]) / "served"
    settings = {
        "debug": False,
        "host": "127.0.0.1",
        "http_port": int(os.environ["PORT"]),
        "grpc_port": int(os.environ["SECOND_PORT"]),
        "metrics_port": int(os.environ["THIRD_PORT"]),
        "metrics_dir": str(folder / "metrics"),
        "environments_dir": str(folder / "environments"),
        "parallel_workers": int(os.environ["WORKERS"]),
    }
    folder.mkdir()
    (folder / "settings.json").write_text(json.dumps(settings))
    for name, runtime in _RUNTIMES.items():
        (folder / name).mkdir()
        told = {"name": name, "implementation": f"bench.peers.mlserver_runtimes.{runtime}"}
        (folder / name / "model-settings.json").write_text(json.dumps(told))
    mlserver = str(Path(sys.executable).with_name("mlserver"))
    os.execv(mlserver, [mlserver, "start", str(folder)])


if __name__ == "__main__":
    main()
