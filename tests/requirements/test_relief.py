"""A stop while pressure is relieved: the motor stands at once.

Owns: SR-28 for the one motion that goes on while the pump is stopped.
Rules: left alone, this relief takes 3.4 s and 800 steps.
Units: steps.
Leaves: the relief itself to test_alarms.py.
"""

import pytest

from bench import Bench, program


@pytest.mark.requirement("SR-28")
@pytest.mark.parametrize("pressed", ["press_stop", "stop", "typed stop"])
@pytest.mark.parametrize("after", ["0 ms", "700 ms", "2500 ms"])
def test_a_stop_while_pressure_is_relieved_ends_the_motor_s_way_back_at_once(
    pressed: str, after: str
) -> None:
    """It would go back for 3.4 s; on record is what it went, and nothing more follows once the button is up."""
    bench = Bench()
    bench.load(program(basal=4_800_000))
    bench.run("1 min")
    bench.happen("occlude")
    while not bench.alarms():
        bench.run("20 ms")
    bench.run(after)
    if pressed == "press_stop":
        bench.happen("press_stop", **{"for": "50 ms"})
    elif pressed == "stop":
        bench.act("stop")
    else:
        bench.type("stop")
    bench.run("20 ms")
    went = bench.kinds()["relief"]
    assert went < 760, "else it had ended by itself"
    bench.run("10 s")
    assert bench.kinds()["relief"] == went
    (told,) = bench.events("relief")
    assert f"steps={went} " in told
    assert ("stop_button" in bench.alarms()) == (pressed == "press_stop")
