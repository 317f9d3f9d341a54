"""What this particular simulated rig is really like: the values that its firmware does not know.

Owns: every physical constant, its spread between rigs, and noise as a function of time.
Rules: drawn from the seed alone, in a fixed order; noise depends on seed, place and instant only, never on
how often somebody looked, so that a run that looks more often sees the same world.
Units: nL, Pa, s, V, degrees Celsius, rad; in the names.
Leaves: the head's geometry to geometry.py.
"""

from __future__ import annotations

import hashlib
import importlib
import math
import random
import sys
from dataclasses import dataclass
from typing import Any

_WHOLE = 1 << 64
_HALF = 1 << 63
_M64 = _WHOLE - 1
_SEED, _PLACE = 0x9E3779B97F4A7C15, 0xD1B54A32D192ED03
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_machine: Any = importlib.import_module("__pypy__").intop if sys.implementation.name == "pypy" else None
ATMOSPHERE_PA = 101_325.0
ROOM_C = 21.0


@dataclass(frozen=True)
class Truth:
    """One rig. Sources of the ranges: docs/explanation/simulator.md."""

    seed: int
    stroke_factor: float  # real volume per revolution over the geometry's
    rate_loss: float  # share lost at high speed, half of it at rate_half_rev_per_s
    rate_half_rev_per_s: float
    slip_per_pa: float  # share lost per Pa of outlet pressure
    ageing_loss: float  # share that a tube loses in the end
    ageing_revs: float  # revolutions after which 63 % of it is lost
    compliance_nl_per_pa: float
    resistance_pa_s_per_nl: float  # of the catheter with water at ROOM_C
    inlet_nl: float  # what the inlet gives before a closed inlet stops the flow
    load_mnm: float  # torque that turning the head takes, without pressure
    torque_share: float  # of the motor's curve, for this motor's own make
    encoder_offset_counts: float
    encoder_bow_deg: tuple[
        float, float
    ]  # amplitude of the first and second harmonic; together below 1 degree
    encoder_phase_rad: tuple[float, float]
    encoder_noise_counts: float
    pressure_offset_pa: float
    pressure_noise_pa: float
    weather_pa: float  # amplitude of the slow change of the atmosphere
    weather_phase_rad: float
    supply_v: float
    supply_noise_v: float
    gap_error_mm: float  # of the printed head, between roller and track


def seeded(text: str) -> random.Random:
    """As random.Random(text), draw for draw: that takes the text and its SHA-512, which PyPy works out in Python."""
    data = text.encode()
    return random.Random(int.from_bytes(data + hashlib.sha512(data).digest(), "big"))


def draw(seed: int) -> Truth:
    """The rig of a seed."""
    source = seeded(f"pumprig truth {seed}")

    def spread(value: float, relative: float) -> float:
        return value * (1 + max(-2.0, min(2.0, source.gauss(0, 1))) * relative / 2)

    bow_deg = source.uniform(0.5, 0.95)
    share = source.uniform(0.4, 0.8)
    return Truth(
        seed=seed,
        stroke_factor=spread(1.0, 0.05),
        rate_loss=spread(0.05, 0.4),
        rate_half_rev_per_s=spread(0.5, 0.2),
        slip_per_pa=spread(3.0e-6, 0.3),
        ageing_loss=spread(0.04, 0.5),
        ageing_revs=spread(20_000, 0.3),
        compliance_nl_per_pa=spread(0.12, 0.3),
        resistance_pa_s_per_nl=spread(0.31, 0.2),
        inlet_nl=spread(6_000, 0.3),
        load_mnm=spread(8.0, 0.5),
        torque_share=spread(1.0, 0.1),
        encoder_offset_counts=source.uniform(0, 4096),
        encoder_bow_deg=(bow_deg * share, bow_deg * (1 - share)),
        encoder_phase_rad=(source.uniform(0, 2 * math.pi), source.uniform(0, 2 * math.pi)),
        encoder_noise_counts=spread(0.7, 0.3),
        pressure_offset_pa=source.uniform(-400, 400),
        pressure_noise_pa=spread(25, 0.4),
        weather_pa=spread(800, 0.3),
        weather_phase_rad=source.uniform(0, 2 * math.pi),
        supply_v=spread(12.0, 0.02),
        supply_noise_v=0.01,
        gap_error_mm=0.025 * max(-2.0, min(2.0, source.gauss(0, 1))),
    )


def noise(seed: int, place: int, instant: int) -> float:
    """A normal deviate (sum of four uniforms) that belongs to this place and instant for ever."""
    if _machine is not None and -_HALF <= seed < _HALF:
        return _noise_of_machine_words(_machine, seed, place, instant)
    x = (seed * _SEED + place * _PLACE + instant) & _M64
    x = ((x ^ x >> 30) * _FIRST) & _M64
    x = ((x ^ x >> 27) * _SECOND) & _M64
    x ^= x >> 31
    total = (x & 0xFFFF) + (x >> 16 & 0xFFFF) + (x >> 32 & 0xFFFF) + (x >> 48)
    return (total - 131_070) / 37_837.2


def _noise_of_machine_words(machine: Any, seed: int, place: int, instant: int) -> float:
    """The same by 64-bit words that wrap round: in PyPy whole numbers beyond a word take forty times as long."""
    times, right = machine.int_mul, machine.uint_rshift
    x = machine.int_add(machine.int_add(times(seed, _SEED - _WHOLE), times(place, _PLACE - _WHOLE)), instant)
    x = times(x ^ right(x, 30), _FIRST - _WHOLE)
    x = times(x ^ right(x, 27), _SECOND - _WHOLE)
    x ^= right(x, 31)
    total = (x & 0xFFFF) + (x >> 16 & 0xFFFF) + (x >> 32 & 0xFFFF) + (x >> 48 & 0xFFFF)
    return (total - 131_070) / 37_837.2
