"""The demo model: a small Mask R-CNN that finds ten kinds of shapes in generated pictures."""
