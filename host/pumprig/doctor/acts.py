"""What the bring-up does with the rig by itself, each act with its findings.

Owns: the motions of a bring-up, and what is read of them.
Rules: a motion is one that the rig's own limits and alarms allow; an alarm that it raised is acknowledged before the
next, never switched off; the pump stands when an act ends, however it ends; every wait has an end.
Units: nL, s, Pa; findings by the endings of their names.
Leaves: what a finding means to bringup.py, the wire to the Rig.

Slow: a turn in 30 s, or one in 4 s with the tube. The rig is stopped by its own rotation monitor within 5 degrees where
rotor and encoder disagree, so a slow turn is made of as many pieces as it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise

from pumpwire import documents

from pumprig.api.rig import Rig
from pumprig.doctor.bringup import Findings, Person, Step
from pumprig.errors import PumpError

ENCODER, PRESSURE, AS5600L = 0x36, 0x18, 0x40
COUNTS = 4096
# Of the three-roller head: docs/reference/pump-head.md; another head is weighed as well
NOMINAL_NL_PER_REV = 10_166
NOMINAL_U_PPM = 200_000
RESERVOIR_NL = 18_000_000
JOG_S, PRESSURE_S = 30.0, 30.0  # a turn in so long
FILL_S = {"stepdir": 4.0, "coils": 16.0}  # a geared motor turns no faster
FILL_TURNS = 10
JOG_TRIES = 12
PRESS_WITHIN_S = 30
LEAK_PA, LEAK_TURNS, LEAK_S, SETTLE_S = 35_000, 3, 120, 10
OCCLUDE_TURNS = 6
STEPDIR = ("a4988", "drv8825", "tmc2209")
BUTTONS = (("stop", 1), ("request", 2), ("silence", 4))


class Acts:
    """The acts by name. `open_rig` opens the rig anew: a bring-up pulls its plugs; `wait` lets seconds pass."""

    def __init__(
        self, open_rig: Callable[[], Rig], person: Person, wait: Callable[[float], None], driver: str
    ) -> None:
        self._open = open_rig
        self._held: Rig | None = None
        self._person = person
        self._wait = wait
        self._driver = driver
        self.device_id = ""
        self._air_pa = 101_325  # before the line was closed

    def __call__(self, step: Step) -> Findings:
        """Do a step's act. Raises PumpError."""
        act: Callable[[], Findings] = getattr(self, "act_" + step.act)
        try:
            return act()
        except BaseException:
            if self._held is not None:
                with suppress(PumpError):
                    self._held.stop()
            raise

    @property
    def rig(self) -> Rig:
        """The rig, open."""
        if self._held is None:
            self._held = self._open()
            self.device_id = self._held.device_id
        return self._held

    def close(self) -> None:
        """Give the port back."""
        if self._held is not None:
            self._held.close()
            self._held = None

    # --- reading

    def act_greet(self) -> Findings:
        """protocol, driver, motor, microsteps; plan_fits: whether the driver is one of this plan."""
        fields, probe = self.rig.status_fields(), self.rig.probe()
        fits = (probe.driver in STEPDIR) == (self._driver == "stepdir")
        return {
            "protocol": float(fields["protocol"]),
            "driver": probe.driver,
            "motor": probe.motor,
            "microsteps": float(probe.microsteps),
            "plan_fits": float(fits),
        }

    def act_read_supply(self) -> Findings:
        """supply_mv."""
        return {"supply_mv": float(self.rig.probe().supply_mv)}

    def act_scan(self) -> Findings:
        """bus: the addresses; *_answers: 1 or 0; answers: how many."""
        found = self.rig.probe().addresses
        return {
            "bus": [str(address) for address in found] or "none",
            "answers": float(len(found)),
            "encoder_answers": float(ENCODER in found),
            "pressure_answers": float(PRESSURE in found),
            "as5600l_answers": float(AS5600L in found),
        }

    def act_magnet(self) -> Findings:
        """found, weak, strong: 1 or 0; gain 0 to 128."""
        probe = self.rig.probe()
        return {
            "found": float(probe.magnet_found),
            "weak": float(probe.magnet_weak),
            "strong": float(probe.magnet_strong),
            "gain": float(-1 if probe.gain is None else probe.gain),
        }

    def act_buttons(self) -> Findings:
        """idle and each button's name: the bits that were read while nobody pressed, and while that one was held."""
        findings: Findings = {"idle": float(self.rig.probe().keys)}
        for name, _bit in BUTTONS:
            self._person.ready(f"Hold {name} down, and go on while you hold it.")
            findings[name] = float(self.rig.probe().keys)
            self._person.ready(f"Let {name} go.")
        self._acknowledge()
        return findings

    def act_calibrated(self) -> Findings:
        """u_percent: the expanded uncertainty of the calibration in force; of a nominal one 20."""
        return {"u_percent": int(self.rig.status_fields()["u_ppm"]) / 10_000}

    # --- motion

    def act_nominal(self) -> Findings:
        """calibration_id, reservoir_nl; gives the rig a nominal calibration and a reservoir where it has none."""
        rig = self.rig
        fields = rig.status_fields()
        if not int(fields["calibration_id"]):
            document = {
                "kind": "calibration", "id": NOMINAL_NL_PER_REV, "nl_num": NOMINAL_NL_PER_REV, "nl_den": 1,
                "u_ppm": NOMINAL_U_PPM, "at_utc_s": int(datetime.now(UTC).timestamp()), "by": "nominal",
            }  # fmt: skip
            rig.stage_document(str(documents.canonical(document))).commit()
        if int(fields["reservoir_nl"]) < RESERVOIR_NL // 2 or not int(fields["calibration_id"]):
            rig.refill(volume_nl=RESERVOIR_NL)
        fields = rig.status_fields()
        return {
            "calibration_id": float(fields["calibration_id"]),
            "reservoir_nl": float(fields["reservoir_nl"]),
        }

    def act_jog(self) -> Findings:
        """ratio: the encoder's turn over the commanded one; alarms; pieces: motions it took."""
        turn = self._turn_nl()
        commanded = turned = 0.0
        alarms: list[str] = []
        pieces = 0
        while commanded < 0.999 and pieces < JOG_TRIES:
            run = self._deliver(round(turn * (1 - commanded)), JOG_S, 1.0)
            pieces += 1
            commanded += run.turns
            turned += run.encoder_turns
            alarms += [name for name in run.alarms if name not in alarms]
            if not run.alarms:
                break
        ratio = turned / commanded if commanded else 0.0
        return {"ratio": round(ratio, 4), "alarms": alarms or ["none"], "pieces": float(pieces)}

    def act_stop_running(self) -> Findings:
        """stopped: 1 if the pump stands after the press; steps_after: made within 2 s after it stood."""
        self._acknowledge()
        rig = self.rig
        rig.deliver_for_calibration(rate_nl_per_h=self._rate(JOG_S), volume_nl=round(2 * self._turn_nl()))
        self._person.told("Press the stop button now.")
        stood = self._until(lambda: rig.status_fields()["mode"] == "stopped", PRESS_WITHIN_S, 0.25)
        before = int(rig.status_fields()["delivered_steps"])
        self._wait(2.0)
        after = int(rig.status_fields()["delivered_steps"])
        if not stood:
            rig.stop()
        self._acknowledge()
        return {"stopped": float(stood), "steps_after": float(after - before if stood else 0)}

    def act_fill(self) -> Findings:
        """alarms, turns."""
        run = self._deliver(round(FILL_TURNS * self._turn_nl()), FILL_S[self._driver], 1.0)
        return {"alarms": run.alarms or ["none"], "turns": round(run.turns, 3)}

    def act_fast(self) -> Findings:
        """alarms; counted_share: counted over asked steps; peak_kpa: the highest outlet pressure seen meanwhile."""
        self._acknowledge()
        rig = self.rig
        before, base_pa = rig.status_fields(), self._pressure_pa()
        asked = rig.prime(volume_nl=round(FILL_TURNS * self._turn_nl())).requested_steps
        peak_pa = base_pa

        def stands() -> bool:
            nonlocal peak_pa
            peak_pa = max(peak_pa, self._pressure_pa())
            return rig.status_fields()["mode"] == "stopped"

        self._until(stands, FILL_TURNS * FILL_S[self._driver] + 20, 0.2)
        steps = int(rig.status_fields()["prime_steps"]) - int(before["prime_steps"])
        return {
            "alarms": self._acknowledge() or ["none"],
            "counted_share": round(steps / asked, 5),
            "peak_kpa": round((peak_pa - base_pa) / 1000, 2),
        }

    def act_leak(self) -> Findings:
        """rise_kpa: what the pump built up; fall_percent: what of it was gone after two minutes."""
        self._person.ready("Close the outlet line behind the tee with the clamp.")
        self._acknowledge()
        rig = self.rig
        base_pa = self._air_pa = self._pressure_pa()
        for turns in (
            1,
            LEAK_TURNS,
        ):  # a sensor that sees nothing of the first turn will not see a tube burst
            rig.deliver_for_calibration(
                rate_nl_per_h=self._rate(PRESSURE_S), volume_nl=round(turns * self._turn_nl())
            )
            self._until(lambda: self._has_risen(base_pa), turns * PRESSURE_S + 30, 0.25)
            rig.stop()
            if not 2_000 < self._pressure_pa() - base_pa < LEAK_PA or self._acknowledge():
                break
        self._wait(SETTLE_S)
        built_pa = self._pressure_pa() - base_pa
        self._acknowledge()
        if built_pa < 2_000:
            return {"rise_kpa": round(built_pa / 1000, 2), "fall_percent": 0.0}
        for _ in range(LEAK_S // 10):
            self._wait(10.0)
        left_pa = self._pressure_pa() - base_pa
        return {
            "rise_kpa": round(built_pa / 1000, 2),
            "fall_percent": round(100 * (built_pa - left_pa) / built_pa, 2),
        }

    def act_occlude(self) -> Findings:
        """alarms; left_kpa: the pressure after the relief, above the air's."""
        rig = self.rig
        rig.deliver_for_calibration(
            rate_nl_per_h=self._rate(PRESSURE_S), volume_nl=round(OCCLUDE_TURNS * self._turn_nl())
        )
        self._until(lambda: rig.status_fields()["mode"] == "stopped", OCCLUDE_TURNS * PRESSURE_S + 30, 0.5)
        self._wait(20.0)
        left_kpa = (self._pressure_pa() - self._air_pa) / 1000
        return {"alarms": self._acknowledge() or ["none"], "left_kpa": round(left_kpa, 2)}

    def act_power(self) -> Findings:
        """boots: starts since; lost_steps: counted before, and after neither counted nor assumed."""
        rig = self.rig
        rig.deliver_for_calibration(rate_nl_per_h=self._rate(JOG_S), volume_nl=round(4 * self._turn_nl()))
        self._wait(3.0)
        before = rig.status_fields()
        self.close()
        self._person.ready("Pull USB, then 12 V; wait five seconds; 12 V on, then USB.")
        after = self.rig.status_fields()
        then, now = (int(row["delivered_steps"]) + int(row["assumed_steps"]) for row in (before, after))
        lost = then - now
        self._acknowledge()
        return {
            "boots": float(int(after["boot"]) - int(before["boot"])),
            "lost_steps": float(max(0, lost)),
            "reset_cause": after.get("reset_cause", "not told"),
        }

    # --- helpers

    def _turn_nl(self) -> float:
        """What a turn holds by the calibration in force."""
        fields, probe = self.rig.status_fields(), self.rig.probe()
        return int(fields["step_nl_num"]) * probe.turn_steps / int(fields["step_nl_den"])

    def _rate(self, turn_s: float) -> float:
        return self._turn_nl() * 3600 / turn_s

    def _acknowledge(self) -> list[str]:
        """The active alarms by name, acknowledged."""
        names = [alarm.name for alarm in self.rig.alarms()]
        if names:
            self.rig.acknowledge()
        return names

    def _until(self, done: Callable[[], bool], within_s: float, look_s: float) -> bool:
        left_s = within_s
        while left_s > 0:
            if done():
                return True
            self._wait(look_s)
            left_s -= look_s
        return done()

    def _deliver(self, volume_nl: int, turn_s: float, look_s: float) -> Run:
        """One motion from a standing pump to its end, or to the alarm that ends it."""
        self._acknowledge()
        rig = self.rig
        steps = rig.probe().turn_steps
        driven, seen = rig.driven_steps(), [rig.status_fields().get("angle")]
        rig.deliver_for_calibration(rate_nl_per_h=self._rate(turn_s), volume_nl=volume_nl)

        def stands() -> bool:
            fields = rig.status_fields()
            seen.append(fields.get("angle"))
            return fields["mode"] == "stopped"

        within_s = 2 * turn_s * volume_nl / self._turn_nl() + 10
        if not self._until(stands, within_s, look_s):
            rig.stop()
        seen.append(rig.status_fields().get("angle"))
        made = rig.driven_steps() - driven
        return Run(made / steps, _unwrapped(seen) / COUNTS, self._acknowledge())

    def _pressure_pa(self) -> int:
        """The present outlet pressure: a reading tells the measurement before it. Raises RefusedError without one."""
        for _ in range(5):
            self.rig.probe()
            self._wait(0.05)
            now_pa = self.rig.probe().pressure_pa
            if now_pa is not None:
                return now_pa
        raise PumpError("The pressure sensor tells nothing.", "The step was not done.")

    def _has_risen(self, base_pa: int) -> bool:
        return self._pressure_pa() - base_pa >= LEAK_PA or self.rig.status_fields()["mode"] == "stopped"


class Run:
    """A motion: commanded turns, the encoder's, the alarms that it raised."""

    def __init__(self, turns: float, encoder_turns: float, alarms: list[str]) -> None:
        self.turns = turns
        self.encoder_turns = encoder_turns
        self.alarms = alarms


def _unwrapped(angles: list[str | None]) -> int:
    """Counts from the first to the last, each less than half a turn from the one before."""
    known = [int(angle) for angle in angles if angle is not None]
    return sum((b - a + COUNTS // 2) % COUNTS - COUNTS // 2 for a, b in pairwise(known))
