"""`python -m rigsim.balance_port`: a simulated balance as a serial port, paced by the wall clock.

Owns: the process: its arguments, its ready line, its pseudo-terminal or TCP port, its end by a signal.
Rules: prints one line `ready PORT`; fluid arrives at a constant rate.
Callers: the balance's tests, a person who wants a balance without a rig; beside a rig it is balance_beside.py.
Units: rate nL/h, volume nL, times s; speed as a factor of real time.
Leaves: the protocol to balance_sics.py, the errors to balance.py, the line to transport.py.
"""

from __future__ import annotations

import argparse
import signal
import socket
import time
from types import FrameType

from rigsim.balance import Balance, BalanceSpec
from rigsim.balance_sics import SicsBalance
from rigsim.transport import Pty, Tcp, Transport

LOOK_S = 0.2


def serve(line: Transport, sics: SicsBalance, wake: socket.socket) -> None:
    """Answer until something arrives on `wake`."""
    wake.setblocking(False)
    ready = b""
    while True:
        line.wait(LOOK_S, bool(ready), (wake.fileno(),))
        try:
            if wake.recv(1):
                return
        except BlockingIOError:
            pass
        ready += sics.feed(line.read(4096)) + sics.stream()
        ready = ready[line.write(ready) :] if ready else ready


def main() -> int:
    """Run until SIGINT or SIGTERM; returns 0."""
    parser = argparse.ArgumentParser(prog="rigsim.balance_port", description="a simulated balance (MT-SICS)")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--link", metavar="PATH", help="a symbolic link to make to the pseudo-terminal")
    where.add_argument(
        "--tcp", metavar="PORT", type=int, help="a TCP port on this machine; 0 takes a free one"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--speed", type=float, default=1.0, help="virtual seconds in a second")
    parser.add_argument("--readability-g", type=float, default=1e-4)
    parser.add_argument("--evaporation-g-per-h", type=float, default=0.0005)
    parser.add_argument("--rate-nl-per-h", type=float, default=0.0, help="fluid that arrives all the time")
    given = parser.parse_args()
    spec = BalanceSpec(
        readability_g=given.readability_g,
        repeatability_g=given.readability_g,
        wander_g_per_root_h=0.3 * given.readability_g,
        evaporation_g_per_h=given.evaporation_g_per_h,
    )
    begin_s = time.monotonic()

    def source() -> tuple[float, float]:
        t_s = (time.monotonic() - begin_s) * given.speed
        return t_s, given.rate_nl_per_h * t_s / 3600.0

    line: Transport = Tcp(given.tcp) if given.tcp is not None else Pty(given.link)
    ours, theirs = socket.socketpair()

    def end(number: int, frame: FrameType | None) -> None:
        theirs.send(b"x")

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    print(f"ready {line.name}", flush=True)
    try:
        serve(line, SicsBalance(Balance(spec, given.seed), source), ours)
    finally:
        line.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
