"""Every way to tamper with a store that the tests know, as a table.

Owns: the table: a name, and what is done to the database behind pumprig's back.
Rules: plain sqlite3 on the file, nothing of pumprig; each row changes what some figure or some evidence rests on.
Units: none.
Leaves: what has to notice it to its callers.
"""

import random
import sqlite3
from contextlib import closing

COMMANDS = {
    "verify": ("log", "verify"),
    "total": ("log", "total"),
    "export": ("log", "export", "-o", "{folder}/out.csv"),
    "report": ("report", "-o", "{folder}/out.html"),
}
TABLES = ("devices", "records", "calibrations", "programs", "intents", "pulls", "facts", "tally")


def columns(path):
    """(table, column, whether it is a number or bytes) of each column of each table."""
    with closing(sqlite3.connect(path)) as db:
        return [
            (table, row[1], row[2])
            for table in TABLES
            for row in db.execute(f"PRAGMA table_info({table})").fetchall()
        ]


def edit(path, table, column, kind):
    """Change one cell, in the middle of its table."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        rowids = [row[0] for row in db.execute(f"SELECT rowid FROM {table} ORDER BY rowid")]
        assert rowids, f"the test's store has no row in {table}"
        row = rowids[len(rowids) // 2]
        old = db.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", (row,)).fetchone()[0]
        if kind == "INTEGER":
            new = (old or 0) * 2 + 7
        elif kind == "BLOB":
            flipped = bytearray(old)
            flipped[len(flipped) // 2] ^= 4
            new = bytes(flipped)
        elif column == "outcome":
            new = "refused" if old != "refused" else "done"
        else:
            new = (old or "") + "x"
        db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (new, row))


def _sql(*statements):
    def act(path):
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            for statement in statements:
                changed = db.execute(statement).rowcount
                assert changed != 0, statement

    return act


MIDDLE = "(SELECT number FROM records ORDER BY number LIMIT 1 OFFSET (SELECT count(*) / 2 FROM records))"
REST = "raw, event, mono_us, utc_us, calibration_id, net_steps, text, at_utc_us"
ROWS = {
    "the first record is cut off": _sql("DELETE FROM records WHERE number = 1"),
    "the head is cut off": _sql(f"DELETE FROM records WHERE number < {MIDDLE}"),
    "the last record is cut off": _sql(
        "DELETE FROM records WHERE number = (SELECT max(number) FROM records)"
    ),
    "the tail is cut off": _sql(f"DELETE FROM records WHERE number > {MIDDLE}"),
    "the tail is cut off with its pulls": _sql(
        f"DELETE FROM records WHERE number > {MIDDLE}",
        "DELETE FROM pulls WHERE id = (SELECT max(id) FROM pulls)",
    ),
    "a record in the middle is cut out": _sql(f"DELETE FROM records WHERE number = {MIDDLE}"),
    "all records are gone": _sql("DELETE FROM records"),
    "two records change places": _sql(
        f"UPDATE records SET number = 999999 WHERE number = {MIDDLE}",
        f"UPDATE records SET number = {MIDDLE} - 1 WHERE number = {MIDDLE}",
    ),
    "a record stands twice": _sql(
        f"INSERT INTO records SELECT device_id, boot + 1, number, {REST} FROM records WHERE number = {MIDDLE}"
    ),
    "a record is copied onto another": _sql(
        f"UPDATE records SET raw = (SELECT raw FROM records WHERE number = {MIDDLE} - 1) WHERE number = {MIDDLE}"
    ),
    "a copy of a record is added at the end": _sql(
        f"INSERT INTO records SELECT device_id, boot, number + 1, {REST} FROM records "
        "WHERE number = (SELECT max(number) FROM records)"
    ),
    "a calibration is doubled": _sql("UPDATE calibrations SET step_nl_num = 2 * step_nl_num"),
    "a calibration is taken away": _sql("DELETE FROM calibrations"),
    "a program is edited": _sql("UPDATE programs SET text = replace(text, 'basal=0:', 'basal=0:9')"),
    "a program is taken away": _sql("DELETE FROM programs"),
    "a command's intent is taken away": _sql("DELETE FROM intents WHERE id = 1"),
    "a pull is taken away": _sql("DELETE FROM pulls"),
    "a trigger waits for the next record": _sql(
        "CREATE TRIGGER late AFTER INSERT ON records BEGIN DELETE FROM records WHERE number = new.number; END"
    ),
    "a view stands for the records": _sql(
        "ALTER TABLE records RENAME TO hidden", "CREATE VIEW records AS SELECT * FROM hidden"
    ),
    "the tally is taken away": _sql("DELETE FROM tally WHERE name = 'calibrations'"),
}


def kinds_of_records(path):
    """{what was done: how} for a record of each event that the store has: one byte of it, and its words."""
    with closing(sqlite3.connect(path)) as db:
        events = [row[0] for row in db.execute("SELECT DISTINCT event FROM records ORDER BY event")]
    rows = {}
    for event in events:
        one = f"number = (SELECT max(number) FROM records WHERE event = '{event}')"
        rows[f"a {event} record says it was a {'stop' if event != 'stop' else 'boot'}"] = _sql(
            f"UPDATE records SET event = '{'stop' if event != 'stop' else 'boot'}' WHERE {one}"
        )
        rows[f"the words of a {event} record"] = _sql(
            f"UPDATE records SET text = text || ' nl=1' WHERE {one}"
        )
        rows[f"the bytes of a {event} record"] = _flip(event)
        rows[f"a {event} record is cut out"] = _sql(f"DELETE FROM records WHERE {one}")
    return rows


def _flip(event):
    def act(path):
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            number, raw = db.execute(
                "SELECT number, raw FROM records WHERE event = ? ORDER BY number DESC LIMIT 1", (event,)
            ).fetchone()
            bad = bytearray(raw)
            bad[60] ^= 1
            db.execute("UPDATE records SET raw = ? WHERE number = ?", (bytes(bad), number))

    return act


def flip_a_bit(path, seed):
    """One bit of the file, anywhere behind its header. Whether SQLite itself then finds the file damaged."""
    drawn = random.Random(seed)
    content = bytearray(path.read_bytes())
    content[drawn.randrange(100, len(content))] ^= 1 << drawn.randrange(8)
    path.write_bytes(content)
    try:
        with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as db:
            return db.execute("PRAGMA integrity_check").fetchall() != [("ok",)]
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return True


def two_stores(other):
    """Rows of another store of the same rig, or of another rig, mixed in."""
    attach = f"ATTACH '{other}' AS other"
    return {
        "a record of another store stands in its place": _sql(
            attach,
            f"UPDATE records SET raw = (SELECT raw FROM other.records WHERE number = {MIDDLE}) WHERE number = {MIDDLE}",
        ),
        "the second half is another store's": _sql(
            attach,
            f"UPDATE records AS mine SET ({REST}) = (SELECT {REST} FROM other.records AS o "
            f"WHERE o.number = mine.number) WHERE number > {MIDDLE} "
            "AND number <= (SELECT max(number) FROM other.records)",
        ),
        "the other store's pulls": _sql(
            attach, "DELETE FROM pulls", "INSERT INTO pulls SELECT * FROM other.pulls"
        ),
        "the other store's calibrations": _sql(
            attach, "DELETE FROM calibrations", "INSERT INTO calibrations SELECT * FROM other.calibrations"
        ),
    }


def without(table):
    """Take every row of a table away."""
    return _sql(f"DELETE FROM {table}")
