"""The rig's firmware: everything that runs on the Pico but main.py and the shared wire."""
