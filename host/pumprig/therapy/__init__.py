"""Therapy programs on the host: TOML to the shared document and back, forecasts and pictures."""
