"""Errors that are the user's to mend: they name the value, the place and the remedy."""


class UserError(ValueError):
    """A mistake in data, configuration or use; shown without a traceback by the command line.

    Example:
        ``raise UserError("imdb.csv: no column 'txt'; the columns are: id, text. Set text: [text]")``
    """

    def __init__(self, message: str = "") -> None:
        # a file's name need not be UTF-8; what is shown must be
        super().__init__(str(message).encode("utf-8", "backslashreplace").decode())


class RunError(UserError, RuntimeError):
    """What only the work itself shows: a training that diverged, a search that found no time.

    The original throws it as ``std::runtime_error``, so ``except RuntimeError`` catches it too.
    """
