"""Runs what it wraps eagerly, whatever graph or session an old script has opened around it.

Scripts for TensorFlow 1 call `detect` inside `with graph.as_default():` or a session, or have
turned eager execution or all of TensorFlow 2's behaviour off. None of it touches a network here.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import tensorflow as tf


@contextlib.contextmanager
def eagerly() -> Iterator[None]:
    """Execute eagerly, with shapes of whole numbers; a decorator too."""
    with tf.__internal__.eager_context.eager_mode(), _SHAPES.whole_numbers():
        yield


class _Shapes:
    """Undoes `disable_v2_tensorshape`, part of `disable_v2_behavior`, while any thread needs it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._was_disabled = False

    @contextlib.contextmanager
    def whole_numbers(self) -> Iterator[None]:
        with self._lock:
            self._users += 1
            if not isinstance(tf.TensorShape([1])[0], int):
                self._was_disabled = True
                tf.compat.v1.enable_v2_tensorshape()
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._was_disabled and not self._users:
                    self._was_disabled = False
                    tf.compat.v1.disable_v2_tensorshape()


_SHAPES = _Shapes()
