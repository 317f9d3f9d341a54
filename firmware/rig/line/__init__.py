"""What comes in by the line and the buttons: sessions, commands, readings, the typed line."""
