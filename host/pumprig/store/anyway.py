"""A log with a fault, for figures that are wanted anyway: what its records' own bytes say.

Owns: the table that stands in the place of the stored records, for one connection and as long as that lasts.
Rules: a record counts whose own seal is right, with the columns that its bytes tell, whatever stands beside them; of
two copies of one record the first; a damaged one is left out, and counted. The file stays as it is.
Units: none.
Leaves: naming the faults to verify.py.
"""

from __future__ import annotations

from pumprig.errors import StoreError
from pumprig.store.database import Store
from pumprig.store.ledger import INTO, decoded, row_of

# What is temporary comes before what the file has by the same name, in every query of this connection.
TABLE = (
    "CREATE TEMP TABLE records AS SELECT * FROM main.records WHERE 0",
    "CREATE UNIQUE INDEX temp.whole_by_key ON records (device_id, boot, number)",
    "CREATE INDEX temp.whole_by_number ON records (device_id, number, boot)",
)


def read_whole_alone(store: Store, device_id: str) -> int:
    """From here on a store's readers see the undamaged records of a device alone; -> how many are left out.

    Raises StoreError.
    """
    left_out = 0
    with store.guard():
        db = store.db
        db.execute("PRAGMA temp_store = MEMORY")
        for statement in TABLE:
            db.execute(statement)
        stored = "SELECT raw, at_utc_us FROM main.records WHERE device_id = ? ORDER BY number, boot"
        for raw, at_utc_us in db.execute(stored, (device_id,)):
            try:
                values = row_of(device_id, decoded(raw, at_utc_us))
            except (StoreError, ValueError):
                left_out += 1
                continue
            db.execute(f"INSERT OR IGNORE {INTO}", values)
    return left_out
