"""Nothing that is tampered with in a store is silent: verify, total, export and report say so, and compute nothing."""

import json
import shutil
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from faults import tampering
from pumprig import cli
from pumprig.store import Store
from pumprig.store.intents import StoredIntents

EXAMPLES = Path(__file__).parents[2] / "examples"
EVENTS = """
[[event]]
at = "1 h"
do = "press_bolus"
[[event]]
at = "2 h"
do = "power_cut"
[[event]]
at = "2 h 10 min"
do = "power_on"
[[event]]
at = "3 h"
do = "stop"
[[event]]
at = "3 h 30 min"
do = "resume"
"""


def made(folder, seed, name):
    """A store as a rehearsal and a pull leave it, with a row in every table."""
    path = folder / name
    events = folder / "events.toml"
    events.write_text(EVENTS)
    words = [
        "rehearse",
        EXAMPLES / "demo.toml",
        "--for",
        "5 h",
        "--events",
        events,
        "--seed",
        seed,
        "-o",
        path,
    ]
    assert cli.run([*map(str, words), "-q"]) == 0
    store = Store(path)
    device = store.devices()[0]
    intents = StoredIntents(store)
    for seq in (1, 2, 3):
        intents.settle(intents.begin(device, 1, seq, "stop", f">{seq} stop"), "done", 0)
    last = store.db.execute("SELECT max(number) FROM records").fetchone()[0]
    store.note_pull(device, 99, 1, last + 1, last + 1)
    store.close()
    return path


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    return made(folder, 1, "one.db"), made(folder, 2, "two.db")


@pytest.fixture
def tried(stores, tmp_path, monkeypatch, capsys):
    """Tamper with a copy of the first store; the exit code, output and files of each command."""

    def trial(act, commands=tampering.COMMANDS):
        path = tmp_path / "store.db"
        for stale in tmp_path.glob("store.db*"):
            stale.unlink()
        with closing(sqlite3.connect(stores[0])) as source, closing(sqlite3.connect(path)) as copy:
            source.backup(copy)
        if act is not None:
            act(path)
        monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("PUMPRIG_DB", str(path))
        results = {}
        for name, words in commands.items():
            capsys.readouterr()
            code = cli.run([word.format(folder=tmp_path) for word in words])
            files = sorted(found.name for found in tmp_path.glob("out.*"))
            results[name] = (code, *capsys.readouterr(), files)
            shutil.rmtree(tmp_path / "home", ignore_errors=True)
            for found in tmp_path.glob("out.*"):
                found.unlink()
        return results

    return trial


def assert_noticed(results):
    for name, (code, out, err, files) in results.items():
        assert code == 1, f"{name}: {out}{err}"
        assert "fault" in err, name
        assert not files, name


def test_a_store_that_nobody_touched_is_right_and_everything_works(tried):
    results = tried(None)
    assert {name: row[0] for name, row in results.items()} == dict.fromkeys(tampering.COMMANDS, 0)
    assert "is right (digest " in results["verify"][1]


@pytest.mark.requirement("SR-38")
@pytest.mark.parametrize("row", tampering.ROWS)
def test_no_tampering_with_rows_is_silent(tried, row):
    assert_noticed(tried(tampering.ROWS[row]))


@pytest.mark.requirement("SR-38")
def test_no_edited_cell_of_any_column_of_any_table_is_silent(tried, stores):
    checked = 0
    for table, column, kind in tampering.columns(stores[0]):
        results = tried(
            partial(tampering.edit, table=table, column=column, kind=kind), _only("verify", "total")
        )
        for name, (code, _out, err, _files) in results.items():
            assert code == 1, f"{table}.{column}: {name} said nothing: {err}"
            checked += 1
    assert checked > 100


def _only(*names):
    return {name: tampering.COMMANDS[name] for name in names}


@pytest.mark.requirement("SR-38")
def test_no_kind_of_record_can_be_changed_or_cut_out_in_silence(tried, stores):
    for what, act in tampering.kinds_of_records(stores[0]).items():
        results = tried(act, _only("verify"))
        assert results["verify"][0] == 1, what


@pytest.mark.requirement("SR-38")
def test_no_mix_of_two_stores_is_silent(tried, stores):
    for act in tampering.two_stores(stores[1]).values():
        assert_noticed(tried(act))


@pytest.mark.requirement("SR-38")
def test_no_bit_of_the_file_that_damages_the_database_is_silent(tried):
    """An index that was damaged leaves every record right and a total over a part of them wrong."""
    damaged = 0
    for seed in range(60):
        found = []
        results = tried(
            lambda path, seed=seed, found=found: found.append(tampering.flip_a_bit(path, seed)),
            _only("verify", "total"),
        )
        if found[0]:
            damaged += 1
            for name, (code, _out, err, _files) in results.items():
                assert code == 1, f"bit {seed}: {name}"
                assert "did not foresee" not in err, f"bit {seed}: {name}"
    assert damaged > 5


