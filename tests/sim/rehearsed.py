"""Short rehearsals, one after the other in one simulator, as a study's worker runs them.

Owns: that simulator, for as long as the test process lives.
Rules: the start of a program is not what these tests are about: test_sim_rehearse.py has a process for each run, and
tests/unit/study shows that a run is the same to the byte whatever ran before it.
Units: ms.
Leaves: the run to pumprig.rehearsal.
"""

import atexit
from functools import cache

from pumprig import rehearsal


@cache
def _simulator():
    worker = rehearsal.Worker(0)
    atexit.register(worker.close)
    return worker


def run(asked):
    """A request's report. Raises PumpError."""
    try:
        return _simulator().run(asked)
    except rehearsal.Crashed:
        _simulator.cache_clear()
        raise
