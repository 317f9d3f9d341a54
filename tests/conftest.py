"""What every test run shares: the requirement trace.

Owns: the registration of pytest hooks.
Rules: no fixture lives here; those stand beside the tests of their layer.
Callers: pytest.
Units: none.
Leaves: the trace itself to tracing.py.
"""

import pytest
from tracing import TracePlugin


def pytest_configure(config: pytest.Config) -> None:
    """Keep each requirement's results, in a worker and in the process that collects them."""
    config.pluginmanager.register(TracePlugin(), "requirement-trace")
