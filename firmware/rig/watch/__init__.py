"""What compares the plan with what sensors and counters say, and raises alarms."""