def test_another_programs_database_is_left_alone(tmp_path, monkeypatch, capsys):
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE places (url TEXT)")
        db.commit()
    monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PUMPRIG_DB", str(path))
    assert cli.run(["log", "show"]) == 1
    assert "another program's database" in capsys.readouterr().err
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("places",)]


def test_anyway_computes_after_saying_what_is_wrong(tried):
    anyway = {name: (*words, "--anyway") for name, words in tampering.COMMANDS.items() if name != "verify"}
    results = tried(tampering.ROWS["a record in the middle is cut out"], anyway)
    for name, (code, _out, err, files) in results.items():
        assert code == 0, name
        assert "1 fault in the store" in err
        assert bool(files) == (name != "total")


ANYWAY = {
    name: (*words, "--anyway")
    for name, words in {**tampering.COMMANDS, "json": ("log", "total", "--json")}.items()
    if name != "verify"
}
NOTHING_LEFT = ("all records are gone",)
RECORD_COLUMNS = [
    ("boot", "INTEGER"),
    ("number", "INTEGER"),
    ("event", "TEXT"),
    ("mono_us", "INTEGER"),
    ("utc_us", "INTEGER"),
    ("calibration_id", "INTEGER"),
    ("net_steps", "INTEGER"),
    ("text", "TEXT"),
]


@pytest.mark.parametrize("row", sorted(set(tampering.ROWS) - set(NOTHING_LEFT)))
def test_anyway_goes_on_whatever_was_done_to_the_rows(tried, row):
    for name, (code, _out, err, _files) in tried(tampering.ROWS[row], ANYWAY).items():
        assert code == 0, f"{name}: {err}"
        assert "in the store" in err


def test_anyway_the_figures_are_those_of_the_records_whose_own_seal_is_right(tried, stores):
    """An edited column changes no figure; a damaged record is left out, and that is said."""
    right = json.loads(tried(None, _total())["json"][1])
    for column, kind in RECORD_COLUMNS:
        edit = partial(tampering.edit, table="records", column=column, kind=kind)
        code, out, err, _files = tried(edit, _total())["json"]
        assert code == 0, f"{column}: {err}"
        told = json.loads(out)
        assert {**told, "verified": True, "digest": ""} == {**right, "digest": ""}, column
        assert "left out" not in err
    for what, act in tampering.kinds_of_records(stores[0]).items():
        if what.startswith("the bytes of"):
            code, out, err, _files = tried(act, _total())["json"]
            assert code == 0, f"{what}: {err}"
            assert "damaged records are left out of what follows: 1" in err
            told = json.loads(out)
            assert told["asked_nl"] == told["delivered_nl"] + sum(row["nl"] for row in told["not_given"])
            assert sum(told["by_kind_nl"].values()) == told["delivered_nl"] <= right["delivered_nl"]


def _total():
    return {"json": ANYWAY["json"]}


def test_of_steps_without_a_calibration_the_volume_is_not_known_and_nothing_is_made_up(tried):
    """Figures that no calibration has, and a hash that is none: what was given is told in steps."""
    anyway = {name: (*words, "--anyway") for name, words in tampering.COMMANDS.items() if name != "verify"}
    anyway["json"] = ("log", "total", "--json", "--anyway")

    def act(path):
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("UPDATE calibrations SET step_nl_den = 0")
            db.execute("UPDATE programs SET hash = 'none' WHERE rowid = 1")

    results = tried(act, anyway)
    assert {name: row[0] for name, row in results.items()} == dict.fromkeys(anyway, 0)
    told = json.loads(results["json"][1])
    assert told["delivered_nl"] == 0
    assert told["not_known_steps"] == told["delivered_steps"] > 0
    assert all(row["why"] != "unexplained" for row in told["not_given"])
    assert told["asked_nl"] == sum(row["nl"] for row in told["not_given"])
    assert f"given 0 nL and {told['delivered_steps']} steps of unknown volume" in results["total"][1]


def test_the_same_records_have_the_same_digest_in_every_store(tried, tmp_path):
    told = json.loads(tried(None, {"verify": ("log", "verify", "--json")})["verify"][1])
    again = json.loads(tried(None, {"verify": ("log", "verify", "--json")})["verify"][1])
    assert told["ok"]
    assert told["digest"] == again["digest"]
    assert len(told["digest"]) == 32


def test_a_device_whose_row_was_taken_away_is_named_and_its_records_are_still_reached(tried):
    results = tried(tampering.without("devices"))
    assert_noticed(results)
    for name, (_code, out, err, _files) in results.items():
        assert "its row was taken away; its records are still here" in err, name
        assert "is empty" not in out + err, name
