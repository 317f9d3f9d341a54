"""Drawn logs, cut into drawn spans that tile them.

Owns: what happens in a log, where it is cut, and how the spans are added up.
Rules: the whole is told once, without a limit; spans are told by the same functions with limits; nothing is known here
of how either is computed; the same seed gives the same log and the same cuts.
Units: ms since the start, microseconds UTC, nL.
Leaves: the runs to pumprig.rehearsal.
"""

import random
from collections import Counter

from pumprig import rehearsal
from pumprig.report import course
from pumprig.store import Store
from pumprig.store.given import delivery_of
from pumprig.store.totals import total
from sim import asked, rehearsed

HOUR_US = 3_600_000_000
PROGRAM = asked.CONSTANT + '[[periodic_bolus]]\nevery = "47 min"\nvolume = "3 ul"\nover = "90 s"\n'
STEPS = PROGRAM.replace(
    'rate = "20 ul/h"',
    'steps = [{from = "00:00", rate = "0.3 ml/day"}, {from = "02:30", rate = "0.9 ml/day"}, '
    '{from = "05:00", rate = "0 ml/day"}]',
)
PROGRAMS = (asked.CONSTANT, PROGRAM, STEPS)


def drawn(seed):
    """(program, events, ms) of a run: whatever may keep fluid from flowing, in any order."""
    draw = random.Random(f"tiles {seed}")
    for_ms = draw.randrange(4 * asked.HOUR_MS, 9 * asked.HOUR_MS)
    rows = []
    for _each in range(draw.randint(4, 12)):
        rows += _happening(draw, draw.randrange(60_000, for_ms))
    return draw.choice(PROGRAMS), sorted(rows, key=lambda row: row["at_ms"]), for_ms


def _happening(draw, at_ms):
    what = draw.choice(("cut", "cut", "stop", "bolus", "press", "load", "clock", "wrong", "jam", "rate"))
    later_ms = draw.choice((draw.randrange(1_000, 60_000), draw.randrange(60_000, 5_000_000)))
    if what == "cut":  # and perhaps somebody who sets the clock, some time after it
        rows = [{"at_ms": at_ms, "do": "power_cut", "for_ms": later_ms}]
        if draw.random() < 0.7:
            rows.append({"at_ms": at_ms + later_ms + draw.randrange(2_000, 4_000_000), "do": "set_clock"})
        return rows
    if what == "stop":
        return [{"at_ms": at_ms, "do": "stop"}, {"at_ms": at_ms + later_ms, "do": "resume"}]
    if what == "bolus":
        return [{"at_ms": at_ms, "do": "bolus", "volume_nl": draw.randrange(200, 40_000), "over_ms": 600_000}]
    if what == "load":
        text = asked.parsed(draw.choice(PROGRAMS)).text
        return [{"at_ms": at_ms, "do": "load", "document": text}]
    if what == "rate":
        return [{"at_ms": at_ms, "do": "rate", "rate_nl_per_day": draw.randrange(48_000, 900_000)}]
    if what == "clock":
        return [{"at_ms": at_ms, "do": "set_clock"}]
    if what == "wrong":
        by_ms = draw.choice((-1, 1)) * draw.randrange(1_000, 7_200_000)
        right = {"at_ms": at_ms + later_ms, "do": "set_clock"}
        return [{"at_ms": at_ms, "do": "set_clock", "by_ms": by_ms}, right]
    if what == "jam":
        kind, end = draw.choice((("occlude", "release"), ("stall", "free")))
        after = [
            {"at_ms": at_ms + later_ms + more, "do": do}
            for more, do in ((0, end), (1000, "ack"), (9000, "resume"))
        ]
        return [{"at_ms": at_ms, "do": kind}, *after]
    return [{"at_ms": at_ms, "do": "press_bolus"}]


def kept(folder, seed):
    """(store, device, the rehearsal's own report) of a drawn run."""
    program, rows, for_ms = drawn(seed)
    return run(folder, program, rows, for_ms, seed)


def run(folder, program, rows, for_ms, seed=0):
    """The same of a run that is given."""
    request = rehearsal.request(asked.parsed(program), for_ms, events=rows, seed=seed)
    request["records"] = str(folder / f"records-{seed}.txt")
    report = rehearsed.run(request)
    rehearsal.keep(folder / f"run-{seed}.db", request, report)
    store = Store(folder / f"run-{seed}.db")
    return store, store.devices()[0], report


def cuts(store, device, seed):
    """Instants between the log's first date and its last: any, those of records, and those just beside them."""
    draw = random.Random(f"cuts {seed}")
    rows = store.db.execute("SELECT at_utc_us FROM records WHERE at_utc_us IS NOT NULL ORDER BY at_utc_us")
    dates = [int(row[0]) for row in rows]
    chosen = set()
    while len(chosen) < 12:
        at_us = draw.choice(
            (draw.randrange(dates[0], dates[-1]), draw.choice(dates) + draw.choice((-1, 0, 1)))
        )
        if dates[0] < at_us <= dates[-1]:
            chosen.add(at_us)
    return sorted(chosen)


def told(store, device, from_us, to_us):
    """Every figure of a span, by name."""
    sums = total(store, device, from_us, to_us)
    given = delivery_of(store, sums)
    figures = Counter({"asked": given.asked_nl, "delivered": given.delivered_nl, "steps": sums.steps})
    figures.update({f"{kind} nL": nl for kind, nl in sums.by_kind_nl.items()})
    figures.update({f"{kind} steps": steps for kind, steps in sums.by_kind_steps.items()})
    figures["not known"], figures["requests"] = sums.unknown_steps, given.unknown_requests
    for row in given.not_given:
        name = f"{row['why']} {row.get('name', row.get('because', ''))}"
        for key in ("nl", "times"):
            figures[f"{name} {key}"] += row[key]
        figures[f"{name} tenths of a second"] += round(row["for_s"] * 10)
    drawn_from = course.course(store, sums)
    assert drawn_from.given == given  # the report says what `log total` says
    return figures


def added(store, device, at_us):
    """The figures of all spans between these instants, and of those before and after them, added up."""
    sums = Counter()
    for from_us, to_us in zip([None, *at_us], [*at_us, None], strict=True):
        for name, figure in told(store, device, from_us, to_us).items():
            sums[name] += figure
    return sums


def differences(whole, parts):
    """{name: (whole, sum of the parts)} where they differ."""
    return {name: (whole[name], parts[name]) for name in {*whole, *parts} if whole[name] != parts[name]}
