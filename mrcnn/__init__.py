"""Mask R-CNN on Keras 3, weight- and API-compatible with Matterport's package of the same name.

Importing this package loads nothing heavy: TensorFlow comes in only with the modules that run a
network (`detector`, `model`, `network`, `training`). It knows nothing of HTTP or of the server.
"""
