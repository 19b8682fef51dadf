"""The one exception that means *the input is wrong*, as opposed to *we are wrong*."""


class InputError(Exception):
    """Bad input or configuration: one line saying what was expected, what was found, where, and what to do.

    The command line prints the message and exits with status 2; any other exception is a defect of ours (status 1).
    """
