"""fastText's Python API, exactly: what `fasttext.FastText` is in the original.

``import ftcore as fasttext`` exports the same names; code that says ``fasttext.FastText._FastText`` finds it
here as ``ftcore.compat._FastText``.
"""

from importlib import import_module
from typing import Any

EOS = "</s>"
BOW = "<"
EOW = ">"

_HOME = {
    "train_supervised": "ftcore.compat.functions",
    "train_unsupervised": "ftcore.compat.functions",
    "load_model": "ftcore.compat.functions",
    "tokenize": "ftcore.compat.vocabulary",
    "_FastText": "ftcore.compat.model",
    "_Meter": "ftcore.compat.evaluation",
    "loss_name": "ftcore.compat.arguments",
    "model_name": "ftcore.compat.arguments",
    "cbow": "ftcore.compat.functions",
    "skipgram": "ftcore.compat.functions",
    "supervised": "ftcore.compat.functions",
}
__all__ = [*_HOME, "BOW", "EOS", "EOW"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name == "unsupervised_default":  # the original's table of defaults
        from ftcore.compat.arguments import defaults

        return defaults(False)
    if name == "util":
        return import_module("ftcore.util")
    raise AttributeError(f"module 'ftcore.compat' has no attribute {name!r}")
