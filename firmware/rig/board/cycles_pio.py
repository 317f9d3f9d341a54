# pyright: reportUndefinedVariable=false, reportAttributeAccessIssue=false, reportArgumentType=false
"""The program of the state machine that counts the system clock's cycles.

Owns: its one instruction.
Rules: X goes down by one at every cycle, past 0 too; nothing but the clock takes part.
Units: cycles of the system clock.
Leaves: reading X to sysclock.py.
"""

import rp2


@rp2.asm_pio()
def cycles():
    wrap_target()
    label("cycle")
    jmp(x_dec, "cycle")
    wrap()
