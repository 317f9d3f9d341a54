"""One reading of everything, as rows of fields that fit a line each.

Owns: the names and order of the fields of `status`.
Rules: reads only; a field that is not known is left out; volumes come from counted steps.
Callers: commands.py.
Units: by the names' endings.
Leaves: dates and uncertainties of dates to the host.
"""

from pumpwire import VERSION, spec
from pumpwire.spec import KINDS


def state_of(rig):
    """The state by its name in the table."""
    therapy = rig.therapy
    if rig.alarms.blocking():
        return "alarm"
    if therapy.mode == "running" and (therapy.bolus is not None or therapy.spread is not None):
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
        ("state", state_of(rig)),
        ("mode", therapy.mode),
        ("last_seq", rig.session.last_seq),
        ("last_code", rig.session.last_code),
    )
    yield (
        ("rate_nl_per_day", rig.flow_nl_per_day(now_us)),
        ("base_nl_per_day", base_rate),
        ("counted_nl_per_day", rig.counted_rate(now_us)),
        ("delivered_steps", rig.dosing.net_steps()),
        ("delivered_nl", rig.dosing.delivered_nl()),
        ("commanded_nl", rig.delivery.commanded_nl(now_us)),
        ("assumed_steps", rig.assumed_steps),
    )
    yield tuple((KINDS[i] + "_steps", rig.dosing.kind_steps[i]) for i in range(len(KINDS)))
    yield (
        ("reservoir_nl", rig.reservoir.volume_nl()),
        ("reservoir_u_nl", rig.reservoir.u_nl()),
        ("low_s", rig.seconds_to(therapy.program["low_nl"] if therapy.program else 0)),
        ("empty_s", rig.seconds_to(0)),
    )
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
            ("therapy_mode", _mode(therapy.program)),
            ("demand_asked", therapy.demand_asked),
            ("demand_given", therapy.demand_given),
        )
    for overlay in (therapy.bolus, therapy.spread):
        if overlay is not None:
            yield (
                ("bolus_kind", KINDS[overlay.kind]),
                ("bolus_steps", overlay.steps),
                ("bolus_done_steps", overlay.done_steps),
                ("bolus_rate_nl_per_day", overlay.rate_nl_per_day),
            )
            break
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
        ("period_us", rig.loop.period_us),
        ("worst_us", rig.loop.worst_us),
        ("late", rig.loop.late_ticks),
        ("slowest", rig.loop.slowest().name),
        ("slowest_us", rig.loop.slowest().worst_us),
        ("collect_us", rig.collect_us),
        ("erase_us", rig.board.flash.worst_erase_us),
    )


def _mode(program):
    if program["ramp"]:
        return "ramp"
    if program["phases"]:
        return "phases"
    return "constant" if len(program["basal"]) == 1 and not program["periodic"] else "flex"
