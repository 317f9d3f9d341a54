"""The program `pumprig`, also as `python -m pumprig`.

Owns: nothing but the way in.
Rules: a Ctrl-C while the modules are still being loaded ends like any other.
Callers: the console script, tests.
Units: exit codes as the command-line contract states them.
Leaves: everything to cli/__init__.py.
"""

import sys


def main() -> None:
    """Load the command line and run it."""
    try:
        from pumprig import cli

        cli.main()
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted before anything was done.\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
