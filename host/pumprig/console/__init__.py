"""The interactive programming session."""
