"""What interrupts a therapy on the bench, and what its log says of it: for the tests of the rules."""

from __future__ import annotations

from pumpwire import records

from bench import Bench

H_US = 3_600_000_000
DAY = 240_000  # nL/day: 10 uL/h


def cut(bench: Bench, seconds: int = 60) -> None:
    """The supply goes and comes back."""
    bench.sim.power_off()
    bench.wire.reset()
    bench.sim.run_us(seconds * 1_000_000)
    bench.sim.power_on()


def steps(bench: Bench, volume_nl: int) -> int:
    """The steps nearest to a volume."""
    return int(bench.sim.rig.dosing.near_steps(volume_nl))


def times(bench: Bench, event: str) -> list[int]:
    """When the records of an event say it was, microseconds since that boot."""
    number = records.EVENTS.index(event)
    return [header["mono_us"] for header, _state, _text in bench.records if header["event"] == number]


def fields(text: str) -> dict[str, str]:
    """The words of a record."""
    return dict(word.split("=", 1) for word in text.split())


def missed(bench: Bench) -> list[tuple[str, int, str, int]]:
    """(kind, nL, why, how many) of what was missed."""
    rows = [fields(text) for text in bench.events("missed")]
    return [(row["kind"], int(row["nl"]), row["why"], int(row.get("times", 1))) for row in rows]
