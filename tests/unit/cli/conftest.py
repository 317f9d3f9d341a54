"""What tests of commands share: a home of their own, whose private rig ends with them."""

import os

import pytest
from pumprig.rig.simulator import PrivateRig


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    saved = dict(os.environ)
    os.environ["PUMPRIG_HOME"] = str(folder)
    for name in ("PUMPRIG_PORT", "PUMPRIG_DB"):
        os.environ.pop(name, None)
    yield folder
    PrivateRig(folder / "state" / "sim").stop()
    os.environ.clear()
    os.environ.update(saved)
