"""The delivery log on the host: SQLite, keyed by (device, boot, number), verified on the way in."""

from pumprig.store.database import Store

__all__ = ["Store"]
