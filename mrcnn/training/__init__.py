"""Training of a Mask R-CNN: targets, losses and the loop over them. Inference never imports it."""
