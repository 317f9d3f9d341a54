"""What every test run shares: the requirement trace, hypothesis without a wall clock, the order of the files.

Owns: the registration of pytest hooks, hypothesis's profile, which files come first.
Rules: no fixture lives here; those stand beside the tests of their layer; no test rests on the order.
Units: none.
Leaves: the trace itself to tracing.py.
"""

import gc
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tracing import TracePlugin

# No deadline and no check of speed: a busy machine is no failure. CI draws the same cases each time.
settings.register_profile(
    "house",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("house")

HERE = Path(__file__).parent
# Several run at once, a file each. The longest come first, so that none is left alone at the end; of two neighbours
# one waits for terminals, browsers and servers, and the other computes.
FIRST = (
    "page/test_page.py",
    "oracle/test_everything.py",
    "unit/console/test_console_terminal.py",
    "examples/test_examples.py",
    "unit/balance/test_balance_ports.py",
    "requirements/test_interrupted_limits.py",
    "examples/test_pages.py",
    "requirements/test_delivery.py",
    "page/test_clicks.py",
    "upy/test_vms.py",
    "lab/test_campaign.py",
    "requirements/test_power.py",
    "faults/test_key_tool.py",
    "interface/test_interface.py",
    "unit/calibration/test_weighing_run.py",
    "requirements/test_rotation.py",
    "unit/calibration/test_calibration_docs.py",
    "unit/calibration/test_calibration_tools.py",
    "lab/test_local.py",
    "sim/test_sim_rehearse.py",
    "unit/calibration/test_calibration_rig.py",
    "unit/flash/test_flash_shrink.py",
    "hub/test_hub.py",
    "unit/calibration/test_calibration_coverage.py",
    "lab/test_lab.py",
    "sim/test_sim_serve.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order of the files; within a file as they stand."""
    place = {HERE / name: number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: place.get(item.path, len(FIRST)))


def pytest_collection_finish() -> None:
    """What was collected lives to the end: the garbage collector need not walk through it again and again."""
    gc.collect()
    gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    """Keep each requirement's results, in a worker and in the process that collects them."""
    config.pluginmanager.register(TracePlugin(), "requirement-trace")
