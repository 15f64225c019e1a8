"""The processes of a server: nginx, uWSGI's workers and inference, started, watched and ended.

The one room that knows nginx and uWSGI. Nothing below imports it.
"""
