"""One rig as the page sees it: read once a second, its log kept, its link told of.

Owns: three conversations with the rig through the hub (one reads, one acts, one pulls), so that a long pull delays no
reading, and neither delays what a person asks for; the samples of the last hours; what the page is told of the rig.
Rules: a figure is told with the moment at which it was read; while the link is lost the last reading stays, marked as
old, and nothing is made up; when it comes back everything goes on by itself.
Units: by the names' endings; monotonic seconds for ages.
Leaves: which rigs there are to fleet.py, what is asked of them to acts.py, series to curves.py.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import Any

from pumpwire import texts

from pumprig.api.rig import Rig, connect
from pumprig.dashboard.curves import Sample, sample_of
from pumprig.errors import LinkError, PumpError
from pumprig.rig.answers import Answer
from pumprig.rig.status import Status
from pumprig.store import Store
from pumprig.store.given import delivery_of
from pumprig.store.totals import total

LOOK_S = 1.0
AGAIN_S = 1.0  # between two tries to reach a rig
KEPT = 7_200  # samples
DAY_US = 86_400_000_000
REST = 5  # times as long as an account took is waited before the next


class RigWatch:
    """One rig of the page."""

    def __init__(
        self,
        number: int,
        name: str,
        state: str | None,
        changed: Callable[[RigWatch], None],
        hub: Callable[[], None],
    ) -> None:
        self.number = number
        self.name = name
        self.state = state
        self.samples: deque[Sample] = deque(maxlen=KEPT)
        self.device_id: str | None = None
        self.address = name
        self.log_end = 0  # the newest record in the store
        self._changed = changed
        self._hub = hub
        self._rigs: list[Rig] = []  # reads, acts, pulls
        self._busy: dict[Rig, int] = {}  # conversations in which somebody waits for an outcome
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._pull = threading.Event()
        self._status: Status | None = None
        self._read_s = 0.0
        self._lost: tuple[float, str] | None = (time.time(), "not reached yet")
        self._account: dict[str, Any] | None = None
        self._u_ppm: int | None = None
        self._locked = False
        self._trouble = ""  # of the store
        self._threads = [
            threading.Thread(target=work, daemon=True, name=f"pumprig-page-{work.__name__}")
            for work in (self._look, self._keep)
        ]

    def begin(self) -> None:
        """Start reading."""
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Give everything back; the pump goes on as programmed."""
        self._ended.set()
        self._pull.set()
        self._close()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(5.0)

    @property
    def key(self) -> str:
        """What the page calls it: the rig's own id, so that nothing ever goes to another one."""
        return self.device_id or f"port-{self.number}"

    @contextlib.contextmanager
    def acting(self) -> Generator[Rig]:
        """The conversation for what a person asks for; not closed before the end of the block. Raises LinkError."""
        with self._lock:
            rig = self._rigs[1] if self._rigs else None
            if rig is not None:
                self._busy[rig] = self._busy.get(rig, 0) + 1
        if rig is None:
            why = self._lost[1] if self._lost else "not connected yet"
            raise LinkError(f"The rig is not reached: {why}", "not done", "The page goes on trying.")
        try:
            yield rig
        finally:
            with self._lock:
                self._busy[rig] -= 1
                over = self._busy[rig] == 0
                if over:
                    del self._busy[rig]
                over = over and rig not in self._rigs
            if over:
                rig.close()
            self._pull.set()

    @property
    def status(self) -> Status | None:
        """The last reading."""
        return self._status

    def begin_stop(self) -> Future[Answer] | None:
        """Write the stop to the line now; -> its confirmation to come. None where no conversation is open."""
        with self._lock:
            rig = self._rigs[1] if self._rigs else None
        return None if rig is None else rig.begin_stop()

    def view(self) -> dict[str, Any]:
        """Everything that the page shows of it now."""
        status, lost = self._status, self._lost
        told = None
        if status is not None:
            told = status.document()
            for row in told["alarms"]:
                row["text"] = str(texts.ALARMS.get(row["name"], ""))
        return {
            "key": self.key,
            "port": self.address,
            "device_id": self.device_id,
            "lost": None if lost is None else {"since_ms": round(lost[0] * 1000), "why": lost[1]},
            "age_ms": None if status is None else round((time.monotonic() - self._read_s) * 1000),
            "status": told,
            "u_ppm": self._u_ppm,
            "account": self._account,
            "locked": self._locked,
            "log_end": self.log_end,
            "trouble": self._trouble,
        }

    def check_key(self) -> None:
        """Whether the rig asks for a key that this computer does not hold."""
        with self.acting() as rig:
            self._locked = rig.asks_for_key() and not rig.holds_key()

    # --- threads

    def _look(self) -> None:
        while not self._ended.is_set():
            begun_s = time.monotonic()
            try:
                self._connected()
                status = self._rigs[0].status()
            except (PumpError, OSError, IndexError) as error:
                self._is_lost(error)
                self._ended.wait(AGAIN_S)
                continue
            self._status, self._read_s, self._lost = status, time.monotonic(), None
            self._sampled(sample_of(status))
            if (status.log_next or 0) - 1 > self.log_end:
                self._pull.set()
            self._changed(self)
            self._ended.wait(max(0.05, LOOK_S - (time.monotonic() - begun_s)))

    def _sampled(self, sample: Sample) -> None:
        """Keep a sample; where the rig's clock was put back, what was kept of later instants goes."""
        while self.samples and self.samples[-1].at_us >= sample.at_us:
            self.samples.pop()
        self.samples.append(sample)

    def _is_lost(self, error: Exception) -> None:
        why = error.happened if isinstance(error, PumpError) else str(error)
        since_s = self._lost[0] if self._lost is not None else time.time()
        self._lost = (since_s, why)
        self._changed(self)
        self._close()

    def _connected(self) -> None:
        """Three conversations through the hub; anew where the hub was lost meanwhile and one fell back to the port."""
        if self._rigs and all(rig.is_shared for rig in self._rigs):
            return
        self._close()
        self._hub()
        opened: list[Rig] = []
        try:
            for _ in range(3):
                opened.append(connect(self.name, state=self.state))
        except BaseException:
            for rig in opened:
                rig.close()
            raise
        with self._lock:
            self._rigs = opened
        self.device_id, self.address = opened[0].device_id, opened[0].address
        with contextlib.suppress(PumpError):
            self.check_key()
        self._pull.set()

    def _close(self) -> None:
        with self._lock:
            rigs, self._rigs = self._rigs, []
            idle = [rig for rig in rigs if rig not in self._busy]
        for rig in idle:
            rig.close()

    def _keep(self) -> None:
        """Pull what is new, and say what was asked for, given and not given."""
        while not self._ended.is_set():
            self._pull.wait(30.0)
            self._pull.clear()
            with self._lock:
                rig = self._rigs[2] if self._rigs else None
            if rig is None or self._ended.is_set():
                continue
            try:
                pulled = rig.pull()
                begun_s = time.monotonic()
                if pulled.new or self._account is None:
                    self._book(rig)
                self.log_end = pulled.log_next - 1
                self._trouble = ""
            except PumpError as error:
                if not isinstance(error, LinkError):
                    self._trouble = str(error)
                self._ended.wait(AGAIN_S)
                continue
            self._changed(self)
            self._ended.wait(REST * (time.monotonic() - begun_s))

    def _book(self, rig: Rig) -> None:
        store = Store(rig.database)
        try:
            status = self._status
            calibrations = store.calibrations(rig.device_id)
            if status is not None and status.calibration_id in calibrations:
                self._u_ppm = calibrations[status.calibration_id][2]
            spans: dict[str, Any] = {}
            whole = total(store, rig.device_id, None, None)
            newest_us = whole.last.at_utc_us
            for name, from_us in (("day", newest_us and newest_us - DAY_US), ("log", None)):
                sums = total(store, rig.device_id, from_us, None) if from_us else whole
                spans[name] = {
                    **delivery_of(store, sums).document(),
                    "u_nl": sums.u_nl,
                    "from_us": sums.first.at_utc_us,
                    "to_us": sums.last.at_utc_us,
                    "unknown_steps": sums.unknown_steps,
                }
            self._account = {**spans, "read_ms": round(time.time() * 1000)}
        finally:
            store.close()
