"""The HTML report of a delivery log."""
