"""One process that owns the rigs' ports, and the way to it."""
