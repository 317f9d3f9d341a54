"""rig.flow.weigh: a program fits beside what has flowed, or is refused with when it would.

Owns: the windows of the coming 24 h, for programs that begin, go on, or bring a bridge.
Rules: the judge adds up windows slot by slot; what has flowed and what comes are drawn.
Units: slots of ten minutes, steps of 3 nL, nL, nL/day.
Leaves: what a program brings to test_daily.py, the ring to test_day_cap.py, commits on a rig to tests/requirements.
"""

from __future__ import annotations

from collections.abc import Generator
from random import Random
from typing import Any

import pytest
from parts import STEP_NL, dosing_of, program
from pumpwire import daily
from pumpwire.spec import KINDS
from rig.flow import weigh
from rig.flow.day_cap import SLOT_US, SLOTS, DayCap
from rig.flow.overlay import Overlay
from rig.flow.therapy import Therapy
from rig.refused import Refused

S_US = 1_000_000
BEGIN_US = 3 * SLOT_US + 217 * S_US
WINDOW = 144  # slots


class Case:
    """What flowed in each of the last slots, drawn, in a ring; slot 0 is the one that is filling."""

    def __init__(self, draw: Random, own_too: bool = True) -> None:
        self.dosing = dosing_of()
        self.cap = DayCap(self.dosing)
        self.cap.advance(BEGIN_US)
        now = BEGIN_US // SLOT_US + SLOTS
        self.held = [(0, 0)] * SLOTS
        for back in range(SLOTS):
            if draw.random() < 0.3:
                own = draw.randrange(1, 2_000) if own_too else 0
                self.held[back] = own, draw.choice([0, draw.randrange(900)])
                self.cap.put(now - back, *self.held[back])

    def room(self, document: dict[str, Any], at_us: int = BEGIN_US, bridge: Overlay | None = None) -> Any:
        """What the rig says of a program that is to begin."""
        return daily.finish(weigh.room(document, self.cap, self.dosing, bridge, at_us, 0))

    def goes_on(self, document: dict[str, Any], elapsed_us: int, bridge: Overlay | None = None) -> Any:
        """What the rig says of one that goes on."""
        parts = self.cap, self.dosing, bridge
        return daily.finish(weigh.going_on(document, *parts, BEGIN_US, 0, elapsed_us))

    def windows(self, comes: list[int]) -> list[tuple[int, int]]:
        """(own nL, nL of requests) of the 24 h up to the end of each coming slot, the filling one first.

        Own: never too much; 4 steps are for rounding. Requests: a slot longer, so never too little.
        """
        rows = []
        for end in range(WINDOW):
            own = sum(row[0] for row in self.held[: WINDOW - end])
            asked = sum(row[1] for row in self.held[: WINDOW + 1 - end])
            rows.append((STEP_NL * max(0, own - 4) + comes[end], STEP_NL * asked))
        return rows


