"""Errors that are the user's to mend: they name the value, the place and the remedy.

`UserError` is all of them. Those that a program may want to tell apart are classes of their own, so that none
has to read a message.
"""

from __future__ import annotations

from typing import Self


class UserError(ValueError):
    """A mistake in data, configuration or use; shown without a traceback by the command line.

    Example:
        ``raise UserError("imdb.csv: no column 'txt'; the columns are: id, text. Set text: [text]")``
    """

    def __init__(self, message: str = "") -> None:
        # a file's name need not be UTF-8; what is shown must be
        super().__init__(str(message).encode("utf-8", "backslashreplace").decode())

    def reworded(self, message: str) -> Self:
        """The same error, of the same class, in other words.

        Example:
            >>> NoSuchColumn("no column 'txt'").reworded("a.csv: no column 'txt'")
            NoSuchColumn("a.csv: no column 'txt'")
        """
        made = type(self).__new__(type(self))
        made.__dict__ |= self.__dict__
        UserError.__init__(made, message)
        return made


class RunError(UserError, RuntimeError):
    """What only the work itself shows: a training that diverged, a search that found no time.

    The original throws it as ``std::runtime_error``, so ``except RuntimeError`` catches it too.
    """


class Diverged(RunError):
    """Numbers that are none, in a training's loss or in a model: train again with a smaller lr."""


class EmptyVocabulary(UserError):
    """No word is left: there is no text, or none occurs often enough.

    Attributes:
        min_count: how often a word had to occur.
        ntokens: tokens that were read.
    """

    def __init__(self, message: str = "", min_count: int = 0, ntokens: int = 0) -> None:
        super().__init__(message)
        self.min_count, self.ntokens = min_count, ntokens


class MissingLabels(UserError):
    """Too few labels to learn from or to judge by: none at all, or only one."""


class NoSuchColumn(UserError):
    """A column that is not in a file.

    Attributes:
        found: what is there instead, without the remedy of a configuration; "" where it has none.
    """

    found = ""


class UnreadableFile(UserError):
    """A file that is not there, may not be read, is damaged, or is of another format than it should be.

    Attributes:
        found: what is the matter, without the place and the remedy of a configuration; "" where it has none.
    """

    found = ""


class IncompatibleModel(UserError):
    """A model that is whole, but not one for this: quantised, cut off, without labels, of another size or version."""


class InvalidOptions(UserError):
    """A configuration or an argument with an option that does not exist, or a value out of its range."""
