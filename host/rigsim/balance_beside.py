"""The simulated balance beside a simulated rig: a second serial port in the rig's own process and time.

Owns: the balance's line, its spec from words like `evaporation_g_per_h=0.0005`, the pace of a stream of readings.
Rules: weighs what has really arrived at the catheter's tip at the rig's present instant; asking changes nothing there.
Units: seconds of the rig's time, nL; the spec's as balance.BalanceSpec names them.
Leaves: the protocol to balance_sics.py, the errors to balance.py, descriptors to transport.py.
"""

from __future__ import annotations

import time
from dataclasses import fields

from rigsim.balance import Balance, BalanceSpec
from rigsim.balance_sics import SicsBalance
from rigsim.chip import CYCLES_PER_S
from rigsim.driver import SimRig
from rigsim.transport import Pty, Tcp, Transport

STREAM_S = 0.1  # of wall time between two readings that SIR asked for
USUAL = BalanceSpec(wander_g_per_root_h=3e-5, draught_g=3e-5, evaporation_g_per_h=3e-4)


class SpecError(ValueError):
    """No such property of a balance, or no number; the text lists the properties."""


def spec_of(words: list[str]) -> BalanceSpec:
    """The usual 0.1 mg balance with `name=number` changed. Raises SpecError."""
    values = {row.name: float(getattr(USUAL, row.name)) for row in fields(BalanceSpec)}
    for word in words:
        name, _, number = word.partition("=")
        try:
            values[name.strip()] = values[name.strip()] * 0.0 + float(number)
        except (KeyError, ValueError):
            raise SpecError(
                f"balance: {word!r} is none of {', '.join(f'{key}=NUMBER' for key in values)}"
            ) from None
    if not (values["readability_g"] > 0 and values["capacity_g"] > 0):
        raise SpecError("balance: readability_g and capacity_g must be above zero")
    return BalanceSpec(**values)


class BalanceBeside:
    """The balance with its port: `where` is a link to make to a pseudo-terminal, a TCP port's number, or empty."""

    def __init__(self, rig: SimRig, where: str, words: list[str]) -> None:
        spec = spec_of(words)
        self._rig = rig
        self._line: Transport = Tcp(int(where)) if where.isdigit() else Pty(where or None)
        self._sics = SicsBalance(Balance(spec, rig.chip.seed), self._now)
        self._unsent = b""
        self._streamed_s = 0.0
        self.name = self._line.name

    def _now(self) -> tuple[float, float]:
        return self._rig.chip.now / CYCLES_PER_S, self._rig.pump.true_nl()

    def answer(self) -> None:
        """Take what was asked and give what there is to say; never waits."""
        self._line.wait(0.0, False, ())
        self._unsent += self._sics.feed(self._line.read(4096))
        now_s = time.monotonic()
        if self._sics.streaming and now_s - self._streamed_s >= STREAM_S and not self._unsent:
            self._streamed_s = now_s
            self._unsent = self._sics.stream()
        if self._unsent:
            self._unsent = self._unsent[self._line.write(self._unsent) :]

    @property
    def pause_s(self) -> float:
        """How long nothing can be due here, unless a question arrives."""
        return STREAM_S if self._sics.streaming or self._unsent else self._line.patience_s

    @property
    def wake_fds(self) -> tuple[int, ...]:
        """Descriptors that become readable when a question arrives."""
        return self._line.wake_fds

    def close(self) -> None:
        """Give the port back."""
        self._line.close()
