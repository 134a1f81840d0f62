"""ftcore: raw Chinese and English text to a fastText model, in torch.

``import ftcore as fasttext`` gives fastText's own Python API (see `ftcore.compat`).

Public names load on first use, so that ``import ftcore`` costs nothing and each stage of the
pipeline depends only on the modules it really imports.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "FastText": "ftcore.fasttext",
    "TextDataset": "ftcore.fasttext",
    "Config": "ftcore.config",
    "load_config": "ftcore.config",
    "Tokenizer": "ftcore.text.tokenizer",
    # what may go wrong, all of it a `UserError`
    "Diverged": "ftcore.errors",
    "EmptyVocabulary": "ftcore.errors",
    "IncompatibleModel": "ftcore.errors",
    "InvalidOptions": "ftcore.errors",
    "MissingLabels": "ftcore.errors",
    "NoSuchColumn": "ftcore.errors",
    "RunError": "ftcore.errors",
    "UnreadableFile": "ftcore.errors",
    "UserError": "ftcore.errors",
    # fastText's API
    "train_supervised": "ftcore.compat.functions",
    "train_unsupervised": "ftcore.compat.functions",
    "load_model": "ftcore.compat.functions",
    "tokenize": "ftcore.compat.vocabulary",
    "EOS": "ftcore.compat",
    "BOW": "ftcore.compat",
    "EOW": "ftcore.compat",
    "cbow": "ftcore.compat.functions",
    "skipgram": "ftcore.compat.functions",
    "supervised": "ftcore.compat.functions",
}
__all__ = [*_HOME, "util", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "util":
        return import_module("ftcore.util")
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'ftcore' has no attribute {name!r}")
