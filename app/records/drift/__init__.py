"""Whether predictions are still like those of a reference window, asked of the prediction log."""
