"""What versions and the files beside them may be called: rooms that know no other go by it."""

#: A version's label, as a regular expression; "3" is a version.
VERSION_LABEL = "[A-Za-z][A-Za-z0-9_.-]{0,62}"

#: What a version's predictions were like once: the file in its folder that drift is told against.
REFERENCE = "reference.json"
