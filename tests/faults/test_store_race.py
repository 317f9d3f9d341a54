"""A store that eight processes make, open and read at once, two of them killed, is whole."""

from faults import store_race


def test_eight_processes_make_fill_and_read_one_store_at_once_and_kills_harm_nobody(tmp_path):
    assert store_race.race(tmp_path / "log.db", 8, 2, seed=1) == []
