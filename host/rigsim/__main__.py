"""`python -m rigsim`: serve a simulated rig as a serial port, or rehearse a program in virtual time.

Owns: the command line of the simulator.
Rules: stays light: a rig is ready within 0.4 s of the start; argument errors exit with 2.
Units: ports as numbers, speed as a factor of real time.
Leaves: the work to serve.py and rehearse.py.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys

if __name__ == "__main__":  # before a rig runs there is nothing to put in order
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))


def _firmware_on_path() -> None:
    """In a source tree the firmware lies beside the host; in a wheel inside this package."""
    here = os.path.dirname(os.path.abspath(__file__))
    for root in (os.path.join(here, "firmware"), os.path.join(here, "..", "..", "firmware")):
        if os.path.isdir(os.path.join(root, "rig")):
            for path in (root, os.path.join(root, "lib")):
                if path not in sys.path:
                    sys.path.append(os.path.normpath(path))
            return


def _speed(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1e9:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1e9")
    return value


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rigsim", description="the simulated pump rig: the real firmware, virtual time"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser(
        "serve", help="a simulated rig as a serial port; prints one line `ready PORT`"
    )
    where = serve.add_mutually_exclusive_group()
    where.add_argument("--link", metavar="PATH", help="a symbolic link to make to the pseudo-terminal")
    where.add_argument(
        "--tcp", metavar="PORT", type=int, help="a TCP port on this machine; 0 takes a free one"
    )
    serve.add_argument("--speed", type=_speed, default=1.0, help="virtual seconds in a second")
    serve.add_argument(
        "--seed", type=int, help="which rig: its physics and its identity, else one of its own"
    )
    serve.add_argument(
        "--idle-end", metavar="S", type=float, default=float("inf"), help="end after so long without a host"
    )
    serve.add_argument("--state", metavar="DIR", help="keep the rig here between runs")
    serve.add_argument(
        "--locked",
        metavar="FD",
        type=int,
        help="the descriptor by which the starter holds the lock of --state",
    )
    serve.add_argument("--scenario", metavar="FILE.json", help="events with `at_ms` since the start")
    serve.add_argument(
        "--balance",
        metavar="WHERE",
        nargs="?",
        const="",
        help="a balance (MT-SICS) under the catheter's tip, on a second port: a link to make, or a TCP port's number",
    )
    serve.add_argument(
        "--balance-set", metavar="NAME=NUMBER", action="append", default=[], help="a property of the balance"
    )
    rehearse = commands.add_parser(
        "rehearse", help="one JSON document in, one out; see docs/explanation/simulator.md"
    )
    rehearse.add_argument(
        "--many", action="store_true", help="a request a line, an answer a line, to the end"
    )
    return parser


def main() -> int:
    """Run a command; returns the exit code."""
    _firmware_on_path()
    given = _arguments().parse_args()
    if given.command == "rehearse":
        from rigsim import rehearse

        run = rehearse.many if given.many else rehearse.main
        return run(sys.stdin, sys.stdout, sys.stderr)
    from rigsim.serve import serve

    return serve(
        given.link,
        given.tcp,
        given.speed,
        given.seed,
        given.state,
        given.scenario,
        given.balance,
        given.balance_set,
        given.idle_end,
        given.locked,
    )


if __name__ == "__main__":
    sys.exit(main())
