"""scikit-learn's arguments as ours: texts, targets, weights, seeds, threads, tokenizers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from pydantic import ValidationError

from ftcore import config
from ftcore.base.cores import cores
from ftcore.engines.choice import choose_engine
from ftcore.engines.speeds import Work
from ftcore.errors import UserError
from ftcore.given import seed, shown
from ftcore.reading.missing import is_missing
from ftcore.text.tokenizer import Tokenizer, Whitespace
from ftcore.training.recipe import Conditions


def read_texts(X: Any) -> list[str]:
    """Texts from a list, array, pandas or Arrow column, a table of one column, or any iterable.

    A table of one column is what `ColumnTransformer` and `BaggingClassifier` hand on.

    Raises:
        UserError: a single text, several columns, no text at all, or an item that is no string.
    """
    if isinstance(X, str | bytes):
        raise UserError(f"X is one {type(X).__name__}; give a list of texts, [X] for one")
    shape = getattr(X, "shape", None)
    if shape is not None and len(shape) == 2 and shape[1] == 1 and not hasattr(X, "toarray"):
        X = X.iloc[:, 0] if hasattr(X, "iloc") else X.column(0) if hasattr(X, "column") else X[:, 0]
    elif shape is not None and len(shape) != 1:
        raise UserError(
            f"X has shape {tuple(shape)}; texts are a list or a single column: X['text'] of a frame, X[:, 0]"
        )
    for method in ("to_pylist", "tolist"):  # Arrow, then numpy and pandas
        if hasattr(X, method):
            texts = getattr(X, method)()
            break
    else:
        if not isinstance(X, Iterable):
            raise UserError(f"X is {shown(X)}; give a list of texts")
        texts = list(X)
    if not texts:
        raise UserError("X holds no text (0 samples); at least one is needed")
    if set(map(type, texts)) != {str}:
        for number, text in enumerate(texts):
            if not isinstance(text, str):
                raise UserError(
                    f"text {number} is {shown(text)}, a {type(text).__name__} and no string; leave such rows out, "
                    "or put an empty string"
                )
        texts = list(map(str, texts))
    return texts


def check_labels(y: Any) -> None:
    """Refuse labels that are missing or of no kind that a class can be; numpy would make words of them.

    Raises:
        UserError: it names the place.
    """
    if hasattr(y, "toarray") or isinstance(y, str) or not isinstance(y, Iterable):
        return  # a matrix of numbers, or what scikit-learn refuses
    rows = y.tolist() if hasattr(y, "tolist") else y.values.tolist() if hasattr(y, "values") else y
    kinds: dict[bool, int] = {}  # strings or numbers, and where the first was
    for place, row in enumerate(rows):
        for value in row if isinstance(row, list | tuple | set | frozenset | np.ndarray) else (row,):
            if is_missing(value):
                raise UserError(f"y[{place}] is {shown(value)}, a missing label; leave such texts out")
            if not isinstance(value, str | int | float | np.generic):
                raise UserError(
                    f"y[{place}] is {shown(value)}, a {type(value).__name__}; labels are strings, numbers or booleans"
                )
            first = kinds.setdefault(isinstance(value, str), place)
            if len(kinds) == 2 and first == place:
                raise UserError(
                    f"y[{place}] is {shown(value)}: strings and numbers among the labels; use one kind"
                )


class Weighted(NamedTuple):
    """Which samples take part, and what they weigh (None: all the same)."""

    rows: np.ndarray | None  # bool[n] or None: all
    weights: np.ndarray | None  # float64 of those that do


def read_weights(sample_weight: Any, samples: int) -> Weighted:
    """Sample weights; a sample of weight 0 is left out.

    Raises:
        UserError: another number than `samples`, a negative or infinite one, or all zero.
    """
    if sample_weight is None:
        return Weighted(None, None)
    weights = np.asarray(sample_weight, np.float64)
    if weights.shape != (samples,):
        raise UserError(
            f"sample_weight has shape {weights.shape} for {samples} texts; give a number for each"
        )
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        raise UserError(
            f"sample_weight {weights[wrong[0]]} of text {wrong[0]}; weights are numbers from 0 up"
        )
    kept = weights > 0
    if not kept.any():
        raise UserError("sample_weight is zero for all texts; at least one weight must not be zero")
    return Weighted(None, weights) if kept.all() else Weighted(kept, weights[kept])


def read_class_weight(class_weight: Any, targets: Targets) -> np.ndarray | None:
    """float64[N], what each text weighs by its class (with several labels: their mean); None: all the same.

    Args:
        class_weight: None, ``balanced`` (texts / (classes * texts of the class)) or {class: weight}.

    Raises:
        ValueError: another value, or a class that does not occur.
    """
    from sklearn.utils import compute_class_weight

    if class_weight is None:
        return None
    present, of_label = np.unique([i for row in targets.rows for i in row], return_inverse=True)
    labels = targets.classes[present]
    weights = compute_class_weight(class_weight, classes=labels, y=labels[of_label])[of_label]
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise UserError(f"class_weight={class_weight!r}; weights are numbers from 0 up")
    text = np.repeat(np.arange(len(targets)), [len(row) for row in targets.rows])
    counts = np.bincount(text, minlength=len(targets))
    return np.bincount(text, weights, len(targets)) / np.maximum(counts, 1)


@dataclass(frozen=True)
class Targets:
    """Labels of N texts, in whatever form they came.

    Attributes:
        form: single (one each), lists (of labels), indicator (zeros and ones [N, C]).
        classes: [C], sorted; of an indicator matrix its columns 0..C-1.
        rows: N lists of numbers of classes.
    """

    form: str
    classes: np.ndarray
    rows: list[list[int]]

    @classmethod
    def read(cls, y: Any) -> Targets:
        """From labels, lists of labels, or an indicator matrix (also a sparse one).

        Raises:
            ValueError: labels that are no classes (real numbers, NaN).
        """
        from sklearn.utils import column_or_1d
        from sklearn.utils.multiclass import check_classification_targets, is_multilabel
        from sklearn.utils.validation import assert_all_finite

        if y is None:
            raise UserError("requires y to be passed, but the target y is None; give each text its label")
        check_labels(y)
        if not hasattr(y, "shape") and _holds_lists(y) and not is_multilabel(y):
            return cls._of_lists(y)
        if is_multilabel(y):
            matrix = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
            rows = [np.flatnonzero(row).tolist() for row in matrix]
            return cls("indicator", np.arange(matrix.shape[1]), rows)
        column = column_or_1d(y, warn=True)
        if len(column) and column.dtype == object and isinstance(column[0], list | tuple | set | frozenset):
            return cls._of_lists(column)
        assert_all_finite(column, input_name="y")
        check_classification_targets(column)
        classes, numbers = np.unique(column, return_inverse=True)
        return cls("single", classes, [[i] for i in numbers.tolist()])

    @classmethod
    def _of_lists(cls, y: Iterable[Iterable]) -> Targets:
        lists = [list(row) for row in y]
        classes = np.unique(np.array([label for row in lists for label in row]))
        number = {label: i for i, label in enumerate(classes.tolist())}
        return cls("lists", classes, [[number[label] for label in row] for row in lists])

    def take(self, kept: np.ndarray | None) -> Targets:
        """Those of some texts; the classes stay."""
        if kept is None:
            return self
        return Targets(self.form, self.classes, [self.rows[i] for i in np.flatnonzero(kept).tolist()])

    def onto(self, classes: np.ndarray) -> Targets:
        """The same labels, numbered by other classes that hold them all."""
        number = np.searchsorted(classes, self.classes).tolist()
        return Targets(self.form, classes, [[number[i] for i in row] for row in self.rows])

    def __len__(self) -> int:
        return len(self.rows)


def _holds_lists(y: Any) -> bool:
    return isinstance(y, Sequence) and len(y) > 0 and isinstance(y[0], list | tuple | set | frozenset)


def read_tokenizer(option: Any) -> Tokenizer | Whitespace:
    """The tokenizer of an estimator's option, see `FastTextClassifier`."""
    if isinstance(option, Tokenizer | Whitespace):
        return option
    if isinstance(option, config.Text):
        return Tokenizer(option)
    if isinstance(option, str) and option in ("auto", "ftcore"):
        return Tokenizer()
    if isinstance(option, str) and option == Whitespace.kind:
        return Whitespace()
    raise UserError(f"tokenizer={option!r}; choose 'auto', 'ftcore', 'whitespace' or a ftcore.config.Text")


