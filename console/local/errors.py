"""What can stand in the way of an installation on this machine: one clear line each, exit code 2."""


class CannotStart(Exception):
    """The installation cannot start. The message is one line for the person at the terminal."""
