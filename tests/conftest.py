"""What every test run shares: the requirement trace, and hypothesis without a wall clock.

Owns: the registration of pytest hooks and hypothesis's profile.
Rules: no fixture lives here; those stand beside the tests of their layer.
Units: none.
Leaves: the trace itself to tracing.py.
"""

import os

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


def pytest_configure(config: pytest.Config) -> None:
    """Keep each requirement's results, in a worker and in the process that collects them."""
    config.pluginmanager.register(TracePlugin(), "requirement-trace")
