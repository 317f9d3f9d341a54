"""Every threshold of the monitor, stated once.

Owns: the numbers at which an alarm is raised, and the reason for each.
Rules: no other file states such a number.
Units: by the names' endings; encoder counts are 1/4096 of a revolution.
Leaves: what an alarm does to pumpwire.spec.ALARMS.
"""

from rig.clock import TICK_US

# rotation: the encoder's nonlinearity is +-1 degree, so two readings disagree by up to 2 degrees without fault
# 5.0 degrees behind; with 2 degrees of nonlinearity and a sample's travel still below 10 (SR-16)
STALL_COUNTS = 57
MARK_COUNTS = 14  # where the rotor stood is kept every 1.2 degrees: lost within 5 to 9 degrees, it is a stall
MOVED_COUNTS = 40  # 3.5 degrees of motion while stopped (SR-02)
RATIO_WINDOW_US = 900_000_000  # 15 min, or
RATIO_COUNTS = 341  # 30 degrees of programmed rotation, whichever is longer (SR-02, SR-03)
RATIO_PERCENT = 10
SAMPLE_COUNTS = 32  # 2.8 degrees between two samples
SAMPLE_MIN_US = TICK_US
SAMPLE_MAX_US = 60_000_000
STOPPED_SAMPLE_US = 60_000_000
MISSING_READINGS = 3  # a sensor that fails so often in a row has failed
SOUND_READINGS = 10  # and is believed again after so many good ones

STALL_RETRY_US = 120_000_000  # with on_stall = "retry": try again so long after a stall
TRIAL_COUNTS = 683  # 60 degrees after such a try, any disagreement is the stall going on

# pressure, above what it was when the pump last stood still and relieved
OCCLUSION_PA = 55_000  # 8 psi; SR-15 asks for less than 10 psi (68 948 Pa)
OCCLUSION_LIMIT_PA = 137_895  # 20 psi, never to be reached
RANGE_PA = 172_369  # absolute, 25 psi: the least sensor's range; what reads more says "at least so much"
HIGHEST_AIR_PA = 108_500  # absolute; no weather has brought more
LOWEST_PA = 50_000  # absolute; the air at 5 500 m: less is no reading
STUCK_READINGS = 32  # equal to the Pascal: with a noise of 1 Pa (the sensor has more) by chance once in 10^17
NOISE_PA = 3_000  # second difference of neighbours; 1 mL/h through the catheter is 86 Pa, noise 60 Pa
# Each such one counts 2, each quieter one takes 1 back: eight more than a person's movements
NOISE_SCORE = 16
# Judged only where samples are so far apart: at faster flow the rollers' pulses are as large
SMOOTH_US = 100_000
# and so long after a faster one: a priming's 5 kPa leave the line within seconds
CALM_US = 30_000_000
CALM_READINGS = 3  # by then both differences are of calm readings
BACKWARDS_PA = -3_000  # so far below standing, in a fast flow: the pump draws from the outlet
BACKWARDS_NL_PER_DAY = 900_000_000  # 37 mL/h: forwards it would be 3 kPa above, through 0.31 Pa.s/nL
BACKWARDS_READINGS = 3
RELIEVED_PA = 14_000  # relief ends here
RELIEF_REVOLUTIONS_PERCENT = 25  # and never takes more than a quarter of a revolution backwards
RELIEF_TURN_US = 16_000_000  # as slowly as a revolution in so long
RELIEF_CHUNKS = 200  # of a revolution between two looks at the pressure: 1.8 degrees

# supply
SUPPLY_LOW_MV = 10_500
SUPPLY_GOOD_MV = 10_800  # ends that alarm
SUPPLY_STOP_MV = 9_000  # below it a 12 V motor loses steps
SUPPLY_READINGS = 2  # a reading at every tick: a drop of 40 ms is seen, a single glitch is none

# restarts: the same alarm, stop and start three times in 10 min (SR-33)
RESTARTS = 3
RESTARTS_US = 600_000_000

# faults of the firmware itself: after so many in a row, each so soon after a boot, the pump stays off
FAULTS = 3
FAULTS_US = 600_000_000

# people
STAGED_REMIND_US = 300_000_000  # staged and not committed: reminded, then dropped (SR-18)
STAGED_US = 600_000_000
STOPPED_REMIND_US = 600_000_000  # left stopped with a program loaded (SR-22)
