"""The very firmware in the simulated rig: it delivers, survives, and its world is the same however time is run."""

import pytest
from pumpwire import records
from rigsim.events import EVENTS, EventError, check
from rigsim.wire import Refused
from sim.simulation import HOUR_US, Simulation

BUSY = (
    {"at_ms": 300_000, "do": "press_bolus"},
    {"at_ms": 1_200_000, "do": "press_bolus"},
    {"at_ms": 1_500_000, "do": "bolus", "volume": "5 ul", "over": "90 s"},
    {"at_ms": 2_000_007, "do": "press_stop"},
    {"at_ms": 2_060_000, "do": "ack"},
    {"at_ms": 2_100_000, "do": "resume"},
    {"at_ms": 2_500_000, "do": "power_cut", "for": "1 min"},
    {"at_ms": 3_000_000, "do": "set_clock"},
)
DEMAND = {"demand": ((4_000, 120_000, 1_800, 6),)}


def busy_hour(slow: bool) -> Simulation:
    simulation = Simulation(seed=5, slow=slow)
    simulation.load(**DEMAND)
    simulation.happen(*BUSY)
    simulation.run_hours(1)
    return simulation


def test_an_hour_with_every_tick_run_gives_the_same_log_to_the_byte() -> None:
    fast, slow = busy_hour(False), busy_hour(True)
    assert slow.rig.ticks > 170_000 > fast.rig.ticks
    assert fast.log_text() == slow.log_text()
    assert fast.rig.pump.true_nl() == pytest.approx(slow.rig.pump.true_nl(), abs=0.01)
    assert {event for event, _ in fast.log()} >= {"request", "refused", "bolus_end", "stop", "power_return"}


@pytest.mark.requirement("SR-01")
def test_what_arrives_at_the_tip_is_what_was_programmed_within_the_calibration() -> None:
    simulation = Simulation(seed=3)
    simulation.load()
    before = simulation.rig.pump.true_nl()
    simulation.rig.run_us(24 * HOUR_US)
    delivered = simulation.rig.pump.true_nl() - before
    assert delivered == pytest.approx(500_000, rel=0.02)
    assert int(simulation.status()["delivered_nl"]) == pytest.approx(500_000, abs=8)


def test_the_status_tells_the_motors_energy_for_a_microlitre_at_the_present_rate() -> None:
    simulation = Simulation(seed=3)
    assert "motor_mj_per_ul" not in simulation.status(), "nothing flows"
    simulation.load()
    joule_per_ul = 1.2 * 86_400 / 500  # coils held all the time, 500 uL a day
    assert int(simulation.status()["motor_mj_per_ul"]) / 1000 == pytest.approx(joule_per_ul, rel=1e-4)


@pytest.mark.requirement("SR-26")
@pytest.mark.parametrize("seed", range(6))
def test_a_bouncing_press_is_one_request(seed: int) -> None:
    simulation = Simulation(seed=seed)
    simulation.load(**DEMAND)
    simulation.happen({"at_ms": 60_000, "do": "press_bolus"})
    simulation.run_hours(0.1)
    events = [event for event, _ in simulation.log()]
    assert events.count("request") == 1
    assert events.count("refused") == 0
    assert simulation.status()["demand_steps"] != "0"


@pytest.mark.requirement("SR-28")
def test_the_stop_button_stops_within_a_pulse_without_the_link() -> None:
    simulation = Simulation()
    simulation.load(basal=((0, 200_000_000),))
    simulation.happen({"at_ms": 10, "do": "unplug"}, {"at_ms": 60_003, "do": "press_stop"})
    rig = simulation.rig
    rig.run_until(simulation.world.start_cycle + 60_003 * 125_000)
    rig.pump.advance()
    pulses = rig.pump.pulses_total
    assert pulses > 10_000
    simulation.run_hours(0.01)
    rig.pump.advance()
    assert rig.pump.pulses_total - pulses <= 1


@pytest.mark.requirement("SR-13")
def test_after_a_power_cut_the_rig_goes_on_and_its_log_has_no_gap() -> None:
    simulation = Simulation(seed=2)
    simulation.load()
    simulation.happen({"at_ms": 1_800_000, "do": "power_cut", "for": "10 min"})
    simulation.run_hours(1)
    status = simulation.status()
    assert status["boot"] == "2"
    assert status["mode"] == "running"
    counted_nl = int(status["delivered_nl"])
    true_nl = simulation.rig.pump.true_nl()
    assert true_nl == pytest.approx(50 / 60 * 500_000 / 24, rel=0.03)
    assert counted_nl > 0.98 * true_nl  # the doubt counts towards more delivered
    for before, after in zip(simulation.records, simulation.records[1:], strict=False):
        assert records.unpack(after)[0]["chain"] == records.link(before)


