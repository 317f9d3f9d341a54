"""Figures for Prometheus: of every rig, of the ingester, of what was told.

Owns: the names of the metrics; docs/how-to/lab.md and the Grafana dashboard use them.
Rules: a rig's figures are what its last status said and go away when it cannot be reached, so that no old value stands
as a new one; names end in their units.
Units: by the names.
Leaves: serving them to page.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric

from pumprig.lab.wall import Wall
from pumprig.lab.wire import Ack
from pumprig.store.record import Record

RIG = ("site", "device")
MOST = 2**63  # no figure of a rig is beyond it
STATES = ("stopped", "running", "bolus", "priming", "alarm", "maintenance")
GAUGES = {  # metric: (key of the status, what it is)
    "pumprig_rate_nl_per_hour": ("rate_nl_per_h", "Rate that is commanded now."),
    "pumprig_counted_rate_nl_per_hour": (
        "counted_rate_nl_per_h",
        "Rate from counted steps, over the last window.",
    ),
    "pumprig_delivered_nl": ("delivered_nl", "Delivered in the rig's life, from counted steps."),
    "pumprig_commanded_nl": ("commanded_nl", "Commanded in the rig's life."),
    "pumprig_reservoir_nl": ("reservoir_nl", "Estimated content of the reservoir."),
    "pumprig_supply_mv": ("supply_mv", "Supply voltage."),
}


class RigCollector:
    """What the wall shows, at each scrape."""

    def __init__(self, wall: Wall, now_s: Callable[[], float]) -> None:
        """`now_s`: the clock by which the wall hears."""
        self._wall, self._now_s = wall, now_s

    def collect(self) -> Iterable[Metric]:
        """All rigs."""
        now_s = self._now_s()
        online = GaugeMetricFamily(
            "pumprig_gateway_online", "Whether the rig's gateway is there.", labels=RIG
        )
        reachable = GaugeMetricFamily(
            "pumprig_rig_reachable", "Whether the rig answers its gateway.", labels=RIG
        )
        state = GaugeMetricFamily(
            "pumprig_rig_state", "1 for the state that the rig is in.", labels=(*RIG, "state")
        )
        alarm = GaugeMetricFamily(
            "pumprig_alarm_active",
            "1 for an active alarm.",
            labels=(*RIG, "alarm", "priority", "acknowledged"),
        )
        values = {name: GaugeMetricFamily(name, row[1], labels=RIG) for name, row in GAUGES.items()}
        for rig, seen in self._wall.rigs().items():
            names = tuple(rig.split("/"))
            here = seen.reachable(now_s)
            online.add_metric(names, float(seen.online))
            reachable.add_metric(names, float(here))
            for name, priority, acknowledged in seen.active(now_s):
                alarm.add_metric((*names, name, priority, str(acknowledged).lower()), 1.0)
            if here:
                for each in STATES:
                    state.add_metric((*names, each), float(seen.status.get("state") == each))
                for metric, (key, _what) in GAUGES.items():
                    value: Any = seen.status.get(key)
                    if isinstance(value, int | float) and abs(value) < MOST:
                        values[metric].add_metric(names, float(value))
        yield from (online, reachable, state, alarm, *values.values())


class Notices:
    """How often people were told."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.told = Counter(
            "pumprig_notices", "E-mails and webhook calls.", ("channel", "outcome"), registry=registry
        )
        self.unanswered = Gauge(
            "pumprig_alarms_unanswered", "Active alarms that nobody has acknowledged.", registry=registry
        )


class Intake:
    """What the ingester takes in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._stored = Counter(
            "pumprig_records_stored", "Records in messages taken in.", RIG, registry=registry
        )
        self._refused = Counter(
            "pumprig_messages_refused", "Messages with a forgery.", RIG, registry=registry
        )
        self._last = Gauge(
            "pumprig_last_record_timestamp_seconds",
            "Rig's own time of the last record.",
            RIG,
            registry=registry,
        )
        self._age = Histogram(
            "pumprig_record_age_seconds",
            "From the rig's own time of a record to its row.",
            buckets=(0.25, 0.5, 1, 2, 3, 5, 10, 60, 600, 86_400),
            registry=registry,
        )

    def take(self, site: str, device: str, raws: list[bytes], ack: Ack) -> None:
        """One message."""
        if ack.refused:
            self._refused.labels(site, device).inc()
        elif raws:
            self._stored.labels(site, device).inc(len(raws))
            newest_us = Record(raws[-1]).rig_utc_us
            if newest_us:
                self._last.labels(site, device).set(newest_us / 1e6)
                self._age.observe(max(0.0, time.time() - newest_us / 1e6))
