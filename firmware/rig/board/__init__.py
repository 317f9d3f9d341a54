"""The board: pins, configuration, drivers, flash and what else is soldered on."""
