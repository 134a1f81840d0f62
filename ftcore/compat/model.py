"""`_FastText`: what `load_model` and the training functions return, method by method as in the original.

Source: fastText 0.9.3 ``python/fasttext_module/fasttext/FastText.py`` and the bindings beside it
(``pybind/fasttext_pybind.cc``). Rows are numbered as in fastText: a word's id, nwords + bucket of an n-gram.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from ftcore import native
from ftcore.compat.checks import (
    checked_line,
    checked_lines,
    checked_word,
    is_given,
    is_one,
    number,
    whole,
    writing,
)
from ftcore.compat.vocabulary import Vocabulary
from ftcore.dictionary.dictionary import label_bytes
from ftcore.errors import IncompatibleModel, UserError
from ftcore.formats.binary import write_binary
from ftcore.formats.opening import read_model
from ftcore.inference.predict import Predictor
from ftcore.inference.tables import Tables
from ftcore.inference.vectors import Vectors

if TYPE_CHECKING:
    from ftcore.compat.arguments import Arguments
    from ftcore.compat.binding import Binding
    from ftcore.compat.evaluation import Meter, Tally
    from ftcore.model.model import Model
    from ftcore.training.loop import TrainingResult
    from ftcore.trust.explanation import Explanation

_WORDS = 4096  # whose vectors are written at a time
# attributes made from a model once, to be made anew for another
_OF_A_MODEL = ("_tables", "_predictor", "_quick", "_vectors", "_ids", "_decoded", "words", "labels")


class _FastText(Vocabulary):
    """A model with fastText's methods. Made by `load_model`, `train_supervised`, `train_unsupervised`.

    Attributes:
        classic: the model as a file holds it, see `ftcore.model.model.Model`.
        result: how its training went; None for a loaded model.

    Args:
        model_path: a `.bin` or `.ftz`, or a directory that `ftcore.FastText.save` wrote.
        args: of a training just done; its values become attributes (`lr`, `dim`, …), as in the original.
        classic: the model itself.
    """

    def __init__(
        self,
        model_path: str | PathLike | None = None,
        args: Arguments | None = None,
        *,
        classic: Model | None = None,
        result: TrainingResult | None = None,
    ) -> None:
        if model_path is not None:
            classic = read_model(model_path).of_tokens()
        self._classic, self.result = classic, result
        self.set_args(args)

    def set_args(self, args: Arguments | None = None) -> None:
        """Show a training's arguments as attributes, by the original's names."""
        if args is None:
            return
        from ftcore.compat.arguments import FIELDS, loss_name

        for name in FIELDS:
            setattr(self, name, getattr(args.args, FIELDS[name]))
        self.loss = loss_name[args.args.loss]
        self.verbose, self.pretrainedVectors = args.verbose, args.pretrained

    @property
    def classic(self) -> Model:
        if self._classic is None:
            raise UserError("this model is empty; load one with load_model(path) or train one")
        return self._classic

    @classic.setter
    def classic(self, classic: Model) -> None:
        self._classic = classic
        for name in _OF_A_MODEL:
            self.__dict__.pop(name, None)

    @cached_property
    def _tables(self) -> Tables:
        return Tables(self.classic)

    @cached_property
    def _predictor(self) -> Predictor:
        return Predictor(self.classic, tables=self._tables)

    @cached_property
    def _quick(self) -> Callable[[Any, Any, Any, Any], tuple | None]:
        """Answers to a plain text or a list of them; None to what has more to it, an error to come for example."""
        try:
            names = self._names("strict").tolist()
            return native.NamedAnswers(self._predictor.core, names, self._predictor.threads).predict
        except (TypeError, ValueError):  # no classifier, labels that are no UTF-8, rows that are searched for
            return lambda *_: None

    @cached_property
    def _vectors(self) -> Vectors:
        return Vectors(self.classic, tables=self._tables)

    # ----------------------------------------------------------------------------------------- vectors
    def __getitem__(self, word: str) -> np.ndarray:
        return self.get_word_vector(word)

    def _k(self, k: int) -> int:
        k = whole("k", k)
        if k < 1:
            raise UserError(f"k needs to be 1 or higher! (k = {k})")
        return k

    @staticmethod
    def _named(found: Iterable[tuple[float, bytes]], errors: str) -> list[tuple[float, str]]:
        return [(score, word.decode("utf-8", errors)) for score, word in found]

    def get_word_vector(self, word: str) -> np.ndarray:
        """float32[D]: mean of the word's row and its n-grams'; zero for an unknown word without any."""
        return self._vectors.word(word if type(word) is str else checked_word(word))

    def ngram_vectors(self, word: str) -> list[tuple[bytes, np.ndarray]]:
        """Name and row of `get_subwords`, one by one; those a pruned model has no row for are left out."""
        names, rows = self._vectors.subwords(checked_word(word))
        kept = np.flatnonzero(rows >= 0)
        vectors = self._tables.gather(rows[kept])
        return [(names[i], vector) for i, vector in zip(kept.tolist(), vectors, strict=True)]

    def get_sentence_vector(self, text: str) -> np.ndarray:
        """A line's vector: float32[D].

        Supervised: the mean of its features, end of line included. Unsupervised: the mean of its words'
        vectors, each divided by its length, zero ones left out.

        Raises:
            UserError: a text with a newline.
        """
        return self._vectors.sentence(checked_line(text))

    def get_nearest_neighbors(
        self, word: str, k: int = 10, on_unicode_error: str = "strict"
    ) -> list[tuple[float, str]]:
        """The k words with the highest cosine to a word, itself left out: (cosine, word), the best first."""
        return self._named(self._vectors.neighbors(checked_word(word), self._k(k)), on_unicode_error)

    def get_analogies(
        self, wordA: str, wordB: str, wordC: str, k: int = 10, on_unicode_error: str = "strict"
    ) -> list[tuple[float, str]]:
        """The k words nearest to A - B + C (unit vectors), the three left out: (cosine, word)."""
        words = [checked_word(word) for word in (wordA, wordB, wordC)]
        return self._named(
            self._vectors.analogies(words[0], words[1], words[2], self._k(k)), on_unicode_error
        )

    # ------------------------------------------------------------------------------------- predictions
    def predict(
        self,
        text: str | list[str],
        k: int = 1,
        threshold: float = 0.0,
        on_unicode_error: str = "strict",
    ) -> tuple[tuple[str, ...], np.ndarray] | tuple[list[list[str]], list[np.ndarray]]:
        """The k most probable labels (-1: all) with at least this probability, and the probabilities.

        A line gives (labels, float64 array), a list of lines (list of labels, list of float32 arrays), the
        numbers of both being the same bits. An unknown text has no label.

        Raises:
            UserError: a newline in the text, k below 1, or a model without labels.

        Example:
            >>> labels, probabilities = model.predict("Guten Tag", k=2)
            >>> labels, probabilities.round(1)
            (('__label__de', '__label__en'), array([1., 0.]))
        """
        answer = self._quick(text, k, threshold, on_unicode_error)
        if answer is not None:
            return answer
        k, threshold = whole("k", k), number("threshold", threshold)
        if is_one(text):
            found = self._predictor.predict([checked_line(text)], k, threshold)
            names = self._names(on_unicode_error)
            return tuple([names[label] for label in found.labels.tolist()]), found.scores.astype(np.float64)
        found = self._predictor.predict(checked_lines(text), k, threshold)
        return found.named(self._names(on_unicode_error))

    def explain(self, text: str, label: str | None = None, against: str | None = None) -> Explanation:
        """What each word and n-gram of a line adds to a label's score, see `ftcore.trust.explanation.explain`.

        Args:
            label: with or without the prefix; default the most probable one.
            against: another label, whose score is taken off.
        """
        from ftcore.inference.classifier import Classifier
        from ftcore.trust.explanation import explain

        prefix = self.classic.args.label
        names = [None if name is None else str(name).removeprefix(prefix) for name in (label, against)]
        classifier = Classifier(replace(self.classic, tokenizer=None), tables=self._tables)
        found = explain(classifier, checked_line(text), *names)
        return replace(found, label=f"{prefix}{found.label}", against=against)

    def test(self, path: Any, k: int = 1, threshold: float = 0.0) -> tuple[int, float, float]:
        """Number of lines scored, precision and recall at k, of a labelled file (or other `Lines`).

        Lines without a known label or without any feature are left out; nan where nothing is to count.

        Raises:
            UserError: the file cannot be opened.
        """
        tally = self._tally(path, k, threshold)
        return tally.lines, tally.precision, tally.recall

    def test_label(self, path: Any, k: int = 1, threshold: float = 0.0) -> dict[str, dict[str, float]]:
        """precision, recall and f1score of each label.

        Example:
            >>> model.test_label("valid.txt")["__label__de"]
            {'precision': 1.0, 'recall': 1.0, 'f1score': 1.0}
        """
        return dict(self._tally(path, k, threshold).per_label())

    def get_meter(self, path: Any, k: int = -1) -> Meter:
        """Scores of a labelled file with k predictions a line, for curves of precision and recall."""
        from ftcore.compat.evaluation import Meter

        return Meter(self._tally(path, k, 0.0, keep=True).scores(), self.get_label_id)

    def _tally(self, path: Any, k: int, threshold: float, keep: bool = False) -> Tally:
        from ftcore.compat.evaluation import count_answers, test_lines

        k, threshold = whole("k", k), number("threshold", threshold)
        lines = test_lines(path, self.classic)
        return count_answers(self._predictor, lines.blocks(), k, threshold, keep=keep)

    # ---------------------------------------------------------------------------------------- matrices
    def get_input_vector(self, ind: int) -> np.ndarray:
        """A row of the input matrix, by `get_word_id` or `get_subword_id`: float32[D]."""
        return self._vectors.input(whole("ind", ind))

    def get_input_matrix(self) -> np.ndarray:
        """float32[nwords + bucket, D], a copy; a bucket that never occurred has the row it started from.

        Raises:
            UserError: a quantised model.
        """
        self._dense()
        return np.array(self._tables.full())

    def get_output_matrix(self) -> np.ndarray:
        """float32[O, D], a copy: a row for each label, or for each word in an unsupervised model.

        Raises:
            UserError: a quantised model.
        """
        self._dense()
        return np.array(self.classic.output)

    def _dense(self) -> None:
        if self.classic.quantized:
            raise IncompatibleModel("Can't get quantized Matrix")

    def set_matrices(self, input_matrix: np.ndarray, output_matrix: np.ndarray) -> None:
        """Replace both matrices, e.g. by others with fewer columns.

        A quantised model is none any more.

        Args:
            input_matrix: [nwords + bucket, D], as `get_input_matrix` gives it.
            output_matrix: [O, D].

        Raises:
            UserError: matrices of other shapes.
        """
        classic = self.classic
        try:
            made = [np.ascontiguousarray(m, np.float32) for m in (input_matrix, output_matrix)]
        except (TypeError, ValueError) as error:
            raise UserError(f"set_matrices takes two matrices of numbers ({error})") from None
        dictionary = classic.dictionary.complete()
        rows = [
            dictionary.rows if classic.dictionary.bucket_rows.seeded else len(classic.input),
            len(classic.output),
        ]
        dim = made[0].shape[-1]
        if any(m.shape != (n, dim) for m, n in zip(made, rows, strict=True)) or dim < 1:
            raise UserError(
                f"input {made[0].shape} and output {made[1].shape}: give {rows[0]} and {rows[1]} rows, "
                "both of the same size, as get_input_matrix() and get_output_matrix() do"
            )
        args = replace(classic.args, dim=dim)
        self.classic = replace(classic, args=args, dictionary=dictionary, input=made[0], output=made[1])

    def quantize(
        self,
        input: Any = None,
        qout: bool = False,
        cutoff: int = 0,
        retrain: bool = False,
        epoch: int | None = None,
        lr: float | None = None,
        thread: int | None = None,
        verbose: int | None = None,
        dsub: int = 2,
        qnorm: bool = False,
        *,
        unsupervised: bool = False,
    ) -> None:
        """Make the model small, in place: rows as codes of a byte for each ``dsub`` numbers.

        Args:
            input: labelled text, needed to retrain.
            qout: quantise the output matrix too.
            cutoff: keep so many words and n-grams, those with the longest vectors (0: all).
            retrain: train what is left after a cutoff, with `epoch`, `lr`, `thread`; the defaults are the
                model's own.
            qnorm: quantise lengths apart.
            unsupervised: allow word vectors to be quantised, which the original refuses.

        Raises:
            UserError: a quantised or unsupervised model, less than 256 rows, no input to retrain on.
        """
        from ftcore.compat.training import quantize

        if retrain and not is_given(input):
            raise UserError("Need input file path if retraining")
        if not (self.classic.args.supervised or unsupervised):
            raise IncompatibleModel(
                "For now we only support quantization of supervised models; "
                "pass unsupervised=True to quantise word vectors all the same"
            )
        loud = verbose or int(getattr(self, "verbose", 2))
        changed = {"epoch": epoch, "lr": lr, "thread": thread}
        self.classic = quantize(
            self.classic, input if retrain else None, {k: v for k, v in changed.items() if v}, loud,
            cutoff=whole("cutoff", cutoff), qnorm=bool(qnorm), qout=bool(qout), dsub=whole("dsub", dsub),
        )  # fmt: skip

    # ------------------------------------------------------------------------------------------- files
    def save_model(self, path: str | PathLike) -> None:
        """Write a `.bin`, or a `.ftz` if quantised; the original reads both.

        Raises:
            UserError: the file cannot be written.
        """
        with writing(path, "saving"):
            write_binary(self.classic, path)

    def save_vectors(self, path: str | PathLike) -> None:
        """Write the vectors of all words as text, a `.vec`.

        Raises:
            UserError: the file cannot be written.
        """
        words = self.classic.dictionary.words
        blocks = (self._vectors.words(words[at : at + _WORDS]) for at in range(0, len(words), _WORDS))
        self._save_text(path, words, blocks)

    def save_output(self, path: str | PathLike) -> None:
        """Write the rows of the output matrix, under the labels' or the words' names, as a `.vec`.

        Raises:
            UserError: a quantised model, or where the file cannot be written.
        """
        classic = self.classic
        if classic.quantized:
            raise IncompatibleModel("Option -saveOutput is not supported for quantized models.")
        supervised, dictionary = classic.args.supervised, classic.dictionary
        names = [label_bytes(label) for label in dictionary.labels] if supervised else dictionary.words
        self._save_text(path, names, np.asarray(classic.output))

    @staticmethod
    def _save_text(path: str | PathLike, names: list[bytes], rows: np.ndarray | Iterator[np.ndarray]) -> None:
        from ftcore.formats.vec import write_vec

        with writing(path, "saving vectors"):
            write_vec(path, names, rows)

    def __reduce__(self) -> tuple:
        from ftcore.compat.arguments import FIELDS
        from ftcore.formats.directory import to_bytes

        shown = {name: vars(self)[name] for name in (*FIELDS, "verbose") if name in vars(self)}
        if "loss" in shown:
            shown["loss"] = self.loss.name
        return _shipped, (to_bytes(self.classic), shown)

    @property
    def f(self) -> Binding:
        """The original's binding object, for code that went round the Python class (``model.f.predict``)."""
        from ftcore.compat.binding import Binding

        return Binding(self)

    def __repr__(self) -> str:
        if self._classic is None:
            return "<ftcore model, empty>"
        args, dictionary = self.classic.args, self.classic.dictionary
        kind = f"{args.model}, {args.loss}, {dictionary.nwords} words"
        return f"<ftcore model: {kind}, {dictionary.nlabels} labels, dim {args.dim}>"


def _shipped(data: bytes, shown: Mapping[str, Any]) -> _FastText:
    """The model of ``__reduce__``: the bytes of our own format, and a training's arguments.

    Raises:
        UserError: other bytes, damaged ones, or of a newer ftcore; another attribute.
    """
    from ftcore.compat.arguments import FIELDS, loss_name
    from ftcore.formats.directory import from_bytes

    model = _FastText(classic=from_bytes(data).of_tokens())
    for name, value in shown.items():
        if name not in (*FIELDS, "verbose") or (name == "loss" and value not in loss_name.__members__):
            raise IncompatibleModel(f"{name} = {value!r} is no argument of a training")
        setattr(model, name, loss_name[value] if name == "loss" else value)
    return model
