"""The store: verified on the way in, idempotent, safe under a kill at every operation, clear about failures."""

import os
import signal
import sqlite3

import pytest
from pumprig.errors import PumpError, StoreError
from pumprig.store import Store, ledger
from pumprig.store.database import SCHEMA_VERSION
from pumprig.store.export import Rows, export
from pumprig.store.intents import StoredIntents
from pumprig.store.totals import total
from pumprig.store.verify import verify
from pumprig.wholefile import whole
from pumpwire import records

DEVICE = "00112233aabbccdd"
STEP = (335, 100, 10_000)  # 3.35 nL a step, U 1 %


def chain(count, start=1, steps=100, calibration_id=1, previous=None, boot=1):
    """Records as the rig makes them: `steps` basal steps from one to the next, ten minutes apart."""
    page = []
    for number in range(start, start + count):
        header = {
            "event": records.EVENTS.index("checkpoint"),
            "number": number,
            "boot": boot,
            "mono_us": number * 600_000_000,
            "utc_us": 1_767_225_600_000_000 + number * 600_000_000,
            "calibration_id": calibration_id,
            "chain": records.link(previous) if previous else b"\x00" * records.CHAIN,
        }
        state = {"basal_steps": number * steps, "mode": 1, "reservoir_base_nl": 20_000_000}
        previous = records.pack(header, state, "")
        page.append(previous)
    return page


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "log.db")
    opened.note_device(DEVICE, "0.1.0", 1)
    opened.note_calibration(DEVICE, 1, *STEP)
    yield opened
    opened.close()


@pytest.mark.requirement("SR-25")
def test_the_same_records_twice_are_the_same_as_once(store):
    page = chain(20)
    assert ledger.add(store, DEVICE, page) == 20
    assert ledger.add(store, DEVICE, page) == 0
    assert ledger.add(store, DEVICE, page[10:] + chain(5, 21, previous=page[-1])) == 5
    assert verify(store, DEVICE).count == 25


@pytest.mark.requirement("SR-38")
def test_a_record_with_a_flipped_bit_does_not_enter_and_takes_its_whole_page_with_it(store):
    page = chain(5)
    for bit in range(0, len(page[2]) * 8, 97):
        bad = bytearray(page[2])
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(StoreError):
            ledger.add(store, DEVICE, [*page[:2], bytes(bad), *page[3:]])
        assert ledger.last_number(store, DEVICE) == 0


@pytest.mark.requirement("SR-38")
def test_a_record_that_does_not_continue_its_stored_predecessor_is_refused(store):
    page = chain(5)
    ledger.add(store, DEVICE, page)
    with pytest.raises(StoreError, match="chain is broken"):
        ledger.add(store, DEVICE, chain(3, 6, previous=chain(5, steps=99)[-1]))
    assert ledger.last_number(store, DEVICE) == 5


@pytest.mark.requirement("SR-38")
def test_verify_names_a_missing_record_an_edited_record_and_an_edited_column(store):
    ledger.add(store, DEVICE, chain(30))
    assert verify(store, DEVICE).verified
    other = chain(12, steps=7)[11]
    store.db.execute("DELETE FROM records WHERE number IN (5, 6)")
    store.db.execute("UPDATE records SET raw = ? WHERE number = 12", (other,))
    store.db.execute("UPDATE records SET net_steps = 1 WHERE number = 20")
    verdict = verify(store, DEVICE)
    assert verdict.gaps == [(5, 6)]
    named = {number for number, _what in verdict.faults}
    assert named == {5, 12, 13, 20}
    assert "net_steps" in dict(verdict.faults)[20]


