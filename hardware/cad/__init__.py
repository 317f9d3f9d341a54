"""The printable pump head."""
