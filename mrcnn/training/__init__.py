"""Training of a Mask R-CNN: targets, losses and the loop over them.

The detector never imports it.
"""
