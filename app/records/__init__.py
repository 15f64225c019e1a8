"""The prediction log: every prediction is on disk before its answer leaves, and elsewhere soon."""
