"""Whose record it is: the identities of simulated rigs.

Owns: the mark that every simulated rig's id begins with.
Rules: a board's id is its flash chip's; one of ours never begins with the letters `simu` in hexadecimal by chance more
often than once in four thousand million; a record, an export, a store tell by the id alone.
Units: an id is 16 hex digits.
Leaves: everything else.
"""

SIMULATED = "73696d75"


def is_simulated(device_id):
    """Whether an id is that of a simulated rig."""
    return device_id.startswith(SIMULATED)
