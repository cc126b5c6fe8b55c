"""What went wrong, for people: what failed, why, and what to do. Printed without a traceback, exit code 1."""


class StartError(Exception):
    """A step of `up` or `demo` failed; everything that was started is stopped."""
