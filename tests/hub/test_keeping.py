"""A hub that keeps records: they are in the store before anybody has pulled them, and are fetched once."""

from __future__ import annotations

import json
import os

import pumprig
from hub.conftest import Place
from pumprig import paths
from pumprig.lab.servers import until
from pumprig.store import Store


def test_a_hub_that_keeps_records_leaves_nothing_to_pull(place: Place) -> None:
    hub = place.hub("--keep-records")
    with pumprig.connect("sim", database=place.folder / "own.db") as rig:
        rig.propose(pumprig.constant("20 ul/h")).commit()
        rig.stop()
        dose = rig.dispense("1 ul", over="1 s").wait()
        last = (rig.status().log_next or 0) - 1
        device = rig.device_id

    def kept() -> int:
        store = Store(paths.chosen_database())
        found = store.db.execute("SELECT max(number) FROM records WHERE device_id = ?", (device,)).fetchone()
        store.close()
        return int(found[0] or 0)

    until(lambda: kept() >= last, f"record {last} in the store", [("hub", hub)])
    with pumprig.connect("sim") as user:
        assert user.pull().first > last  # what was kept is not fetched again
        ends = [row for row in user.events(0, follow=False) if row.event == "bolus_end"]
    assert [int(row.fields["done_steps"]) for row in ends] == [dose.counted_steps]


def held(place: Place) -> list[str]:
    return [row["port"] for row in json.loads(place.run("hub", "--status", "--json").stdout)["rigs"]]


def test_a_port_that_is_no_rig_is_no_port_of_the_hub_s(place: Place) -> None:
    """Named by mistake: one that cannot be opened is not kept, one that never answers is given back."""
    place.hub()
    ours, theirs = os.openpty()
    try:
        silent = os.ttyname(theirs)
        for name in ("/", silent):
            assert place.run("-p", name, "status").returncode == 4
            until(lambda: held(place) == [], f"{name} given back", [])
        with pumprig.connect("sim") as rig:
            assert rig.status().state == "stopped"
            address = rig.address
        assert held(place) == [address]  # a rig answers there: kept for the next user
    finally:
        os.close(ours)
        os.close(theirs)


def test_ports_asks_through_the_hub_who_is_where(place: Place) -> None:
    """Two rigs that the hub holds, one of them at a port that no list of serial ports has."""
    child = place.start("sim", "--link", str(place.folder / "rig"), "--state", str(place.folder / "own"))
    assert child.stdout is not None
    child.stdout.readline()
    place.hub(str(place.folder / "rig"), "sim")
    rows = {row["kind"]: [] for row in json.loads(place.run("ports", "--json").stdout)}
    for row in json.loads(place.run("ports", "--json").stdout):
        rows[row["kind"]].append(row["device_id"])
    assert set(rows) <= {"rig", "not asked"}
    assert len(set(rows["rig"])) == 2
