"""A hub that keeps records: they are in the store before anybody has pulled them, and are fetched once."""

from __future__ import annotations

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
