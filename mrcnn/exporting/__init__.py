"""Takes a network out: one graph that other programs run without this project."""