def test_two_rigs_side_by_side_do_not_know_of_each_other() -> None:
    alone = Simulation(seed=8)
    alone.load()
    alone.run_hours(0.5)
    one, other = Simulation(seed=8), Simulation(seed=9)
    one.load()
    other.load(basal=((0, 2_000_000),))
    for _ in range(30):
        one.run_hours(1 / 60)
        other.run_hours(1 / 60)
    assert one.log_text() == alone.log_text()
    assert one.status()["device_id"] != other.status()["device_id"]
    assert int(other.status()["delivered_nl"]) == pytest.approx(2_000_000 / 48, rel=0.001)


def test_the_same_seed_gives_the_same_rig_and_another_seed_another() -> None:
    logs = []
    for seed in (4, 4, 6):
        simulation = Simulation(seed=seed)
        simulation.load()
        simulation.run_hours(0.2)
        logs.append(simulation.log_text())
    assert logs[0] == logs[1] != logs[2]


def test_a_refused_command_is_an_exception_that_names_the_rule() -> None:
    simulation = Simulation()
    simulation.load(**DEMAND)
    simulation.wire.call("open")
    simulation.wire.call("demand")
    with pytest.raises(Refused) as refused:
        simulation.wire.call("demand")
    assert refused.value.name in ("busy", "lockout")


def test_the_link_goes_on_after_the_cable_was_out() -> None:
    simulation = Simulation()
    simulation.load()
    simulation.happen({"at_ms": 1_000, "do": "unplug"}, {"at_ms": 600_000, "do": "plug"})
    simulation.run_hours(0.25)
    assert int(simulation.status()["delivered_nl"]) == pytest.approx(500_000 / 96, rel=0.01)


@pytest.mark.parametrize(
    "event",
    [{"do": "explode"}, {"do": "stall", "volume": "1 ul"}, {"do": "bolus", "volumes": "1 ul"}, {"at_ms": 3}],
)
def test_an_event_that_cannot_be_understood_is_refused_before_anything_runs(event: dict[str, object]) -> None:
    with pytest.raises(EventError):
        check(event)


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_every_event_happens_to_a_running_rig_and_leaves_its_log_whole(name: str) -> None:
    arguments = {
        "refill": {"volume": "18 ml"},
        "air": {"volume": "1 ul"},
        "bolus": {"volume": "2 ul"},
        "dispense": {"volume": "2 ul"},
        "rate": {"rate": "30 ul/h"},
    }
    arguments |= {
        "back_pressure": {"pressure_pa": 2_666},
        "slip": {"percent": 15},
        "load": {"document": "kind=program name=x basal=0:1000"},
    }
    simulation = Simulation(seed=7)
    simulation.load(**DEMAND)
    simulation.happen({"at_ms": 60_000, "do": name, **arguments.get(name, {})})
    simulation.run_hours(0.1)
    for before, after in zip(simulation.records, simulation.records[1:], strict=False):
        assert records.unpack(after)[0]["chain"] == records.link(before)
    assert simulation.rig.resets == 0


def test_the_answer_of_maintenance_leaves_before_the_reset_whatever_is_asked_meanwhile() -> None:
    simulation = Simulation()
    simulation.load()
    rig, wire = simulation.rig, simulation.wire
    wire.call("open")
    assert wire.call("maintenance").answer is not None
    assert wire.call("resume").answer is not None
    assert rig.resets == 0
    rig.run_us(400_000)
    assert rig.resets == 1
    assert rig.rig is None
    rig.pump.advance()
    pulses = rig.pump.pulses_total
    simulation.run_hours(0.1)
    rig.pump.advance()
    assert rig.pump.pulses_total == pulses


def test_maintenance_ends_at_the_prompt_and_ctrl_d_runs_the_rig_again() -> None:
    simulation = Simulation()
    simulation.load()
    simulation.wire.command("maintenance")
    simulation.run_hours(0.01)
    rig = simulation.rig
    assert rig.powered
    assert rig.rig is None
    rig.pump.advance()
    pulses = rig.pump.pulses_total
    simulation.run_hours(0.1)
    rig.pump.advance()
    assert rig.pump.pulses_total == pulses
    rig.port.push(b"\x04")
    rig.hear()
    simulation.wire.reset()
    assert simulation.status()["boot"] == "3"
    assert simulation.status()["mode"] == "stopped"
