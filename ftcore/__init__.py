"""ftcore: raw Chinese and English text to a fastText model, in torch.

Public names load on first use, so that ``import ftcore`` costs nothing and each stage of the
pipeline depends only on the modules it really imports.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOME = {
    "FastText": "ftcore.fasttext",
    "TextDataset": "ftcore.fasttext",
    "Config": "ftcore.config",
    "load_config": "ftcore.config",
    "Tokenizer": "ftcore.text.tokenizer",
    "UserError": "ftcore.errors",
}
__all__ = [*_HOME, "__version__"]


def __getattr__(name: str):
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'ftcore' has no attribute {name!r}")
