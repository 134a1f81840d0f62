"""Static embeddings, distilled from a transformer: one vector for each piece of its tokenizer.

Three layouts of a folder are read: Model2Vec's (``model.safetensors``, ``tokenizer.json``, ``config.json``), the same
files as Sentence Transformers writes them, and wordllama's package (``weights/``, ``tokenizers/``). A word's vector is
the mean of its pieces', as these libraries take it of a text. The tokenizer is Hugging Face's ``tokenizers``, an
optional dependency; nothing is fetched and nothing is unpickled.

Source: model2vec 0.10 ``model2vec/model.py`` (``weights`` and ``mapping`` of a compressed vocabulary).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ftcore.errors import UnreadableFile, UserError

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Pieces

_TABLES = ("embeddings", "embedding.weight")  # Model2Vec's name of the table, and the others'
_BLOCK = 1 << 14  # words cut at a time
_SPACE = "▁"  # sentencepiece's mark of a word's begin


class StaticEmbeddings:
    """A tokenizer and its table.

    Args:
        pieces: cuts a word.
        table: float32[P, D], or fewer rows where `mapping` says which one a piece has.
        weights: float32[P], what each piece counts in a mean; None: all alike.
        mapping: int64[P], the row of each piece; None: its own.
        weighed: whether rows are the smaller already the more frequent the piece is.
    """

    def __init__(
        self,
        pieces: Pieces,
        table: np.ndarray,
        weights: np.ndarray | None = None,
        mapping: np.ndarray | None = None,
        weighed: bool = False,
    ) -> None:
        self.pieces, self.table, self.weights, self.mapping, self.weighed = (
            pieces,
            table,
            weights,
            mapping,
            weighed,
        )
        self.size = len(table) if mapping is None else len(mapping)

    @property
    def dim(self) -> int:
        """D."""
        return self.table.shape[1]

    def words(self) -> tuple[list[bytes], np.ndarray]:
        """The pieces that are whole words, and int64[n], the place of each among all: the more frequent, the smaller."""
        vocabulary = self.pieces.get_vocab(with_added_tokens=False)
        marked = any(piece.startswith(_SPACE) for piece in vocabulary)
        found = sorted(
            (place, piece[1:] if marked else piece)
            for piece, place in vocabulary.items()
            if place < self.size and piece.startswith(_SPACE if marked else "")
        )
        kept = [(place, word) for place, word in found if word.isalpha()]
        return [word.encode() for _, word in kept], np.array([place for place, _ in kept], np.int64)

    def vectors(self, words: Sequence[bytes], root: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Vectors of any words.

        Args:
            root: the sum of a word's pieces over the root of their number, not the mean: between the mean of a text's words
                and that of its pieces.

        Returns:
            float32[n, D], zeros for one of which no piece is known, and int64[n], the place of its rarest piece.
        """
        made = np.zeros((len(words), self.dim), np.float32)
        places = np.full(len(words), self.size, np.int64)
        unknown = self._unknown()
        for begin in range(0, len(words), _BLOCK):
            texts = [word.decode("utf-8", "replace") for word in words[begin : begin + _BLOCK]]
            for at, cut in enumerate(self.pieces.encode_batch(texts, add_special_tokens=False), begin):
                ids = np.array([i for i in cut.ids if i != unknown and i < self.size], np.int64)
                if not len(ids):
                    continue
                rows = self.table[ids if self.mapping is None else self.mapping[ids]]
                made[at] = (rows if self.weights is None else rows * self.weights[ids, None]).mean(axis=0)
                made[at] *= len(ids) ** 0.5 if root else 1
                places[at] = ids.max()
        return made, places

    def _unknown(self) -> int | None:
        model = json.loads(self.pieces.to_str())["model"]
        name = model.get("unk_token")
        if name is None:
            place = model.get("unk_id")
            return None if place is None else int(place)
        return self.pieces.token_to_id(name)


