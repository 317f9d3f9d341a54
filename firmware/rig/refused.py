"""A request that is not granted."""


class Refused(Exception):
    """args[0]: the error's name in the command table; args[1]: fields that say why."""
