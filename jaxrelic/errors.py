"""The one exception that means: the user can fix this."""


class UserError(Exception):
    """A mistake in what was asked or given: one line that names the thing and the remedy.

    Command lines print the message and exit with code 2; `--debug` shows the traceback.
    """
