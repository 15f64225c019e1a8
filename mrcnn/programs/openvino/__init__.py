"""A network as one OpenVINO graph, built straight from a weight file."""
