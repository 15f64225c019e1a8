"""Mask R-CNN on Keras 3, weight- and API-compatible with Matterport's package of the same name.

Importing this package loads nothing heavy: TensorFlow comes in only with the modules that run a
network (`detector`, `model`, `network`, `training`). It knows nothing of HTTP or of the server.
"""

import os

# Read when TensorFlow is first imported: errors are told, but no page of warnings that no cost is
# known of crops whenever a graph is built.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
