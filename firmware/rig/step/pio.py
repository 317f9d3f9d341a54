# pyright: reportUndefinedVariable=false, reportAttributeAccessIssue=false
"""The state machines' programs: step and count.

Owns: every instruction that makes or counts an edge, and the costs that follow from them.
Rules: `step` costs 8 + loops cycles a word up to the pulse or the end, whatever the word; the stop button is
tested at least every second cycle of a wait and never later than 3 cycles before an edge; a halted machine
stays halted until it is restarted; `count` sees every pulse of 4 cycles or more and depends on nothing but the
pin.
Units: cycles of 8 ns. A word is loops << 1 | pulse; loops are cycles beyond the fixed cost.
Leaves: which words to words.py, pins and FIFOs to stepper.py, coils to coil_pio.py.
"""

import rp2


# ISR holds the pulse's high time minus 2; the button's pin is the jmp pin, low is pressed.
@rp2.asm_pio(sideset_init=rp2.PIO.OUT_LOW, out_shiftdir=rp2.PIO.SHIFT_RIGHT)
def step():
    wrap_target()
    label("entry")
    pull(block).side(0)
    out(y, 1).side(0)  # a pulse at the end?
    out(x, 1).side(0)  # one cycle more?
    jmp(not_x, "even").side(0)
    nop().side(0)
    label("even")
    mov(x, osr).side(0)
    label("loop")
    jmp(pin, "on").side(0)
    label("halt")
    jmp("halt").side(0)
    label("on")
    jmp(x_dec, "loop").side(0)
    jmp(not_y, "entry").side(0)
    mov(y, isr).side(1)  # the edge
    label("high")
    jmp(y_dec, "high").side(1)
    wrap()


HALT_AT = 7  # where `halt` is, from the program's start


# X starts at 0 and goes down by one with each rising edge.
@rp2.asm_pio()
def count():
    wrap_target()
    label("next")
    wait(0, pin, 0)
    wait(1, pin, 0)
    jmp(x_dec, "next")
    wrap()
