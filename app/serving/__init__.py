"""The model repository, the inference process that owns the models, and its client."""