def read_threads(n_jobs: int | None) -> int:
    """scikit-learn's n_jobs as a number of threads: None is 1, -1 all cores, -2 all but one."""
    if n_jobs is None:
        return 1
    if not isinstance(n_jobs, int | np.integer) or n_jobs == 0:
        raise UserError(f"n_jobs={n_jobs!r}; give a number of threads, or -1 for all cores")
    return int(n_jobs) if n_jobs > 0 else max(1, cores() + 1 + int(n_jobs))


def read_seed(random_state: Any) -> int:
    """A seed from scikit-learn's random_state: a number is itself, None and generators draw one."""
    from sklearn.utils import check_random_state

    if isinstance(random_state, int | np.integer):
        return seed("random_state", random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def read_conditions(estimator: Any, work: Work = "supervised") -> Conditions:
    """How an estimator trains, by its engine, device, random_state and n_jobs; one thread: the same again."""
    threads = read_threads(estimator.n_jobs)
    engine = choose_engine(estimator.engine, estimator.device, work)
    return Conditions(engine, read_seed(estimator.random_state), threads, deterministic=threads == 1)


def read_options(kind: type[config.DictionaryOptions], estimator: Any, **changed: Any) -> Any:
    """An estimator's parameters as one of our own models, so that ranges are checked where they are written down.

    Args:
        kind: `config.Finetune` or `config.Pretrain`; the parameters of its fields' names are taken.
        estimator: whose parameters they are.
        changed: what takes a parameter's place.

    Raises:
        UserError: it names the estimator, the parameter and what is allowed.
    """
    given = estimator.get_params(deep=False)
    options = {name: given[name] for name in kind.model_fields if name in given} | changed
    try:
        return kind(**options)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        message = first["msg"].removeprefix("Value error, ")
        shown = f" {name}={options[name]!r}:" if name in options else ""
        raise UserError(f"{type(estimator).__name__}:{shown} {message}") from None
