"""`slipway serve` with models of values beside those that threshold: a script for tests."""

from __future__ import annotations

import functools
import os
import sys

from app.cli import main, serve
from app.serving import host
from tests.app.api.arithmetic import Arithmetic
from tests.app.serving.thresholding import Thresholding

if __name__ == "__main__":
    if sys.argv[1:] == ["host"]:
        os._exit(host.main([Thresholding(), Arithmetic()]))
    serve.Server = functools.partial(  # type: ignore[misc]
        serve.Server, inference=(sys.executable, __file__, "host")
    )
    sys.exit(main(["serve", *sys.argv[1:]]))
