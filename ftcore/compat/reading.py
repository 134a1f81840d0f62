"""From what the user gave as input to a dictionary and a corpus of ids."""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ftcore.base.cores import cores
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.lines import Lines
from ftcore.errors import EmptyVocabulary, NoSuchColumn, UserError
from ftcore.model.model import Args
from ftcore.native import PAD
from ftcore.training.documents import LabelledLines

if TYPE_CHECKING:
    from ftcore import config
    from ftcore.dictionary.numbering import Numbering

_LOOK = 1 << 16  # bytes of the input looked at
_SEGMENT = (
    "The input is mostly Han text without spaces, and fastText's format splits words at spaces: segment it first "
    "(`ftcore tokenize FILE`), or take ftcore.FastText, which segments raw text."
)
_LONG = 8  # characters: few Chinese words are longer, most lines without spaces are


class Reading(LabelledLines):
    """What the user gave as input; errors are in the original's words.

    Args:
        given: a path, several (`Path`), or lines, see `ftcore.dictionary.lines.Lines`; or a `Lines` itself,
            e.g. to name the columns of a Parquet file.
        args: of the training; its label prefix and threads count here.
        weights: as `document_weights` takes them.
        told: hears of the dictionary when it has been counted.

    Raises:
        UserError: there is no such file.
    """

    def __init__(
        self,
        given: Any,
        args: Args,
        weights: Any = None,
        told: Callable[[Dictionary], None] = lambda dictionary: None,
    ) -> None:
        try:
            lines = given if isinstance(given, Lines) else Lines(given, label=args.label)
        except UserError as error:
            if isinstance(given, str):  # the original's words first
                raise error.reworded(f"{given} cannot be opened for training! ({error})") from None
            raise
        super().__init__(lines, args.label, min(args.thread, cores()))
        self._given, self._weights, self._told = given, weights, told

    def count(self, options: config.DictionaryOptions | Numbering) -> Dictionary:
        try:
            made = super().count(options)
        except EmptyVocabulary as error:
            message = (  # in the original's words
                f"Empty vocabulary. Try a smaller -minCount value (now {error.min_count}): "
                f"{error.ntokens} tokens were read and no word occurs that often."
            )
            raise error.reworded(f"{message} {_SEGMENT}" if self.unsegmented() else message) from None
        self._told(made)
        return made

    def weights(self, documents: int) -> np.ndarray | None:
        return document_weights(self._weights, self._given, documents)

    def unsegmented(self) -> bool:
        """Whether the input begins with Chinese text without spaces: every line would be a word."""
        block = next(iter(self.lines.blocks()), None)
        return block is not None and unsegmented(block()[:-PAD][:_LOOK].tobytes())

    def warn_of_unsegmented(self) -> None:
        """Say so, once a process."""
        if self.unsegmented():
            warnings.warn(_SEGMENT, stacklevel=2)


def document_weights(given: Any, input: Any, lines: int) -> np.ndarray | None:
    """float64[lines], the weight of each line.

    Args:
        given: None, one number a line, or the name of a column of the input's Parquet files.

    Raises:
        UserError: there are not as many weights as lines, or no such column.
    """
    if given is None:
        return None
    if isinstance(given, str):
        paths = input.paths if isinstance(input, Lines) else input
        given = _column(given, [paths] if isinstance(paths, str | Path) else paths)
    weights = np.asarray(list(given), np.float64)
    if weights.shape != (lines,):
        raise UserError(
            f"sample_weights: {len(weights)} weights for {lines} lines; give one for each, in order"
        )
    return weights


def _column(name: str, paths: Any) -> np.ndarray:
    import pyarrow.parquet as pq

    if not (isinstance(paths, list | tuple) and all(str(path).endswith(".parquet") for path in paths)):
        raise UserError(f"sample_weights = {name!r}: only Parquet input has columns; give a list of numbers")
    parts = []
    for path in paths:
        names = pq.read_schema(path).names
        if name not in names:
            raise NoSuchColumn(f"{path}: no column {name!r} for sample_weights; it has {', '.join(names)}")
        parts.append(pq.read_table(path, columns=[name]).column(name).to_numpy())
    return np.concatenate(parts)


def unsegmented(text: bytes) -> bool:
    """Whether most characters of a text are in long runs of Han characters, as Chinese without spaces is.

    Example:
        >>> unsegmented("我爱北京天安门，天安门上太阳升".encode()), unsegmented("我 爱 北京 天安门".encode())
        (True, False)
    """
    if text.isascii():
        return False
    in_runs = whole = 0
    for word in text.decode("utf-8", "ignore").split():
        han = 0 if word.isascii() else sum(map(_is_han, word))
        whole += len(word)
        if han >= _LONG:
            in_runs += len(word)
    return in_runs > whole / 2


def _is_han(character: str) -> bool:
    return character >= "\u3400" and unicodedata.name(character, "").startswith("CJK UNIFIED")
