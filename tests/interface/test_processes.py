"""The interface across processes: errors that come out of a pool, and a rig in a process that was forked."""

import copy
import os
import pickle
import select

import pumprig
import pytest
from hub.conftest import Place

ERRORS = (
    pumprig.RefusedError("It was refused.", "Nothing was changed.", "Wait.", 7, "lockout", {"wait_s": 60}),
    pumprig.LinkError("The link failed.", "unknown", "Press stop."),
    pumprig.InputFileError("It cannot be used.", ["line 3"], "Mend it."),
    pumprig.UsageError("No unit.", "Nothing was sent."),
)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_comes_whole_out_of_another_process(error: pumprig.PumpError) -> None:
    """A pool that could not unpickle it ended, and said nothing of the rig."""
    for back in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(back) is type(error)
        assert str(back) == str(error)
        assert vars(back) == vars(error)
        assert back.details() == error.details()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("hub", [False, True], ids=["port", "hub"])
def test_a_process_that_was_forked_is_told_to_connect_and_its_stop_is_done(place: Place, hub: bool) -> None:
    """It has no thread of the rig: every call of it waited for ever."""
    if hub:
        place.hub()
    with pumprig.connect("sim") as rig:
        rig.propose(pumprig.constant("20 ul/h")).commit()
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            told = ""
            try:
                try:
                    rig.status()
                except pumprig.PumpError as error:
                    told = error.happened
                told += f" {rig.stop().delivered_steps is not None}"
                rig.close()
            finally:
                os.write(writing, told.encode())
                os._exit(0)
        os.close(writing)
        assert select.select([reading], [], [], 60)[0], "the child hangs"
        told = os.read(reading, 1000).decode()
        os.close(reading)
        os.waitpid(child, 0)
        assert told == "This rig was opened in another process. True"
        assert rig.status().state == "stopped"
