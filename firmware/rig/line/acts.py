"""What the commands do that move no fluid: a function for each verb.

Owns: the effect of these commands on the rig's parts.
Rules: a function changes state only and returns the answer's values in the table's order; what has to wait for the
record is asked of the effect; it never refuses with an error that uses up no number (pumpwire.spec.NUMBER_FREE); a
module on loan (rig.lend).
Units: as in pumpwire.spec.
Leaves: doses to doses.py and standing.py, resume and refill to supply.py, clock and keys to settings.py, documents to
commits.py, what is staged to staging.py, what is rarely told to titration.py.
"""

from rig.refused import Refused

RESET_AFTER_US = 300_000  # time for the answer to leave


# --- what is staged or waits


def discard(rig, args, now_us, effect):
    """Drop what is staged."""
    rig.staging.drop()


def withdraw(rig, args, now_us, effect):
    """Give up the program that waits for its time."""
    if not rig.therapy.later[0]:
        raise Refused("nothing", (("why", "no program waits for its time"),))
    rig.give_up_later("withdraw")


# --- alarms and files


def ack(rig, args, now_us, effect):
    """A person has seen the alarms."""
    rig.alarms.acknowledge()
    rig.monitor.accept_rotor()
    rig.sounding.wake()
    rig.watching.wake()


def maintenance(rig, args, now_us, effect):
    """Stop, then start anew without the watchdog."""
    rig.stop(now_us)
    effect.reset_us = now_us + RESET_AFTER_US
