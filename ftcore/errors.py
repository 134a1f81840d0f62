"""Errors that are the user's to mend: they name the value, the place and the remedy."""


class UserError(ValueError):
    """A mistake in data, configuration or use; shown without a traceback by the command line.

    Example: ``raise UserError("imdb.csv: no column 'txt'; the columns are: id, text. Set text: [text]")``
    """