@pytest.mark.requirement("SR-37")
def test_a_total_uses_each_steps_own_calibration_and_combines_their_uncertainties(store):
    first = chain(11, calibration_id=1)
    second = chain(10, 12, calibration_id=2, previous=first[-1])
    ledger.add(store, DEVICE, first + second)
    partial = total(store, DEVICE, None, None)
    assert (partial.volume_nl, partial.unknown_steps, partial.unknown_ids) == (1_100 * 335 // 100, 900, [2])
    assert partial.u_nl == pytest.approx(36.85, abs=1)
    assert partial.steps == 2_000
    store.note_calibration(DEVICE, 2, 400, 100, 20_000)
    result = total(store, DEVICE, None, None)
    assert [part.steps for part in result.parts] == [1_100, 900]
    assert result.volume_nl == 1_100 * 335 // 100 + 900 * 4
    assert result.u_nl == pytest.approx((36.85**2 + 72**2) ** 0.5, abs=1)
    assert sum(result.by_kind_nl.values()) == result.volume_nl


def test_other_figures_under_a_calibration_s_number_are_noticed_and_change_nothing(store):
    assert store.note_calibration(DEVICE, 1, *STEP)
    assert not store.note_calibration(DEVICE, 1, STEP[0] * 3, *STEP[1:])
    assert store.calibrations(DEVICE)[1] == STEP


def test_a_total_between_two_instants_counts_from_the_last_record_before_them(store):
    ledger.add(store, DEVICE, chain(20))
    start = 1_767_225_600_000_000
    result = total(store, DEVICE, start + 5 * 600_000_000 + 1, start + 10 * 600_000_000 + 1)
    assert (result.first.number, result.last.number, result.steps) == (5, 10, 500)


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_an_export_has_a_row_a_record_and_appears_whole(store, tmp_path, form):
    ledger.add(store, DEVICE, chain(20))
    target = tmp_path / f"log.{form}"
    every = Rows(store, DEVICE)
    rows = (every.of(record) for record in ledger.read(store, DEVICE))
    assert export(rows, form, target) == 20
    assert target.stat().st_size > 0
    assert not list(tmp_path.glob("*.part"))
    if form == "parquet":
        table = pytest.importorskip("pyarrow.parquet").read_table(target)
        assert table.column("delivered_nl").to_pylist()[-1] == 20 * 335


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_an_export_of_nothing_is_a_failure_and_no_empty_file(tmp_path, form):
    with pytest.raises(PumpError, match="no record to export"):
        export(iter(()), form, tmp_path / f"log.{form}")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_asked_for_takes_the_place_of_a_plain_file_alone(tmp_path):
    """A link stays a link and its file keeps its permissions; a device and a pipe are written to, never replaced."""
    kept = tmp_path / "kept.csv"
    kept.write_text("before")
    kept.chmod(0o600)
    link = tmp_path / "link.csv"
    link.symlink_to(kept)
    with whole(link) as file:
        file.write(b"after")
    assert link.is_symlink()
    assert kept.read_text() == "after"
    assert kept.stat().st_mode & 0o777 == 0o600
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with whole(pipe) as file:
        file.write(b"through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert pipe.is_fifo()
    full = tmp_path / "full"
    full.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"), whole(full) as file:
        file.write(b"lost")
    assert full.is_char_device()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "kept.csv", "link.csv", "pipe.csv"]


def _killed_at(path, count, work):
    """Run `work` in a child that kills itself before its count-th statement; returns whether it was killed."""
    child = os.fork()
    if child == 0:
        try:
            left = [count]

            def trace(_statement):
                left[0] -= 1
                if not left[0]:
                    os.kill(os.getpid(), signal.SIGKILL)

            work(path, trace)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.requirement("SR-13")
def test_a_kill_at_every_statement_of_a_pull_loses_and_doubles_nothing(tmp_path):
    path = tmp_path / "log.db"
    page = chain(9)

    def work(path, trace):
        store = Store(path)
        store.db.set_trace_callback(trace)
        store.note_device(DEVICE, "0.1.0", 1)
        start = ledger.last_number(store, DEVICE)
        for at in range(start, 9, 3):
            ledger.add(store, DEVICE, page[at : at + 3])

    Store(path).close()
    killed = 0
    while True:
        again = _killed_at(path, killed + 1, work)
        check = sqlite3.connect(path)
        assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        stored = [row[0] for row in check.execute("SELECT number FROM records ORDER BY number")]
        assert stored == list(range(1, len(stored) + 1))
        assert len(stored) % 3 == 0
        check.execute("DELETE FROM records")
        check.commit()
        check.close()
        if not again:
            break
        killed += 1
    assert killed > 20
    assert len(stored) == 9


def test_a_kill_at_every_statement_of_the_first_opening_leaves_a_database_that_opens(tmp_path):
    def work(path, trace):
        real = sqlite3.connect

        def connect(*args, **options):
            connection = real(*args, **options)
            connection.set_trace_callback(trace)
            return connection

        sqlite3.connect = connect
        Store(path)

    import pumprig.store.migrations  # noqa: F401  imported before the forks, so that each is fast

    count = 1
    while _killed_at(tmp_path / f"{count}.db", count, work):
        store = Store(tmp_path / f"{count}.db")
        store.note_device(DEVICE, "0.1.0", 1)
        assert store.db.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
        assert ledger.add(store, DEVICE, chain(2)) == 2
        store.close()
        count += 3
    assert count > 10


@pytest.mark.requirement("SR-30")
def test_an_intent_is_on_disk_before_anything_else_happens_and_settles_by_number_and_by_log(store):
    intents = StoredIntents(store)
    intents.begin(DEVICE, 1, 7, "bolus", "line 7")
    intents.begin(DEVICE, 1, 8, "bolus", "line 8")
    other = Store(store.path)
    assert [verb for verb, _line in StoredIntents(other).unknown(DEVICE)] == ["bolus", "bolus"]
    assert [(row.line, row.outcome) for row in intents.settle_by_number(DEVICE, 7)] == [
        ("line 8", "not done")
    ]
    header = {
        "event": 3,
        "number": 1,
        "boot": 1,
        "mono_us": 0,
        "utc_us": 0,
        "calibration_id": 0,
        "chain": bytes(8),
    }
    ledger.add(store, DEVICE, [records.pack(header, {"last_seq": 7}, "verb=bolus seq=7 volume_nl=5000")])
    assert [(row.line, row.outcome) for row in intents.settle_by_log(DEVICE)] == [("line 7", "done")]
    assert intents.unknown(DEVICE) == []
    other.close()


def test_a_full_disk_is_told_and_what_was_stored_before_is_intact(store):
    ledger.add(store, DEVICE, chain(3))
    pages = store.db.execute("PRAGMA page_count").fetchone()[0]
    store.db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="is full"):
        ledger.add(store, DEVICE, chain(200)[3:])
    assert verify(store, DEVICE).verified


def test_a_locked_database_is_told(tmp_path):
    path = tmp_path / "log.db"
    Store(path).close()
    holder = sqlite3.connect(path)
    holder.execute("BEGIN IMMEDIATE")
    second = Store(path, busy_s=0.01)
    with pytest.raises(StoreError, match="locked by another program"):
        second.note_device(DEVICE, "0.1.0", 1)
    second.close()
    holder.close()


def test_a_file_that_is_no_database_and_one_of_a_newer_version_are_refused_untouched(tmp_path):
    path = tmp_path / "log.db"
    path.write_text("this is no database, but long enough to be looked at as one" * 10)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="no pumprig database"):
        Store(path)
    assert path.read_bytes() == before
    newer = tmp_path / "newer.db"
    Store(newer).close()
    db = sqlite3.connect(newer)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreError, match="newer pumprig"):
        Store(newer)
