"""From the last record back to a running rig, and what must pass before the motor may turn."""