def constant_nl(rate: int, begun_us: int = 0) -> list[int]:
    """What a constant rate brings by each slot's end, after begun_us of something else."""
    first_us = SLOT_US - BEGIN_US % SLOT_US
    return [max(0, rate * (first_us + slot * SLOT_US - begun_us)) // daily.DAY_US for slot in range(WINDOW)]


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("bridged", ["no", "goes on", "its own", "its own for another"])
def test_a_program_fits_where_every_24_hours_to_come_do(seed: int, bridged: str) -> None:
    draw = Random(f"{seed} {bridged}")
    case = Case(draw, own_too=seed % 4 > 0)
    rate = draw.randrange(1_000, 60_000)
    fields: dict[str, Any] = {"basal": ((0, rate),)}
    bridge, comes = None, constant_nl(rate)
    if bridged != "no":
        bridge_rate = draw.randrange(10_000, 400_000)
        steps = draw.randrange(20, 20_000)
        bridge_us = -(-steps * STEP_NL * daily.DAY_US // bridge_rate)
        first_us = SLOT_US - BEGIN_US % SLOT_US
        units = [
            min(steps * STEP_NL * daily.DAY_US, bridge_rate * (first_us + k * SLOT_US)) for k in range(WINDOW)
        ]
        rest = [max(0, rate * (first_us + k * SLOT_US - bridge_us)) for k in range(WINDOW)]
        comes = [(one + other) // daily.DAY_US for one, other in zip(units, rest, strict=True)]
        if bridged != "goes on":
            fields["bridge"] = ((steps * STEP_NL, bridge_rate),)
        if bridged == "its own for another":
            bridge = Overlay(KINDS.index("bridge"), 4_000, 300_000)
        elif bridged == "goes on":
            bridge = Overlay(KINDS.index("bridge"), steps + 55, bridge_rate)
            bridge.done_steps = 55
    rows = case.windows(comes)
    most = max(own + asked for own, asked in rows)
    own_nl = daily.finish(daily.most_own_nl(program(**fields)))
    if most < own_nl:
        return
    found, ahead = case.room(program(**fields, cap_nl=most), bridge=bridge)
    assert found >= own_nl
    held_nl = STEP_NL * sum(own + asked for own, asked in case.held)
    if ahead or held_nl + own_nl > most:
        assert list(ahead) == [max(own for own, _asked in rows[k:]) for k in range(WINDOW)]
    if bridge is not None and bridged == "goes on":
        assert ahead
    if most <= own_nl:
        return
    cap_nl = draw.choice([most - 1, draw.randrange(own_nl, most)])
    with pytest.raises(Refused) as refused:
        case.room(program(**fields, cap_nl=cap_nl), bridge=bridge)
    why = dict(refused.value.args[1])
    assert why["held_nl"] == held_nl
    assert why["cap_nl"] == cap_nl
    later_us = BEGIN_US + why["wait_s"] * S_US
    assert 0 < later_us % SLOT_US <= S_US  # a slot of the ring is over then
    if bridge is None:  # one that flows would have gone on meanwhile
        sooner_us = later_us - 1_202 * S_US  # the slot that it would begin in counts whole
        if sooner_us > BEGIN_US:
            with pytest.raises(Refused):
                case.room(program(**fields, cap_nl=cap_nl), sooner_us)
        case.room(program(**fields, cap_nl=cap_nl), later_us)


@pytest.mark.parametrize("seed", range(120))
def test_a_base_flow_that_changes_alone_fits_after_the_wait_that_is_told_with_the_grid_as_it_is_then(
    seed: int,
) -> None:
    """Its periodic bolus falls due when it would have: so much later it is so much nearer."""
    draw = Random(f"base alone {seed}")
    case = Case(draw)
    every_s = draw.choice([6, 12, 24]) * 3_600
    row = every_s, draw.choice([30_000, 60_000]), 600_000, draw.randrange(60, every_s)
    document = program(basal=((0, draw.randrange(1_000, 30_000)),), periodic=(row,))
    own_nl = daily.finish(daily.most_own_nl(document))
    document["cap_nl"] = own_nl + draw.randrange(STEP_NL * (case.cap.own_steps + case.cap.asked_steps))
    elapsed_us = draw.randrange(1, 200 * 3_600) * S_US

    def room(later_us: int) -> int:
        """How long it is to wait from then on, s; 0: it fits."""
        parts = case.cap, case.dosing, None
        try:
            daily.finish(weigh.room(document, *parts, BEGIN_US + later_us, 0, elapsed_us + later_us))
        except Refused as refused:
            return int(dict(refused.args[1])["wait_s"])
        return 0

    wait_s = room(0)
    assert not wait_s or room(wait_s * S_US) == 0


@pytest.mark.parametrize("seed", range(60))
def test_what_is_found_to_come_is_no_less_than_any_24_hours_and_ten_minutes_more_at_most(seed: int) -> None:
    """A titration beside what flowed of another program; a long request is looked after until it is a day old."""
    draw = Random(seed)
    case = Case(draw)
    ramp = draw.randrange(1_000, 50_000), draw.randrange(1, 20_000), draw.choice([3_600, 20_000]), 90_000
    document = program(ramp=(ramp,), cap_nl=10_000_000)
    therapy = Therapy(case.dosing)
    therapy.program, therapy.start_us = document, BEGIN_US
    pending_nl = STEP_NL * draw.randrange(0, 500)
    case.cap.pending_steps = pending_nl // STEP_NL
    case.cap.use(10_000_000, own_nl := draw.choice([90_000, 10_000_000]), (), BEGIN_US)
    over_us = draw.choice([0, 1, 6, 24]) * 3_600 * S_US
    daily.finish(weigh.coming((therapy, case.cap, case.dosing), BEGIN_US, 0, over_us))
    found_nl = 10_000_000 + case.cap.shortfall_nl(0, BEGIN_US + S_US)

    def rate(slot: int) -> float:
        return min(ramp[0] + ramp[1] * (max(0, slot * 600 + 300) // ramp[2]), ramp[3]) / 144

    def fullest(longer: int) -> float:
        """By slots that begin now, as if the present one were just full."""
        most = 0.0
        for end in range(1, WINDOW + 1 + over_us // SLOT_US):
            first = end - WINDOW - longer
            kept = case.held[: max(0, -first)]
            own = STEP_NL * sum(row[0] for row in kept) + sum(
                rate(slot) for slot in range(max(0, first), end)
            )
            most = max(most, min(own, own_nl) + STEP_NL * sum(row[1] for row in kept))
        return most + pending_nl

    most_nl = min(fullest(3), case.cap.shortfall_nl(0, BEGIN_US + 9 * S_US) + 10_000_000)
    assert min(fullest(0), most_nl) - 300 <= found_nl <= most_nl + 300


def test_the_walk_gives_the_tick_back_after_every_six_turns() -> None:
    made = []

    def turns() -> Generator[None, None, str]:
        for turn in range(40):
            made.append(turn)
            yield
        return "done"

    walk = weigh.slowly(turns())
    stood = [len(made) for _ in walk]
    assert stood == [6, 12, 18, 24, 30, 36]
    assert daily.finish(weigh.slowly(turns())) == "done"


def test_a_program_whose_own_day_is_above_its_cap_never_fits() -> None:
    """Said with the day's volume; a cap above its highest rate leaves a request the room that the day does."""
    steps = ((0, 30_000), (43_200, 90_000))
    assert daily.finish(weigh.own(program(basal=steps, cap_nl=60_000))) == 60_000
    assert daily.finish(weigh.own(program(basal=steps, cap_nl=90_000))) == 60_000
    assert daily.finish(weigh.own(program(basal=steps, cap_nl=weigh.UNCAPPED_NL - 1))) == 60_000
    assert daily.finish(weigh.own(program(basal=steps, cap_nl=weigh.UNCAPPED_NL))) == 90_000
    with pytest.raises(Refused) as refused:
        daily.finish(weigh.own(program(basal=steps, cap_nl=59_999)))
    assert refused.value.args == ("cap", (("daily_nl", 60_000), ("cap_nl", 59_999)))


def test_a_program_that_goes_on_after_a_cut_has_begun_already() -> None:
    """Its own bridge is not given again; its phases are where they were."""
    case = Case(Random(1))
    fields: dict[str, Any] = {"phases": ((36_000, 100_000), (36_000, 400_000)), "bridge": ((5_000, 20_000),)}
    elapsed_us = 30_000 * S_US
    first_us = SLOT_US - BEGIN_US % SLOT_US
    comes = []
    for slot in range(WINDOW):
        end_us = first_us + slot * SLOT_US
        units = 100_000 * min(end_us, 6_000 * S_US) + 400_000 * max(0, end_us - 6_000 * S_US)
        comes.append(units // daily.DAY_US)
    rows = case.windows(comes)
    ahead = case.goes_on(program(**fields, cap_nl=10_000_000), elapsed_us)
    assert list(ahead) == [max(own for own, _asked in rows[k:]) for k in range(WINDOW)]
    ahead = case.goes_on(program(**fields), elapsed_us)
    assert ahead == ()  # without a cap nothing is worked out


def test_a_turn_that_a_cut_interrupted_counts_with_what_it_has_left() -> None:
    """3 µL over half an hour every ten hours, cut after ten minutes: two thirds of it come at once."""
    case = Case(Random(1))
    row = 36_000, 3_000, 1_800_000, 0
    ahead = case.goes_on(program(basal=((0, 0),), periodic=(row,), cap_nl=10_000_000), 36_600 * S_US)
    first_s = (SLOT_US - BEGIN_US % SLOT_US) // S_US
    comes = []
    for slot in range(WINDOW):
        passed_s = first_s + 600 * slot
        later = sum(min(max(0, passed_s - due_s), 1_800) for due_s in (35_400, 71_400))
        comes.append((min(passed_s, 1_200) + later) * 3_000 // 1_800)
    right = [max(own for own, _asked in case.windows(comes)[k:]) for k in range(WINDOW)]
    assert all(abs(one - other) <= 1 for one, other in zip(ahead, right, strict=True))


def test_a_bridge_that_a_cut_interrupted_goes_on_with_its_rest() -> None:
    """Whether or not the program that it began with is still the active one."""
    case = Case(Random(2))
    bridge = Overlay(KINDS.index("bridge"), 9_000, 300_000)
    bridge.done_steps = 1_000
    bridge_us = 24_000 * daily.DAY_US // 300_000
    begun = constant_nl(30_000, bridge_us)
    first_us = SLOT_US - BEGIN_US % SLOT_US
    comes = [
        min(24_000, 300_000 * (first_us + k * SLOT_US) // daily.DAY_US) + begun[k] for k in range(WINDOW)
    ]
    rows = case.windows(comes)
    document = program(basal=((0, 30_000),), bridge=((50_000, 400_000),), cap_nl=10_000_000)
    ahead = case.goes_on(document, 7 * S_US, bridge)
    right = [max(own for own, _asked in rows[k:]) for k in range(WINDOW)]
    assert all(abs(one - other) <= 1 for one, other in zip(ahead, right, strict=True))
