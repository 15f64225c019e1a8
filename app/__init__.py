"""The server: HTTP in, predictions out.

`app.api` speaks HTTP, `app.serving` owns the models, `app.kinds` knows what a model file is.
Importing this package imports no framework.
"""
