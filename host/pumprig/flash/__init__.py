"""Firmware onto a Pico: what goes there, and the going there."""
