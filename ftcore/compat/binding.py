r"""The original's binding object, ``model.f``: the methods that code calls on it directly.

Many programs go round the Python class, most of all with ``model.f.predict(text + "\n", k, threshold,
"strict")``, because the original's own ``predict`` fails with numpy 2.
Source: fastText 0.9.3 ``python/fasttext_module/fasttext/pybind/fasttext_pybind.cc``.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from ftcore.compat.arguments import FIELDS, loss_name, model_name
from ftcore.compat.vocabulary import tokenize
from ftcore.dictionary.tokens import encode, padded

_SAME = {  # the binding's name of a method: the class's
    "getWordId": "get_word_id",
    "getSubwordId": "get_subword_id",
    "getLabelId": "get_label_id",
    "getSubwords": "get_subwords",
    "getNN": "get_nearest_neighbors",
    "getAnalogies": "get_analogies",
    "getInputMatrix": "get_input_matrix",
    "getOutputMatrix": "get_output_matrix",
    "setMatrices": "set_matrices",
    "isQuant": "is_quantized",
    "saveModel": "save_model",
    "test": "test",
    "testLabel": "test_label",
    "quantize": "quantize",
}


class Binding:
    """Methods by the binding's names; vectors are returned, not filled in.

    Args:
        model: a `ftcore.compat.model._FastText`, which makes one of these.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        if name in _SAME:
            return getattr(self._model, _SAME[name])
        raise AttributeError(f"ftcore's model.f has no {name!r}; use the model's own methods")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *_SAME]

    def getArgs(self) -> SimpleNamespace:
        """Arguments by the original's names; model and loss are enumerations."""
        args = self._model.classic.args
        values = {name: getattr(args, attribute) for name, attribute in FIELDS.items()}
        values |= {"loss": loss_name[args.loss], "model": model_name[args.model], "seed": args.seed}
        return SimpleNamespace(**values)

    def predict(
        self, text: str, k: int = 1, threshold: float = 0.0, on_unicode_error: str = "strict"
    ) -> list[tuple[float, str]]:
        """(probability, label) pairs of a line; one without a newline has no end of line."""
        found = self._model._predictor.from_text(padded(encode(_first_line(text))), k, threshold)
        names = self._model._names(on_unicode_error)
        return list(zip(found.scores.tolist(), names[found.labels].tolist(), strict=True))

    def multilinePredict(
        self, lines: list[str], k: int = 1, threshold: float = 0.0, on_unicode_error: str = "strict"
    ) -> tuple[list[list[str]], list[np.ndarray]]:
        """Labels and probabilities of each line."""
        lines = [_first_line(line) for line in lines]
        if all(line.endswith("\n") for line in lines):
            return self._model.predict([line[:-1] for line in lines], k, threshold, on_unicode_error)
        pairs = [self.predict(line, k, threshold, on_unicode_error) for line in lines]
        labels = [[label for _, label in found] for found in pairs]
        return labels, [np.array([score for score, _ in found], np.float32) for found in pairs]

    def getLine(self, text: str, on_unicode_error: str = "strict") -> tuple[list[str], list[str]]:
        """Words and labels of a line; one without a newline has no end of line."""
        line = _first_line(text)
        return self._model._split(line, on_unicode_error, eos=line.endswith("\n"))

    def getVocab(self, on_unicode_error: str = "strict") -> tuple[list[str], list[int]]:
        """Words and their counts."""
        words, counts = self._model.get_words(True, on_unicode_error)
        return words, counts.tolist()

    def getLabels(self, on_unicode_error: str = "strict") -> tuple[list[str], list[int]]:
        """Labels and their counts."""
        dictionary = self._model.classic.dictionary
        return self._model._names(on_unicode_error).tolist(), dictionary.label_counts.tolist()

    def tokenize(self, text: str) -> list[str]:
        """Tokens of a text."""
        return tokenize(text)


def _first_line(text: str) -> str:
    """Up to the first newline, with it: what is read of a stream."""
    line, newline, _ = text.partition("\n")
    return line + newline
