"""The public Python interface: what `import pumprig` offers, for any program and for the command line."""
