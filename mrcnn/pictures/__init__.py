"""Picture files become RGB of 8 bits, whatever kind of pixel they hold."""
