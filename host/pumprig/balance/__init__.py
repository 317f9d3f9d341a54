"""Balances over a serial line, each protocol a small file behind one interface."""
