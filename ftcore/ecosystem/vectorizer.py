"""`FastTextVectorizer`: raw texts to document vectors, a scikit-learn transformer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ftcore import config
from ftcore.base.threads import ahead
from ftcore.ecosystem import inputs
from ftcore.ecosystem.models import model_of, shippable
from ftcore.fasttext import FastText
from ftcore.inference.vectors import Vectors
from ftcore.model.model import Model
from ftcore.training.documents import Tokenized
from ftcore.training.recipe import learn

_TEXTS = 1024  # of a batch


class FastTextVectorizer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Document vectors by fastText: the mean of the words' vectors, each divided by its length.

    Words that training has not seen get theirs from their character n-grams. A `pretrained` classifier
    gives the plain mean of a text's features instead, what its scores are made of.

    Attributes:
        model_: the `ftcore.FastText`, or the model that `pretrained` named.

    Args:
        tokenizer: see `FastTextClassifier`; ``auto``: that of `pretrained`, which for a `.bin` is white
            space, else ``ftcore``.
        pretrained: use this model instead of training: a model, or the path of a model's directory, `.bin`
            or `.ftz`. The parameters of training do not count then.
        model: ``skipgram`` or ``cbow``.
        loss: ``ns``, ``hs`` or ``softmax``.
        dim: as in fastText.
        epoch: as in fastText.
        lr: as in fastText.
        ws: as in fastText.
        neg: as in fastText.
        t: as in fastText.
        min_count: as in fastText, where it is 5.
        minn: as in fastText; for Chinese, n-grams of 1 to 3 characters serve better than 3 to 6.
        maxn: as in fastText.
        bucket: as in fastText.
        engine: see `ftcore.engines.choice.choose_engine`.
        device: see `ftcore.engines.choice.choose_engine`.
        random_state: a number gives the same vectors again, where `n_jobs` is 1.
        n_jobs: threads of training and of `transform`; None is one, -1 all cores.

    Example:
        make_pipeline(FastTextVectorizer(), LogisticRegression()).fit(texts, labels)
    """

    def __init__(
        self,
        *,
        tokenizer: Any = "auto",
        pretrained: Any = None,
        model: str = "skipgram",
        loss: str = "ns",
        dim: int = 100,
        epoch: int = 5,
        lr: float = 0.05,
        ws: int = 5,
        neg: int = 5,
        t: float = 1e-4,
        min_count: int = 1,
        minn: int = 3,
        maxn: int = 6,
        bucket: int = 2_000_000,
        engine: str = "auto",
        device: str = "auto",
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.tokenizer, self.pretrained, self.model, self.loss = tokenizer, pretrained, model, loss
        self.dim, self.epoch, self.lr, self.ws, self.neg, self.t = dim, epoch, lr, ws, neg, t
        self.min_count, self.minn, self.maxn, self.bucket = min_count, minn, maxn, bucket
        self.engine, self.device, self.random_state, self.n_jobs = engine, device, random_state, n_jobs

    def fit(self, X: Any, y: Any = None) -> FastTextVectorizer:
        """Train on N texts, or open the `pretrained` model.

        Raises:
            ValueError: unusable texts or parameters, or texts without any token.
        """
        texts = inputs.read_texts(X)
        if self.pretrained is not None:
            self.model_ = shippable(self.pretrained)
        else:
            options = inputs.read_options(config.Pretrain, self)
            tokenizer = inputs.read_tokenizer(self.tokenizer)
            documents = Tokenized.of(tokenizer.tokenize(texts))
            model, _ = learn(documents, options, inputs.read_conditions(self, options.model))
            self.model_ = FastText.from_model(replace(model, tokenizer=tokenizer))
        self._opened = self._open()
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Vectors of N texts: float32[N, D]; zero for a text without any known feature."""
        check_is_fitted(self, "model_")
        texts = inputs.read_texts(X)
        vectors, tokenizer = Vectors(self._opened, threads=1), self._opened.tokenizer
        assert tokenizer is not None

        def batch(at: int) -> np.ndarray:
            return vectors.sentences(tokenizer.tokenize(texts[at : at + _TEXTS]))

        starts = ((at,) for at in range(0, len(texts), _TEXTS))
        return np.concatenate(list(ahead(batch, starts, inputs.read_threads(self.n_jobs))))

    @property
    def _n_features_out(self) -> int:
        """Size of the vectors; what makes `get_feature_names_out`."""
        return self._opened.args.dim

    def _open(self) -> Model:
        model = model_of(self.model_)
        if self.tokenizer == "auto" or (self.pretrained is None and isinstance(self.model_, FastText)):
            return model
        return replace(model, tokenizer=inputs.read_tokenizer(self.tokenizer))

    def __getstate__(self) -> dict:
        """`_opened` is made of the model, which ships as our own format's bytes."""
        return {name: value for name, value in super().__getstate__().items() if name != "_opened"}

    def __setstate__(self, state: dict) -> None:
        super().__setstate__(state)
        if "model_" in state:
            self._opened = self._open()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.one_d_array, tags.input_tags.two_d_array = True, True, False
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.non_deterministic = self.n_jobs not in (None, 1)
        return tags
