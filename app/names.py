"""What versions may be called: the server, the files beside a model and requests go by it."""

#: A version's label, as a regular expression; "3" is a version.
VERSION_LABEL = "[A-Za-z][A-Za-z0-9_.-]{0,62}"