def is_static(path: str | PathLike) -> bool:
    """Whether a path is a folder with static embeddings in one of the layouts."""
    return Path(path).is_dir() and _files(Path(path)) is not None


def read_static(path: str | PathLike) -> StaticEmbeddings:
    """Read a folder of static embeddings.

    Raises:
        UserError: a file is missing, damaged or no table; ``tokenizers`` is not installed.

    Example:
        ``read_static("potion-base-8M").vectors([b"film"])``
    """
    folder = Path(path)
    files = _files(folder)
    if files is None:
        raise UnreadableFile(
            f"{path}: no static embeddings; give a folder with model.safetensors and tokenizer.json"
        )
    arrays, pieces = _arrays(files[0]), _tokenizer(files[1])
    tables = [arrays[name] for name in _TABLES if name in arrays]
    if not tables or tables[0].ndim != 2 or not tables[0].size:
        raise UnreadableFile(
            f"{files[0]}: holds no table named {' or '.join(_TABLES)} but {', '.join(sorted(arrays)) or 'nothing'}; "
            "give a model of Model2Vec, Sentence Transformers (static) or wordllama"
        )
    table = tables[0].astype(np.float32)
    if not np.isfinite(table).all():
        raise UnreadableFile(f"{files[0]}: a vector holds a value that is no number; download the file again")
    weights, mapping = arrays.get("weights"), arrays.get("mapping")
    if mapping is not None:
        mapping = mapping.astype(np.int64)
        if mapping.ndim != 1 or mapping.min(initial=0) < 0 or mapping.max(initial=0) >= len(table):
            raise UnreadableFile(f"{files[0]}: mapping names rows that its table of {len(table)} lacks")
    size = len(table) if mapping is None else len(mapping)
    if weights is not None and weights.shape != (size,):
        raise UnreadableFile(f"{files[0]}: {weights.shape} weights for {size} pieces; download it again")
    about = _json(folder / "config.json") if (folder / "config.json").is_file() else {}
    weighed = weights is not None or bool(about.get("apply_zipf") or about.get("sif_coefficient"))
    return StaticEmbeddings(
        pieces, table, None if weights is None else weights.astype(np.float32), mapping, weighed
    )


def _files(folder: Path) -> tuple[Path, Path] | None:
    """The arrays and the tokenizer of a folder, None where it is of another kind."""
    own = folder / "model.safetensors", folder / "tokenizer.json"
    if all(file.is_file() for file in own):
        return own
    tables = sorted((folder / "weights").glob("*.safetensors"))
    for table in tables:  # wordllama's: l2_supercat_256.safetensors, l2_supercat_tokenizer_config.json
        name = table.stem.rsplit("_", 1)[0]
        cut = folder / "tokenizers" / f"{name}_tokenizer_config.json"
        if cut.is_file():
            return table, cut
    return None


def _arrays(file: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    from ftcore.formats.checkpoint import NO_ARRAYS

    try:
        return load_file(file)
    except (OSError, *NO_ARRAYS) as error:
        raise UnreadableFile(f"{file}: cannot be read as safetensors ({error}); download it again") from error


def _tokenizer(file: Path) -> Pieces:
    try:
        from tokenizers import Tokenizer
    except ModuleNotFoundError as error:
        raise UserError(
            f'{file}: reading a tokenizer needs the package tokenizers; pip install "ftcore[static]"'
        ) from error
    _json(file)  # names the place of damage, which tokenizers does not
    try:
        made = Tokenizer.from_file(str(file))
    except Exception as error:  # the class that tokenizers raises is Exception itself
        raise UnreadableFile(f"{file}: no tokenizer ({error}); download it again") from error
    made.no_padding()
    made.no_truncation()
    return made


def _json(file: Path) -> dict[str, Any]:
    try:
        made = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{file}: cannot be read as JSON ({error}); download it again") from error
    if not isinstance(made, dict):
        raise UnreadableFile(f"{file}: is {type(made).__name__}, not an object; download it again")
    return made
