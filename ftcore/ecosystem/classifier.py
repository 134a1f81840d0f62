"""`FastTextClassifier`: a scikit-learn classifier of raw texts."""

from __future__ import annotations

import inspect
import warnings
from dataclasses import replace
from os import PathLike, fspath
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from ftcore import config, given
from ftcore.dictionary.dictionary import split
from ftcore.ecosystem import inputs
from ftcore.ecosystem.models import model_of, plain_of
from ftcore.ecosystem.scores import Scorer
from ftcore.ecosystem.searched import searched
from ftcore.effects import without_effect_in_training
from ftcore.errors import MissingLabels, UserError
from ftcore.fasttext import FastText
from ftcore.formats.static import is_static
from ftcore.model.model import Model
from ftcore.training.documents import Tokenized
from ftcore.training.recipe import learn
from ftcore.training.start import FromModel, Start, going_on, has_linear_head, kept_ngrams, start_at


class FastTextClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """fastText's classifier on raw texts, one label a text or several.

    Attributes:
        classes_: [C]; of an indicator matrix its columns.
        model_: the `ftcore.FastText`.
        history_: a dict for each epoch.
        n_iter_: epochs trained.
        trials_: what `autotune` tried (`ftcore.training.autotune.Trial`), in order.

    Args:
        tokenizer: how texts become tokens. ``ftcore``: our own, for Chinese and English; ``whitespace``:
            as fastText, for text that is segmented already; or a `ftcore.config.Text`. ``auto``: that of
            `pretrained` if it has one (a `.bin` has none), else ``ftcore``.
        dim: as in fastText.
        epoch: as in fastText.
        lr: as in fastText.
        min_count: as in fastText.
        minn: as in fastText.
        maxn: as in fastText.
        word_ngrams: as in fastText.
        bucket: as in fastText.
        neg: as in fastText.
        loss: ``softmax``, ``hs`` or ``ns`` for one label a text, ``ova`` for several;
            ``auto``: softmax or ova, as `y` is.
        pretrained: start from these vectors: a model, or the path of a model's directory, a `.bin`, a `.vec` or a
            folder of static embeddings (`ftcore.formats.static`); `dim` is theirs then.
        head: ``sgd``: fastText's training; ``linear``: linear support vector machines over the same features
            (`ftcore.training.linear`); `dim`, `epoch`, `lr` and `neg` do not count then.
        autotune: try both heads with several kinds of n-grams on a tenth of the texts that is held out (a fifth of
            fewer than 1,000), for `seconds`, and train on all with what did best there. What was tried is in `trials_`.
            A warm start goes on with what was found.
        seconds: of that search.
        freeze: ``none``, ``words`` (rows that came from `pretrained` stay as they are) or ``all``.
        class_weight: ``balanced`` or {class: weight}. Of these as of `sample_weight` only the ratios count.
        warm_start: a further `fit` goes on from the present model, and adds its new words and classes.
        engine: see `ftcore.engines.choice.choose_engine`.
        device: see `ftcore.engines.choice.choose_engine`.
        random_state: a number gives the same model again, where `n_jobs` is 1.
        n_jobs: threads of training and prediction; None is one, -1 all cores.

    Example:
        FastTextClassifier(epoch=25, lr=0.5).fit(["很 好 看", "dull film"], ["pos", "neg"]).predict(["好看"])
    """

    classes_: np.ndarray
    model_: FastText
    _form: str

    def __init__(
        self,
        *,
        tokenizer: Any = "auto",
        dim: int = 100,
        epoch: int = 5,
        lr: float = 0.1,
        min_count: int = 1,
        minn: int = 0,
        maxn: int = 0,
        word_ngrams: int = 1,
        bucket: int = 2_000_000,
        neg: int = 5,
        loss: str = "auto",
        pretrained: Any = None,
        head: str = "sgd",
        autotune: bool = False,
        seconds: float = 60,
        freeze: str = "none",
        class_weight: str | dict | None = None,
        warm_start: bool = False,
        engine: str = "auto",
        device: str = "auto",
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.tokenizer, self.dim, self.epoch, self.lr = tokenizer, dim, epoch, lr
        self.min_count, self.minn, self.maxn = min_count, minn, maxn
        self.word_ngrams, self.bucket, self.neg, self.loss = word_ngrams, bucket, neg, loss
        self.pretrained, self.head = pretrained, head
        self.autotune, self.seconds = autotune, seconds
        self.freeze, self.class_weight = freeze, class_weight
        self.warm_start, self.engine, self.device = warm_start, engine, device
        self.random_state, self.n_jobs = random_state, n_jobs

    # -------------------------------------------------------------------------------------- training
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> FastTextClassifier:
        """Train on texts and their labels.

        Args:
            X: N texts.
            y: N labels (strings or numbers), N lists of labels, or zeros and ones [N, C]. A nested list of
                zeros and ones is read as the last. A text without label does not take part.
            sample_weight: [N] from 0 up, what each text counts; 0 leaves it out.

        Raises:
            ValueError: unusable texts, labels, weights or parameters.
        """
        texts, targets = inputs.read_texts(X), inputs.Targets.read(y)
        check_consistent_length(texts, targets.rows)
        kept, weights = inputs.read_weights(sample_weight, len(texts))
        if kept is not None:
            texts, targets = [texts[i] for i in np.flatnonzero(kept).tolist()], targets.take(kept)
        present = len({i for row in targets.rows for i in row})
        if present < 2:
            raise MissingLabels(
                f"y holds {present} class{'' if present == 1 else 'es'}, and two or more classes are needed"
            )
        again = self.warm_start and hasattr(self, "model_")
        if again:
            if targets.form != self._form:
                raise UserError(f"warm_start: y has the form {targets.form!r}, it was {self._form!r} before")
            targets = targets.onto(np.union1d(self.classes_, targets.classes))
        weights = self._weights(weights, targets)
        vectors = None if again else self._vectors()
        start = self.model_.to_model() if again else None if vectors else self._pretrained()
        options = self._options(targets, start, vectors)
        if again and start is not None:
            options = self._going_on(start, options)
        own = start.tokenizer if start is not None and self.tokenizer == "auto" else None
        tokenizer = own or inputs.read_tokenizer(self.tokenizer)
        lines = tokenizer.tokenize(texts)
        if not any(map(split, lines)):
            raise UserError(
                f"the {len(lines)} texts are empty: no word is left of any; check the column, or the tokenizer's options"
            )
        values = targets.classes.tolist()
        names = [str(value) for value in values]
        labels = [[names[i] for i in row] for row in targets.rows]
        begin = vectors
        if start is not None:
            begin = going_on(start, "ahead", options) if again else FromModel(start)
        how = inputs.read_conditions(self)
        if self.autotune and not again:
            found = searched(lines, labels, weights, options, how, begin, self.seconds)
            options, self.trials_ = found.options, found.trials
            self._found = options
        elif not self.autotune:
            self._tell_of_idle(options)
        model, result = learn(Tokenized.of(lines, labels, weights), options, how, start=begin)
        value = dict(zip(names, map(_label, values), strict=True))
        known = [value.get(name, name) for name in model.dictionary.labels]
        self.model_ = FastText.from_model(replace(model, tokenizer=tokenizer, values=known))
        self.classes_, self._form = targets.classes, targets.form
        self.history_, self.n_iter_ = result.history, len(result.history)
        self._scorer = self._make_scorer()
        return self

    def _pretrained(self) -> Model | None:
        return None if self.pretrained is None else plain_of(self.pretrained)

    def _vectors(self) -> Start | None:
        """What `pretrained` names, where it is a file of vectors and no model."""
        if not isinstance(self.pretrained, str | PathLike):
            return None
        path = given.path(self.pretrained)
        return start_at(path) if is_static(path) or fspath(path).endswith(".vec") else None

    def _options(
        self, targets: inputs.Targets, start: Model | None, vectors: Start | None
    ) -> config.Finetune:
        several = targets.form != "single"
        loss = ("ova" if several else "softmax") if self.loss == "auto" else self.loss
        if several and loss != "ova":
            raise UserError(
                f"loss={loss!r} takes one label a text, and y has the form {targets.form!r}; set loss='ova'"
            )
        dim = start.args.dim if start is not None else (vectors or self).dim
        return inputs.read_options(config.Finetune, self, dim=dim, loss=loss)

    def _tell_of_idle(self, options: config.Finetune) -> None:
        """A warning for every parameter that is set, not to its default, and changes nothing."""
        given = {
            name: getattr(options, name)
            for name, own in inspect.signature(type(self)).parameters.items()
            if name in type(options).model_fields and getattr(self, name) != own.default
        }
        for said in without_effect_in_training(
            given, options, vectors=self.pretrained is not None, valid=False, names={}
        ):
            warnings.warn(said, stacklevel=3)

    def _going_on(self, model: Model, options: config.Finetune) -> config.Finetune:
        """The options of a warm start: with `autotune` what the search found; a warning for n-grams that are not the model's."""
        if self.autotune:  # a second search could only choose n-grams that the model has not
            head = {"head": "linear" if has_linear_head(model) else "sgd"}
            return getattr(self, "_found", options).model_copy(update=head)
        kept, others = kept_ngrams(model, options)
        for name in others:
            warnings.warn(
                f"{name} = {getattr(options, name)} has no effect: warm_start goes on with the model's own, {kept[name]}; set "
                "warm_start=False to begin anew",
                stacklevel=3,
            )
        return options

    def _weights(self, own: np.ndarray | None, targets: inputs.Targets) -> np.ndarray | None:
        """What each text weighs, on average 1: only the ratios count, the step's length is for `lr`."""
        by_class = inputs.read_class_weight(self.class_weight, targets)
        if own is None and by_class is None:
            return None
        weights: np.ndarray = np.multiply(1.0 if own is None else own, 1.0 if by_class is None else by_class)
        mean = weights.mean()
        if mean == 0:
            raise UserError("sample_weight and class_weight leave every text a weight of zero")
        return weights / mean

    # ------------------------------------------------------------------------------------ prediction
    def decision_function(self, X: Any) -> np.ndarray:
        """Scores before the softmax or the sigmoid (under hs log-probabilities): float32[N, C].

        Of two classes with one label a text: the second's minus the first's, float32[N].
        """
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if self._form == "single" and scores.shape[1] == 2 else scores

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities float64[N, C] in the order of `classes_`.

        With one label a text they sum to 1 (under ova and ns the yes/no probabilities are divided by
        their sum, as scikit-learn's `OneVsRestClassifier` does); with several each stands alone.
        """
        scores = self._scores(X)
        return self._scorer.probabilities(scores, normalize=self._form == "single")

    def predict(self, X: Any) -> np.ndarray | list[list]:
        """The most probable class of each text, in the form that `y` had in `fit`.

        With several labels a text: all of probability above 1/2.
        """
        if self._form_of_fit() == "single":
            return self.classes_[np.argmax(self._scores(X), axis=1)]
        chosen = self.predict_proba(X) > 0.5
        if self._form == "indicator":
            return chosen.astype(np.int64)
        return [self.classes_[row].tolist() for row in chosen]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy; with several labels the share of texts whose labels are all right and complete."""
        if self._form_of_fit() != "lists":
            return super().score(X, y, sample_weight)
        right = [set(a) == set(b) for a, b in zip(self.predict(X), y, strict=True)]
        return float(np.average(right, weights=sample_weight))

    def _form_of_fit(self) -> str:
        check_is_fitted(self, "model_")
        return self._form

    def _scores(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "model_")
        return self._scorer.scores(inputs.read_texts(X), inputs.read_threads(self.n_jobs))

    def _make_scorer(self) -> Scorer:
        return Scorer(model_of(self.model_), [str(value) for value in self.classes_.tolist()])

    # ---------------------------------------------------------------------------------------- sklearn
    def __getstate__(self) -> dict:
        """The scorer is made of the model, which ships as our own format's bytes."""
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_scorer"}

    def __setstate__(self, state: dict) -> None:
        super().__setstate__(state)
        if "model_" in state:
            self._scorer = self._make_scorer()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.one_d_array, tags.input_tags.two_d_array = True, True, False
        tags.classifier_tags.multi_label = True
        tags.non_deterministic = self.n_jobs not in (None, 1)
        return tags


def _label(value: Any) -> str | int:
    """A class as a model keeps it."""
    return value if isinstance(value, str | int) and not isinstance(value, bool) else str(value)
