"""Builds layers of float32 and channels last, whatever a script has told Keras to build."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import keras

_BUILDING = threading.RLock()


@contextlib.contextmanager
def single_precision() -> Iterator[None]:
    """Let layers be made as weight files have them; a decorator too. One thread at a time."""
    config = keras.config
    with _BUILDING:
        told = config.dtype_policy(), config.floatx(), config.image_data_format()
        config.set_floatx("float32")
        config.set_dtype_policy("float32")
        config.set_image_data_format("channels_last")
        try:
            yield
        finally:
            policy, kind, order = told
            config.set_floatx(kind)
            config.set_dtype_policy(policy)
            config.set_image_data_format(order)
