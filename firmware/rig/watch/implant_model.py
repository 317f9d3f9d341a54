"""The implant that the rig stands for, in figures.

Owns: the inputs of the model: minimum rate, battery, life of the tube.
Rules: no other file states such a number; none of them is a maker's: a plausible implant, to be changed here.
Units: by the names' endings.
Leaves: what follows from them to implant.py.
"""

MINIMUM_NL_PER_DAY = 6_000  # "minimum rate" mode

# cells, J of a cell (3.6 V, 2 Ah), quiescent uW, uJ of a step, uJ of an answered line (telemetry)
BATTERY = (1, 25_920, 60, 20, 500)  # 65 535 J at the most: a record keeps what is used in two bytes
ERI_PERCENT = 10  # so much charge is left at the elective replacement indicator,
ERI_H = 59_184  # or it is so old: 7 years less 90 days
ERI_TO_END_H = 2_160  # 90 days later the service ends

TUBE_REVOLUTIONS = 21_000  # 350 h of a common tube (makers' tables) at 1 rpm
TUBE_DAYS = 180  # a tube at rest takes a set, too
