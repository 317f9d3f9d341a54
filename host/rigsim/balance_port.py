"""`python -m rigsim.balance_port`: a simulated balance as a serial port, paced by the wall clock.

Owns: the process: its arguments, its ready line, its pseudo-terminal or TCP port, its end by a signal.
Rules: prints one line `ready PORT`; fluid arrives at a constant rate.
Units: rate nL/h, volume nL, times s; speed as a factor of real time.
Leaves: the protocols to balance_speech.py, the errors to balance.py, the line to transport.py.
"""

from __future__ import annotations

import argparse
import signal
import socket
import time
from types import FrameType

from rigsim.balance import Balance, BalanceSpec
from rigsim.balance_speech import PROTOCOLS, Manner, SpeakingBalance
from rigsim.transport import Pty, Tcp, Transport

LOOK_S = 0.05


def serve(line: Transport, balance: SpeakingBalance, wake: socket.socket, baud: int) -> None:
    """Answer until something arrives on `wake`."""
    wake.setblocking(False)
    ready = b""
    while True:
        line.wait(min(LOOK_S, abs(balance.manner.print_s) / 2 or LOOK_S), bool(ready), (wake.fileno(),))
        try:
            if wake.recv(1):
                return
        except BlockingIOError:
            pass
        now_s = time.monotonic()
        heard = spoiled if baud and _speed(line) not in (0, baud) else whole
        balance.feed(heard(line.read(4096)), now_s)
        ready += heard(balance.due(now_s))
        ready = ready[line.write(ready) :] if ready else ready


def whole(data: bytes) -> bytes:
    """Bytes at the right baud rate."""
    return data


def spoiled(data: bytes) -> bytes:
    """What a UART of another baud rate makes of bytes: fewer, and others."""
    return bytes((byte * 73 + 29) & 0xFF | 0x80 for byte in data[::2])


def _speed(line: Transport) -> int:
    """The baud rate that the other side of a pseudo-terminal has set; 0 where that cannot be told."""
    if not isinstance(line, Pty) or not line.wake_fds:
        return 0
    import termios

    code = termios.tcgetattr(line.wake_fds[0])[5]
    known = {
        getattr(termios, name): int(name[1:])
        for name in dir(termios)
        if name[1:].isdigit() and name[0] == "B"
    }
    return known.get(code, 0)


def main() -> int:
    """Run until SIGINT or SIGTERM; returns 0."""
    parser = argparse.ArgumentParser(prog="rigsim.balance_port", description="a simulated balance")
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
    parser.add_argument("--protocol", choices=PROTOCOLS, default="mt-sics")
    parser.add_argument("--frame", default="8N1", help="8N1, 7E1, 7O1 and so on")
    parser.add_argument(
        "--baud", type=int, default=0, help="other rates of a pseudo-terminal get garbage; 0: any"
    )
    parser.add_argument("--delay-s", type=float, default=0.0, help="how long an answer takes")
    parser.add_argument(
        "--print-s", type=float, default=0.0, help="prints by itself so often; below 0: when stable"
    )
    parser.add_argument("--unit", choices=("g", "mg", "kg", "ct"), default="g")
    parser.add_argument("--comma", action="store_true", help="decimal comma")
    parser.add_argument("--legend", default="", help="behind a weight of an Ohaus balance, like NET")
    parser.add_argument(
        "--torn", action="store_true", help="print-outs come in two halves, with answers between"
    )
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
        manner = Manner(
            given.protocol,
            given.frame.upper(),
            given.delay_s,
            given.print_s,
            given.unit,
            given.comma,
            given.legend,
            given.torn,
        )
        serve(line, SpeakingBalance(Balance(spec, given.seed), source, manner), ours, given.baud)
    finally:
        line.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
