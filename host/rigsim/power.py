"""How a simulated Pico ends what it is doing: exceptions that no firmware code may catch.

Owns: PowerCut and ChipReset.
Rules: both are BaseExceptions, so that `except Exception` in the firmware cannot swallow a power cut.
Units: none.
Leaves: what happens next to driver.py.
"""


class PowerCut(BaseException):
    """The supply of the Pico is gone: nothing after this instruction was executed."""


class ChipReset(BaseException):
    """The chip starts again; `cause` is what machine.reset_cause() then says."""

    def __init__(self, cause: int) -> None:
        super().__init__(cause)
        self.cause = cause
