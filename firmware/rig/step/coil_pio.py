# pyright: reportUndefinedVariable=false, reportAttributeAccessIssue=false, reportArgumentType=false
"""The coil machine's programs: one pattern a pulse of the marker, with the current always on or only after steps.

Owns: the instructions that switch coils.
Rules: a pulse brings out the next of eight patterns, within 5 cycles; `coils_dark` switches the coils off ISR
loops of two cycles after the pulse, by itself, and the next pulse switches them on by its pattern: no Python and
no clock but the machine's takes part, so nothing can come between.
Units: cycles of 8 ns.
Leaves: patterns and phases to coils.py.
"""

import rp2


# Y holds eight patterns of four coils, OSR what is left of them; a pulse brings out the next pattern.
@rp2.asm_pio(out_init=(rp2.PIO.OUT_LOW,) * 4, out_shiftdir=rp2.PIO.SHIFT_RIGHT)
def coils():
    wrap_target()
    wait(1, pin, 0)
    out(pins, 4)
    jmp(not_osre, "more")
    mov(osr, y)
    label("more")
    wait(0, pin, 0)
    wrap()


# The same, dark when ISR loops have passed since the pulse. The marker is the jmp pin as well.
@rp2.asm_pio(out_init=(rp2.PIO.OUT_LOW,) * 4, out_shiftdir=rp2.PIO.SHIFT_RIGHT)
def coils_dark():
    wrap_target()
    wait(1, pin, 0)
    label("step")
    out(pins, 4)
    jmp(not_osre, "more")
    mov(osr, y)
    label("more")
    mov(x, isr)
    wait(0, pin, 0)
    label("lit")
    jmp(pin, "step")
    jmp(x_dec, "lit")
    mov(pins, null)
    wrap()
