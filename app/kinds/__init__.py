"""The kinds of models: one module a kind."""
