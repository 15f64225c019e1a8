"""Runs what it wraps eagerly, whatever graph or session an old script has opened around it.

Scripts for TensorFlow 1 call `detect` inside `with graph.as_default():` or a session, or have
turned eager execution or all of TensorFlow 2's behaviour off. None of it touches a network here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf


@contextlib.contextmanager
def eagerly() -> Iterator[None]:
    """Execute eagerly, with shapes of whole numbers; a decorator too."""
    with tf.__internal__.eager_context.eager_mode(), _shapes_of_whole_numbers():
        yield


@contextlib.contextmanager
def _shapes_of_whole_numbers() -> Iterator[None]:
    """Undo `disable_v2_tensorshape`, part of `disable_v2_behavior`, for as long as it lasts."""
    if isinstance(tf.TensorShape([1])[0], int):
        yield
        return
    tf.compat.v1.enable_v2_tensorshape()
    try:
        yield
    finally:
        tf.compat.v1.disable_v2_tensorshape()
