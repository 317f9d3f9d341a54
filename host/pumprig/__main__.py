"""`python -m pumprig`: the same as `pumprig`."""

from pumprig.cli import main

main()
