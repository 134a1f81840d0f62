"""Other people's libraries: scikit-learn estimators, and exports to gensim, spaCy and ONNX.

None of these is a dependency; a name that needs one says which extra installs it.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "FastTextClassifier": "ftcore.ecosystem.classifier",
    "FastTextVectorizer": "ftcore.ecosystem.vectorizer",
    "to_keyed_vectors": "ftcore.ecosystem.keyed_vectors",
    "to_spacy_vectors": "ftcore.ecosystem.spacy_vectors",
    "to_onnx": "ftcore.ecosystem.onnx_model",
    "save_onnx": "ftcore.ecosystem.onnx_model",
    "onnx_inputs": "ftcore.ecosystem.onnx_model",
}
__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ftcore.ecosystem' has no attribute {name!r}")
    try:
        return getattr(import_module(_HOME[name]), name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "sklearn":
            raise
        from ftcore.errors import UserError

        raise UserError(f'{name}: scikit-learn is not installed; pip install "ftcore[sklearn]"') from error
