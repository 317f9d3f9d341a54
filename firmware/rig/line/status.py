"""One reading of everything, as rows of fields that fit a line each.

Owns: what stands in each row of `status`.
Rules: reads only; a field that is not known is left out; volumes come from counted steps.
Units: by the names' endings.
Leaves: names and order of the fields to pumpwire.answers, dates and uncertainties of dates to the host.
"""

from pumpwire import VERSION, spec
from pumpwire import program as programs
from pumpwire.answers import row, told
from pumpwire.spec import KINDS
from pumpwire.terms import CYCLES_PER_US

from rig.watch import implant_model


def state_of(rig):
    """The state by its name in the table."""
    therapy = rig.therapy
    if rig.alarms.blocking():
        return "alarm"
    if therapy.mode == "dispensing" or therapy.mode == "running" and therapy.under_way(rig.clock.now_us()):
        return "bolus"
    return therapy.mode


def rows(rig, now_us):
    """The rows of `status`."""
    rig.delivery.settle(now_us)
    therapy = rig.therapy
    _kind, base_rate, _until = therapy.base(now_us, rig.clock.utc_us(now_us))
    yield _row(
        "rig",
        rig.board.device_id,
        VERSION,
        spec.PROTOCOL,
        rig.log.boot_number,
        rig.board.clock_hz,
        state_of(rig),
        therapy.mode,
        rig.session.last_seq,
        rig.session.last_code,
    )
    rate = rig.flow_nl_per_day(now_us)
    yield _row(
        "flow",
        rate,
        _energy(rig, rate),
        base_rate,
        rig.counted.nl_per_day(now_us),
        rig.dosing.net_steps(),
    )
    yield _row(
        "volume",  # short rows: each takes a tick its time
        rig.board.angle(),
        rig.dosing.delivered_nl(),
        rig.delivery.commanded_nl(now_us),
        rig.assumed_steps,
        rig.monitor.pressure.now_pa,
    )
    yield told(row("status", "kinds"), rig.dosing.kind_steps)
    yield _row(
        "reservoir",
        rig.reservoir.volume_nl(),
        rig.reservoir.u_nl(),
        rig.forecast.seconds("low"),
        rig.forecast.seconds("empty"),
        rig.forecast.seconds("refill"),
        rig.forecast.seconds("habit"),
        rig.implant.habit_nl(now_us),
    )
    yield _implant(rig, now_us)
    if therapy.later[0]:
        yield _row("waits", therapy.later[1])
    yield _row(
        "calibration",
        rig.dosing.calibration_id,
        rig.dosing.volume_num,
        rig.dosing.volume_den,
        rig.dosing.u_ppm,
    )
    if therapy.program is not None:
        yield _row(
            "therapy",
            therapy.program["name"],
            therapy.program_hash,
            programs.mode_of(therapy.program, implant_model.MINIMUM_NL_PER_DAY),
            rig.requests.asked,
            rig.requests.given,
        )
        if therapy.program["ramp"]:
            turn = therapy.elapsed_us(now_us) // (therapy.program["ramp"][0][2] * 1_000_000)
            yield _row("ramp", turn, 1 if therapy.ramp_held_us >= 0 else 0)
    overlay = therapy.under_way(now_us)
    if overlay is not None:
        yield _row(
            "bolus",
            KINDS[overlay.kind],
            overlay.steps,
            overlay.done_steps,
            overlay.rate_nl_per_day,
        )
    active, acked = rig.alarms.masks()
    yield _row(
        "now",
        now_us,
        rig.clock.utc_us(now_us) or None,
        rig.clock.source,
        active,
        acked,
        rig.board.reset_cause,
        rig.board.supply_mv(),
    )
    yield _row(
        "log",
        rig.journal.next_number,
        rig.journal.oldest(),
        rig.checkpoint.days(),
        rig.journal.torn_pages,
        rig.journal.most_erases(),
    )
    yield _row(
        "loop",
        rig.loop.period_us,
        rig.loop.worst_us,
        rig.loop.late_ticks,
        rig.loop.slowest().name,
        rig.loop.slowest().worst_us,
        rig.collect_us,
        rig.board.flash.worst_erase_us,
    )


def _row(name, *values):
    return told(row("status", name), values)


def _energy(rig, rate):
    """Estimated energy of the motor for a uL at this rate, mJ; None where nothing flows."""
    dosing = rig.dosing
    interval_us = dosing.step_cycles(rate) // CYCLES_PER_US
    if not interval_us:
        return None
    return rig.board.stepper.step_uj(interval_us) * dosing.volume_den // dosing.volume_num


def _implant(rig, now_us):
    implant = rig.implant
    implant.count(now_us)
    program = rig.therapy.program
    daily_nl = implant.habit_nl(now_us)
    if program is not None:
        daily_nl += programs.max_day_nl(program) + programs.periodic_a_day_nl(program)
    return _row(
        "implant",
        implant.percent(),
        implant.age_h,
        implant.seconds_to_eri(daily_nl),
        implant.tube_revolutions(),
        implant_model.TUBE_REVOLUTIONS,
        implant.tube_day * 86_400 or None,
        implant_model.MINIMUM_NL_PER_DAY,
    )
