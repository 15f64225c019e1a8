"""HTTP: one blueprint a protocol. It parses, renders and logs; it never runs a network."""
