"""How many threads TensorFlow computes in: one setting for all networks of a process."""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)

# Each op in work has a thread of TensorFlow's, which waits for those that compute: with as few as
# there are cores, all wait for one large network, and a small one's ops for them.
OPS_AT_ONCE = 16


def use_threads(count: int) -> None:
    """Let TensorFlow compute in `count` threads; logs a warning where it started with others."""
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(count)
        tf.config.threading.set_inter_op_parallelism_threads(max(count, OPS_AT_ONCE))
    except RuntimeError:
        now = tf.config.threading.get_intra_op_parallelism_threads()
        if now != count:
            logger.warning("%d threads wanted, but TensorFlow already runs with %d", count, now)
