"""What is granted while the program does not flow: priming, a calibration's run, a dose from standing.

Owns: the rules by which these are granted or refused.
Rules: as in grants.py; from a standing pump only; a module on loan (rig.lend), apart from it so that each is
imported in a tick.
Units: nL/day, nL, microseconds of Clock.
Leaves: what flows to therapy.py, the cap to grants.py.
"""

from rig.flow.grants import check_cap
from rig.flow.overlay import Overlay
from rig.flow.therapy import CALIBRATION, PRIME, SINGLE
from rig.refused import Refused


def dispense(requests, volume_nl, rate_nl_per_day, now_us):
    """One dose from a standing pump, which then stands again; returns the overlay. Raises Refused."""
    _check_standing(requests)
    hard = requests.therapy.max_rate_nl_per_day
    if requests.therapy.program is not None:
        hard = min(hard, requests.therapy.program["hard_nl_per_day"])
    if rate_nl_per_day > hard:
        raise Refused("limit", (("rate_nl_per_day", rate_nl_per_day), ("limit_nl_per_day", hard)))
    if requests.therapy.program is not None:
        check_cap(requests, volume_nl, now_us)
    requests.need_fluid(volume_nl)
    overlay = Overlay(SINGLE, requests.dosing.steps_of(volume_nl), rate_nl_per_day, now_us)
    requests.therapy.add_apart(overlay, "dispensing")
    return overlay


def prime(requests, volume_nl, now_us):
    """Start priming, from stopped only; volume 0 is the program's catheter volume. Returns the overlay."""
    return _start_apart(requests, PRIME, volume_nl, requests.prime_rate_nl_per_day, now_us)


def calibrate(requests, rate_nl_per_day, volume_nl, now_us):
    """Deliver onto a balance, from stopped only. Returns the overlay. Raises Refused."""
    if rate_nl_per_day > requests.therapy.max_rate_nl_per_day:
        raise Refused("limit", (("limit_nl_per_day", requests.therapy.max_rate_nl_per_day),))
    return _start_apart(requests, CALIBRATION, volume_nl, rate_nl_per_day, now_us)


def _start_apart(requests, kind, volume_nl, rate_nl_per_day, now_us):
    _check_standing(requests)
    volume_nl = volume_nl or (requests.therapy.program["catheter_nl"] if requests.therapy.program else 0)
    if not volume_nl:
        raise Refused("value", (("why", "no catheter volume is stored: name one"),))
    requests.need_fluid(volume_nl)
    overlay = Overlay(kind, requests.dosing.steps_of(volume_nl), rate_nl_per_day, now_us)
    requests.therapy.add_apart(overlay, "priming")
    return overlay


def _check_standing(requests):
    if requests.therapy.mode != "stopped":
        raise Refused("state", (("why", "stop the pump first"),))
