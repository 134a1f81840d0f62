"""Word vectors for spaCy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftcore.dictionary.hashing import EOS
from ftcore.ecosystem.models import AnyModel, model_of, need
from ftcore.errors import UserError
from ftcore.inference.vectors import Vectors

if TYPE_CHECKING:
    from spacy.vectors import Vectors as SpacyVectors
    from spacy.vocab import Vocab


def to_spacy_vectors(
    model: AnyModel, vocab: Vocab, words: int | None = None, name: str = "ftcore"
) -> SpacyVectors:
    """Put a model's word vectors into a vocabulary of spaCy's and return them.

    Tokens, spans and documents made with it have the vectors from then on. spaCy looks a token up by its
    text, so that case and segmentation are spaCy's; it has no vectors for words out of the vocabulary.
    Left out: the end of line, words that are no UTF-8.

    Args:
        model: `ftcore.FastText`, a model of fastText's API, a `Model`, or a path.
        vocab: ``nlp.vocab``.
        words: only so many of the most frequent.
        name: of the vectors in spaCy.

    Raises:
        UserError: without spaCy, or for a number of words below 1.

    Example:
        ``nlp = spacy.blank("en"); to_spacy_vectors("cc.en.300.bin", nlp.vocab, words=100_000)``
    """
    if words is not None and words < 1:
        raise UserError(f"words={words}; give a number of words from 1 up, or None for all")
    spacy = need("spacy.vectors", "spacy")
    classic = model_of(model)
    names: list[str] = []
    kept: list[bytes] = []
    numbers: list[int] = []
    for number, word in enumerate(classic.dictionary.words):
        if words is not None and len(names) == words:
            break
        try:
            text = word.decode("utf-8")
        except UnicodeDecodeError:
            continue
        if word != EOS:
            names.append(text)
            kept.append(word)
            numbers.append(number)
    vectors = Vectors(classic)
    table = vectors.words(kept) if words is not None else vectors.all()[numbers]
    for text in names:
        vocab.strings.add(text)
    vocab.vectors = spacy.Vectors(strings=vocab.strings, data=table, keys=names, name=name)
    return vocab.vectors
