"""The pump of a weighing run: what it says of a delivery of its own that it did not end.

Owns: the promise that a stop by somebody else is told at each look, for the run may look more than once in a turn.
Rules: a real simulated rig; the stop goes past the pump, as another program's does.
Units: nL/h, s.
Leaves: what the run does about it to tests/unit/calibration.
"""

from __future__ import annotations

from contextlib import nullcontext

import pumprig
import pytest
from hub.conftest import Place
from pumprig.api.rigpump import RigPump
from pumprig.lab.servers import until

RATE_NL_PER_H, FOR_S = 1_000_000.0, 3_600.0


def test_a_stop_by_somebody_else_is_told_at_each_look_until_the_pump_is_used_again(place: Place) -> None:
    with pumprig.connect("sim") as rig:
        pump = RigPump(lambda: nullcontext(rig))
        pump.run(RATE_NL_PER_H, FOR_S)
        assert not pump.look().stopped
        rig.stop()
        assert [pump.look().stopped for _look in range(3)] == [True, True, True]
        pump.run(RATE_NL_PER_H, FOR_S)
        assert not pump.look().stopped
        pump.stop()
        assert not pump.look().stopped


def test_a_stop_by_somebody_else_is_told_though_a_stop_of_ours_comes_right_behind_it(place: Place) -> None:
    """Between a look and our own stop: it was forgotten, and the next stage started the pump again."""
    with pumprig.connect("sim") as rig:
        pump = RigPump(lambda: nullcontext(rig))
        pump.run(RATE_NL_PER_H, FOR_S)
        assert not pump.look().stopped
        rig.stop()
        pump.stop()
        with pytest.raises(pumprig.PumpError, match="Somebody else"):
            pump.run(RATE_NL_PER_H, FOR_S)
        assert pump.look().stopped


def test_a_stop_of_ours_behind_the_end_or_an_alarm_is_no_other_s(place: Place) -> None:
    with pumprig.connect("sim") as rig:
        pump = RigPump(lambda: nullcontext(rig))
        pump.run(RATE_NL_PER_H, 4.0)
        until(lambda: not pump.look().rate_nl_per_h, "the delivery's own end")
        pump.stop()
        assert not pump.look().stopped
        pump.run(RATE_NL_PER_H, FOR_S)
        pump.stop()
        pump.stop()
        assert not pump.look().stopped
