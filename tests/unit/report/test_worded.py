"""Records in words: volumes instead of steps, times instead of numbers, and nothing left out that is new."""

import pytest
from pumprig.worded import words_of
from pumpwire import records, spec


class Told:
    """A record as far as its words go."""

    def __init__(self, event: str, text: str) -> None:
        self.event, self.text, self.calibration_id = event, text, 7


STEP_NL = 3.25


@pytest.mark.parametrize(
    ("event", "text", "said"),
    [
        ("bolus_start", "kind=single asked_steps=2387 done_steps=0", "single bolus of 7.76 µL begins"),
        ("bolus_end", "kind=single asked_steps=2387 done_steps=2387", "single bolus of 7.76 µL given"),
        (
            "bolus_end",
            "kind=demand asked_steps=2000 done_steps=500",
            "demand bolus ended early: 1.62 µL of 6.50 µL given",
        ),
        ("bolus_end", "kind=prime asked_steps=2000 done_steps=2000", "priming of 6.50 µL given"),
        ("stop", "was=running delivered_steps=1000", "stopped, was running, delivered 3.25 µL"),
        (
            "command",
            "verb=bolus seq=7 volume_nl=5000 over_ms=60000 spread=0",
            "bolus asked for, volume 5.00 µL, over 1 min",
        ),
        ("command", "verb=refill seq=3 volume_nl=20000000", "reservoir refilled, volume 20.000 mL"),
        ("command", "verb=access seq=9 key=1", "key or PIN changed"),
        ("command", "verb=stage seq=1 part=1 of=1", "document staged"),
        ("refused", "verb=bolus seq=7 why=limit nl=5000", "bolus refused: beyond a hard limit, 5.00 µL"),
        ("boot", "cause=power_on maintenance=0", "started: power on"),
        ("self_test", "failed=none", "power-on test passed"),
        (
            "calibration",
            "num=10221096 den=3200000 u_ppm=10000",
            "calibration 7 in force: 3.194 nL a step ± 1 %",
        ),
        (
            "undelivered",
            "steps=100 nl=325",
            "steps that did not turn the rotor, taken back, 325 nL",
        ),
        ("event 99", "brand_new_nl=1000 odd=x", "event 99, brand new 1.00 µL, odd x"),
    ],
)
def test_an_event_is_told_in_words_and_microlitres(event: str, text: str, said: str) -> None:
    assert words_of(Told(event, text), STEP_NL) == said  # type: ignore[arg-type]


def test_without_a_calibration_steps_stay_steps() -> None:
    told = Told("bolus_end", "kind=single asked_steps=20 done_steps=20")
    assert words_of(told, 0.0) == "single bolus of 20 steps given"  # type: ignore[arg-type]


def test_every_event_and_every_alarm_has_words_of_its_own() -> None:
    for event in records.EVENTS:
        if event and event != "checkpoint":
            assert "=" not in words_of(Told(event, ""), STEP_NL)  # type: ignore[arg-type]
    for row in spec.alarms():
        if row[1]:
            said = words_of(Told("alarm", f"name={row[1]}"), STEP_NL)  # type: ignore[arg-type]
            assert row[2] in said
            assert len(said) > len(row[1]) + 12  # and what it means
