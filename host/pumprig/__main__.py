"""The program `pumprig`, also as `python -m pumprig`.

Owns: Ctrl-C while the program is being loaded and while it ends.
Rules: until a command's own code runs nothing was done, and a Ctrl-C ends at once with 130 and one line, whatever
module is being loaded; afterwards the command says what it left; at the very end nothing is left to interrupt. The
first hundredth of a second, in which Python itself starts, is Python's own.
Units: exit codes as the command-line contract states them.
Leaves: a plain `stop` to hub/quick.py where a hub runs; everything else to cli/__init__.py, which gives Ctrl-C to the
command once it is loaded (`loaded`).
"""

import os
import sys

# `typing` takes long to load, and so does `signal`; `_signal`, which it wraps, is there at once
TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    import _signal as signal


def _at_once(_number: int, _frame: object) -> None:
    os.write(2, b"\nInterrupted before anything was done.\n")
    os._exit(130)


def loaded() -> None:
    """From here on Ctrl-C is the command's."""
    if signal.getsignal(signal.SIGINT) is _at_once:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def main() -> None:
    """Load the command line and run it."""
    signal.signal(signal.SIGINT, _at_once)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its matrices are small; starting threads costs more
    code = 130
    try:
        if sys.argv[-1:] == ["stop"] or "stop" in sys.argv[1:5]:
            from pumprig.hub import quick

            if quick.stop(sys.argv[1:]):
                sys.exit(0)
        from pumprig import cli, streams
        from pumprig.cli.settings import Settings

        streams.prepare()
        code = cli.run(settings=Settings(loaded=loaded))
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


if __name__ == "__main__":
    main()
