"""One reading of everything, as rows of fields that fit a line each.

Owns: the names and order of the fields of `status`.
Rules: reads only; a field that is not known is left out; volumes come from counted steps.
Callers: commands.py.
Units: by the names' endings.
Leaves: dates and uncertainties of dates to the host.
"""

from pumpwire import VERSION, spec
from pumpwire import program as programs
from pumpwire.spec import KINDS

from rig.boot.snapshot import STEPS
from rig.flow.dosing import CYCLES_PER_US
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
    yield (
        ("device_id", rig.board.device_id),
        ("firmware", VERSION),
        ("protocol", spec.PROTOCOL),
        ("boot", rig.boot_number),
        ("clock_hz", rig.board.clock_hz),
        ("state", state_of(rig)),
        ("mode", therapy.mode),
        ("last_seq", rig.session.last_seq),
        ("last_code", rig.session.last_code),
    )
    rate = rig.flow_nl_per_day(now_us)
    yield (
        ("rate_nl_per_day", rate),
        ("motor_mj_per_ul", _energy(rig, rate)),
        ("base_nl_per_day", base_rate),
        ("counted_nl_per_day", rig.counted.nl_per_day(now_us)),
        ("delivered_steps", rig.dosing.net_steps()),
    )
    yield (  # short rows: each takes a tick its time
        ("angle", rig.board.angle()),
        ("delivered_nl", rig.dosing.delivered_nl()),
        ("commanded_nl", rig.delivery.commanded_nl(now_us)),
        ("assumed_steps", rig.assumed_steps),
    )
    yield tuple(zip(STEPS, rig.dosing.kind_steps))
    yield (
        ("reservoir_nl", rig.reservoir.volume_nl()),
        ("reservoir_u_nl", rig.reservoir.u_nl()),
        ("low_s", rig.forecast.seconds("low")),
        ("empty_s", rig.forecast.seconds("empty")),
        ("refill_s", rig.forecast.seconds("refill")),
        ("habit_s", rig.forecast.seconds("habit")),
        ("habit_nl_per_day", rig.implant.habit_nl(now_us)),
    )
    yield _implant(rig, now_us)
    if therapy.later[0]:
        yield (("later_utc_s", therapy.later[1]),)
    yield (
        ("calibration_id", rig.dosing.calibration_id),
        ("step_nl_num", rig.dosing.volume_num),
        ("step_nl_den", rig.dosing.volume_den),
        ("u_ppm", rig.dosing.u_ppm),
    )
    if therapy.program is not None:
        yield (
            ("therapy_name", therapy.program["name"]),
            ("therapy_hash", therapy.program_hash),
            ("therapy_mode", programs.mode_of(therapy.program, implant_model.MINIMUM_NL_PER_DAY)),
            ("demand_asked", rig.requests.asked),
            ("demand_given", rig.requests.given),
        )
        if therapy.program["ramp"]:
            turn = therapy.elapsed_us(now_us) // (therapy.program["ramp"][0][2] * 1_000_000)
            yield (("ramp_step", turn), ("ramp_held", 1 if therapy.ramp_held_us >= 0 else 0))
    overlay = therapy.under_way(now_us)
    if overlay is not None:
        yield (
            ("bolus_kind", KINDS[overlay.kind]),
            ("bolus_steps", overlay.steps),
            ("bolus_done_steps", overlay.done_steps),
            ("bolus_rate_nl_per_day", overlay.rate_nl_per_day),
        )
    active, acked = rig.alarms.masks()
    yield (
        ("mono_us", now_us),
        ("utc_us", rig.clock.utc_us(now_us) or None),
        ("clock_source", rig.clock.source),
        ("alarms", active),
        ("acked", acked),
        ("reset_cause", rig.board.reset_cause),
        ("supply_mv", rig.board.supply_mv()),
    )
    yield (
        ("log_next", rig.journal.next_number),
        ("log_first", rig.journal.oldest()),
        ("log_days", rig.checkpoint.days()),
        ("log_torn", rig.journal.torn_pages),
        ("flash_erases", rig.journal.most_erases()),
    )
    yield (
        ("period_us", rig.loop.period_us),
        ("worst_us", rig.loop.worst_us),
        ("late", rig.loop.late_ticks),
        ("slowest", rig.loop.slowest().name),
        ("slowest_us", rig.loop.slowest().worst_us),
        ("collect_us", rig.collect_us),
        ("erase_us", rig.board.flash.worst_erase_us),
    )


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
    return (
        ("battery_percent", implant.percent()),
        ("battery_h", implant.age_h),
        ("eri_s", implant.seconds_to_eri(daily_nl)),
        ("tube_revolutions", implant.tube_revolutions()),
        ("tube_life", implant_model.TUBE_REVOLUTIONS),
        ("tube_utc_s", implant.tube_day * 86_400 or None),
        ("minimum_nl_per_day", implant_model.MINIMUM_NL_PER_DAY),
    )
