"""Rehearsals whose asked, given and not given are judged by arithmetic of their own.

Owns: the events that interfere, one by one, and the sum that is right for a constant program.
Rules: what is asked of a constant program is rate times time and the boluses that the events ask for, whatever happens;
nothing of pumprig computes it here.
Units: nL, ms.
Leaves: the run to pumprig.rehearsal.
"""

from pathlib import Path

from pumprig import rehearsal
from pumprig.therapy import events, program
from sim import rehearsed

EXAMPLES = Path(__file__).parents[2] / "examples"
START_US = rehearsal.START_UTC_US
HOUR_MS = 3_600_000
FOR_MS = 12 * HOUR_MS
RATE_NL_PER_H = 20_000
STEP_NL = 4  # rounded up
CONSTANT = """
name = "steady"
[reservoir]
volume = "18 ml"
low_alert = "2 ml"
[limits]
hard_max_rate = "20 ml/day"
[basal]
rate = "20 ul/h"
[demand_bolus]
volume = "8 ul"
over = "4 min"
lockout = "2 h"
max_per_24h = 6
"""


def event(at_h, do, **fields):
    return {"at_ms": round(at_h * HOUR_MS), "do": do, **fields}


# name: (events, nL that they ask for besides, what must be among the reasons; "" for none)
INTERFERING = {
    "nothing": ([], 0, ""),
    "a demand bolus": ([event(5, "press_bolus")], 8_000, ""),
    "a demand bolus within the lockout": (
        [event(5, "press_bolus"), event(5.5, "press_bolus")],
        16_000,
        "refused",
    ),
    "a bolus": ([event(5, "bolus", volume_nl=30_000, over_ms=600_000)], 30_000, ""),
    "a bolus beyond the limit": ([event(5, "bolus", volume_nl=900_000, over_ms=60_000)], 900_000, "refused"),
    "a stop and a resume": ([event(5, "stop"), event(6, "resume")], 0, "stopped"),
    "a stop by the button": ([event(5, "press_stop"), event(6.5, "resume")], 0, "stopped"),
    "a stop in a bolus": (
        [event(5, "bolus", volume_nl=30_000, over_ms=600_000), event(5.1, "stop"), event(6, "resume")],
        30_000,
        "cancelled",
    ),
    "a stop for good": ([event(5, "stop")], 0, "stopped"),
    "a loss of power": ([event(5, "power_cut"), event(5.5, "power_on")], 0, "power"),
    "a loss of power in a bolus": (
        [
            event(5, "bolus", volume_nl=30_000, over_ms=600_000),
            event(5.1, "power_cut"),
            event(5.4, "power_on"),
        ],
        30_000,
        "power",
    ),
    "a loss of power while stopped": (
        [event(4, "stop"), event(5, "power_cut"), event(5.5, "power_on"), event(7, "resume")],
        0,
        "stopped",
    ),
    "a loss of power that a small bolus does not survive": (
        [event(5, "bolus", volume_nl=300, over_ms=60_000), event(5.003, "power_cut", for_ms=10_000)],
        300,
        "power",
    ),
    "a loss of power and two clocks": (  # the first tells of the outage, the second one only of itself
        [
            event(5, "power_cut", for_ms=HOUR_MS),
            event(6.5, "set_clock"),
            event(7, "set_clock", by_ms=-HOUR_MS),
            event(8, "set_clock"),
        ],
        0,
        "power",
    ),
    "another rate": ([event(5, "rate", rate_nl_per_day=240_000)], -70_000, ""),
    "a stall in a young bolus": (  # it loses more steps than the bolus has had
        [event(5, "bolus", volume_nl=30_000, over_ms=600_000), event(5.0001, "stall")],
        30_000,
        "stalled",
    ),
    "a brownout": ([event(5, "brownout")], 0, ""),
    "an occlusion": (
        [event(5, "occlude"), event(8, "release"), event(8, "ack"), event(8.1, "resume")],
        0,
        "alarm",
    ),
    "a stall": ([event(5, "stall"), event(8, "free"), event(8, "ack"), event(8.1, "resume")], 0, "alarm"),
    "a refill": ([event(5, "refill", volume_nl=18_000_000)], 0, ""),
    "an unplugged cable": ([event(5, "unplug"), event(6, "plug")], 0, ""),
    "a clock set": ([event(5, "set_clock", by_ms=HOUR_MS)], 0, ""),
    "back-pressure": ([event(5, "back_pressure", pressure_pa=5_000)], 0, ""),
    "a hot room": ([event(5, "hot", celsius=60)], 0, ""),
}


def constant(name, seed=0):
    """(the report, what is asked for by hand) of one of the rows above."""
    rows, extra_nl, why = INTERFERING[name]
    report = rehearsed.run(rehearsal.request(parsed(CONSTANT), FOR_MS, events=rows, seed=seed))
    return report, RATE_NL_PER_H * FOR_MS // HOUR_MS + extra_nl, why


def parsed(text):
    """A program from its TOML."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.toml"
        path.write_text(text)
        return program.load(path, START_US)


def example(path, for_ms):
    """The report of an example with the events that stand beside it."""
    beside = path.with_name(path.stem + "-events.toml")
    listed = events.load(beside, START_US) if beside.exists() else []
    return rehearsed.run(rehearsal.request(program.load(path, START_US), for_ms, events=listed))


def programs():
    """The examples that are programs."""
    return [path for path in sorted(EXAMPLES.glob("*.toml")) if not path.stem.endswith("-events")]


def adds_up(report):
    """What is wrong with the sums of a report; empty: nothing."""
    missing = sum(row["nl"] for row in report["not_given"])
    wrong = []
    if report["asked_nl"] != report["delivered_nl"] + missing:
        wrong.append(f"asked {report['asked_nl']} is not given {report['delivered_nl']} + {missing}")
    wrong += [f"{row['nl']} nL unexplained" for row in report["not_given"] if row["why"] == "unexplained"]
    return wrong
