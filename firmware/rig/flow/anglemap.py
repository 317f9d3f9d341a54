"""The displacement over the rotor's angle: what a step is worth where the rotor stands.

Owns: the weights of a turn's cells and the step's volume in each.
Rules: the steps of a turn are worth exactly a turn together, to the unit per cell, whatever the weights; the map only
moves volume within a turn. Loaded only where the calibration has a map.
Units: steps from encoder angle 0 on, at any number of turns; cells of 1/96 turn; weights in 1/1000 of the mean.
Leaves: the measuring of a map to the host, the weights' limits to pumpwire.documents.
"""

from array import array

from pumpwire.terms import ANGLE_CELLS, ANGLE_MEAN


class AngleMap:
    """rev_num / rev_den are the steps of a turn."""

    def __init__(self, weights, rev_num, rev_den):
        self._weights = array("H", weights)
        self._num = rev_num
        self._den = ANGLE_CELLS * rev_den

    def cell(self, at_steps, quantum):
        """Where step number at_steps begins: (units that each step of its cell is worth, steps left in the cell)."""
        cell = at_steps * self._den // self._num
        first = -(-cell * self._num // self._den)
        end = -(-(cell + 1) * self._num // self._den)
        turned = quantum * self._num * self._weights[cell % ANGLE_CELLS]
        return turned // (self._den * ANGLE_MEAN * (end - first)), end - at_steps
