"""TensorFlow, imported without its remarks about the processor; for what runs a model alone."""

from __future__ import annotations

# Its package also sets TensorFlow's log level.
from mrcnn.quiet import importing_quietly

with importing_quietly():
    import tensorflow as tf
    from tensorflow.core.protobuf import config_pb2, meta_graph_pb2, saved_model_pb2
    from tensorflow.python.framework import tensor_util

__all__ = ["config_pb2", "meta_graph_pb2", "saved_model_pb2", "tensor_util", "tf"]
