"""What MicroPython's native compiler knows by itself, for CPython.

Owns: stand-ins for the decorator `micropython.viper` and the type `ptr32`.
Rules: never imported on a MicroPython VM.
Units: none.
Leaves: everything else.
"""


class micropython:
    """The decorator does nothing here: the same integers come out."""

    @staticmethod
    def viper(function):
        """The function itself."""
        return function


ptr32 = list
