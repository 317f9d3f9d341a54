"""The host tool of the pump rig: programs it, reads it, calibrates it and keeps what it delivered."""

__version__ = "0.1.0"
