"""Raw text to space-joined tokens: the one way there, in preparation and in serving alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from ftcore.base.strings import strings
from ftcore.config import Text, digest
from ftcore.errors import IncompatibleModel
from ftcore.text import earlier
from ftcore.text.documents import REJECTED, TOKENIZED, empty
from ftcore.text.emoji import is_emoji
from ftcore.text.language import language
from ftcore.text.marks import is_mark
from ftcore.text.normalize import fold, normalize, spelled
from ftcore.text.segment import Segmenter, UserWord, read_user_dict
from ftcore.text.state import read_state
from ftcore.text.stopwords import stopwords

LABEL, EOS = "__label__", "</s>"  # what fastText takes for a label and for the end of a line
_VERSION = 2
_READ = (1, 2)  # 1: see `ftcore.text.earlier`
_MEMO_ENTRIES, _MEMO_CHARS = 60_000, 32  # about 20 MB in all; English with its capitals has twice the tokens


class Tokenizer:
    """Normalisation, segmentation, punctuation and stopwords, by `config.Text`.

    A token never holds white space. A token of the text that fastText would take for a label or for
    its end of line (``__label__…``, ``</s>``) gets the full-width form of its first character:
    ``＿_label__…``, ``＜/s>``.

    Text keeps its capitals until it is cut, since jieba's words have them (T恤, A股) and the user's may:
    without protected spans the tokens are jieba's, in lower case. Whatever else normalisation changes is
    changed before, and in the user's words and stopwords alike.

    Args:
        text: the options.
        user_words: jieba user words instead of those in the files of ``segment.user_dict``.
        stop: stopwords instead of those that ``stopwords`` of the options makes.
        version: of the rules; 1 makes the tokens that ftcore 0.1 made (`from_state` asks for them).

    Raises:
        UserError: a user dictionary or a stopword list is missing or unreadable.

    Example:
        >>> Tokenizer().tokenize(["我用C++写程序。", "I don't <b>like</b> it!"])
        ['我用 c++ 写 程序', "i don't like it"]
    """

    def __init__(
        self,
        text: Text = Text(),  # noqa: B008 - frozen
        *,
        user_words: Sequence[UserWord] | None = None,
        stop: Sequence[str] | None = None,
        version: int = _VERSION,
    ) -> None:
        if user_words is None:
            user_words = [word for path in text.segment.user_dict for word in read_user_dict(path)]
        self.user_words: list[UserWord] = [(word, freq, tag) for word, freq, tag in user_words]
        shape = text.normalize
        if stop is None:
            stop = stopwords(text.stopwords, lambda words: spelled(words, shape))
        self._stop = frozenset(stop)
        # the content travels, so the paths no longer matter
        self.text = text.model_copy(
            update={
                "segment": text.segment.model_copy(update={"user_dict": []}),
                "stopwords": text.stopwords.model_copy(update={"lists": []}),
            }
        )
        self.counts: Counter[str] = Counter()
        self.version = version
        words = self.user_words
        if version > 1:
            same = spelled([word for word, _, _ in words], shape)
            words = [(new, freq, tag) for new, (_, freq, tag) in zip(same, words, strict=True) if new]
        self._segmenter = Segmenter(text.segment, words, wide=version > 1)
        marks = text.segment.marks
        cleaned = _Cleaned(
            text.segment.punctuation,
            shape.lowercase and version > 1,
            earlier.is_mark if version == 1 else lambda token: is_mark(token, marks),
        )
        stop = self._stop  # words in lower case: where case stays they must match The and THE
        stopped = (
            stop.__contains__ if shape.lowercase else lambda token: token in stop or token.lower() in stop
        )
        self._chunks = _Chunks(self._segmenter.cut_chunk, cleaned, stopped if stop else None)

    # ------------------------------------------------------------------------------------ text to tokens
    def tokenize(self, texts: Sequence[str]) -> list[str]:
        """Space-joined tokens of each text; "" where none are left."""
        return self._tokens(self._normalized(list(texts)).to_pylist())

    def keys(self, texts: Sequence[str]) -> list[str]:
        """The `key` of each text: what exact duplicates share, and the `id` of a document in the shards."""
        counted = self.counts.copy()
        clean = self._normalized(list(texts))
        self.counts = counted  # looking a text up is no work of the preparation's
        return self._keys(clean)

    def apply(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """A `DOCUMENT` batch as `TOKENIZED`: fills `language`, appends `tokens` and `key`; rejects nothing.

        `key` is the xxh3-128 (32 hex digits) of the normalised text, in lower case where tokens are.
        """
        clean = self._normalized(batch.column("text"))
        given = batch.column("language")
        languages = pc.if_else(pc.equal(given, ""), language(clean), given)
        texts, keys = clean.to_pylist(), self._keys(clean)
        columns = [batch.column(name) for name in ("source", "line", "text", "labels")]
        columns += [languages, batch.column("split")]
        columns += [strings(self._tokens(texts)), strings(keys)]
        return pa.RecordBatch.from_arrays(columns, schema=TOKENIZED), empty(REJECTED)

    def _keys(self, clean: pa.Array) -> list[str]:
        folded = fold(clean) if self.text.normalize.lowercase else clean
        return [xxhash.xxh3_128_hexdigest(text.encode()) for text in folded.to_pylist()]

    def _normalized(self, texts: pa.Array | Sequence[str]) -> pa.Array:
        """As they are cut, which is with their capitals."""
        options = self.text.normalize
        if self.version == 1:
            return earlier.normalize(texts, options, self.counts)
        return normalize(texts, options.model_copy(update={"lowercase": False}), self.counts)

    def _tokens(self, texts: Sequence[str]) -> list[str]:
        lines = [self._chunks.line(text) for text in texts]
        self.counts.update(self._chunks.removed())
        return lines

    # ------------------------------------------------------------------------------------ state
    def state(self) -> dict[str, Any]:
        """All that is needed to make the same tokens elsewhere, without any file; JSON-able."""
        text = self.text.model_dump(mode="json")
        if self.version == 1:
            del text["segment"]["marks"]  # nor had it any: the digest stays
        if text["segment"]["engine"] == "native":
            del text["segment"]["engine"]  # as before there was another
        if not text["normalize"]["mask"]:
            del text["normalize"]["mask"]  # as before there was any
        return {
            "version": self.version,
            "jieba": version("jieba"),
            "text": text,
            "user_words": [list(word) for word in self.user_words],
            "stopwords": sorted(self._stop),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Tokenizer | Whitespace:
        """The tokenizer whose `state` this is, also that of a `Whitespace`, with the rules it was made with.

        Raises:
            UserError: it was made by a later version of ftcore, or with another version of jieba.
        """
        made = state.get("version")
        if made not in _READ:
            raise IncompatibleModel(
                f"tokenizer state of version {repr(made)[:60]}; this ftcore reads up to {_VERSION}: install the ftcore it was made with"
            )
        if state.get("kind") == Whitespace.kind:
            return Whitespace()
        known = read_state(state)
        if known.jieba != version("jieba"):
            raise IncompatibleModel(
                f"the tokenizer was made with jieba {known.jieba}, and {version('jieba')} is installed, which may cut "
                f"other words; pip install jieba=={known.jieba}"
            )
        return cls(known.text, user_words=known.user_words, stop=known.stopwords, version=made)

    def __reduce__(self) -> tuple:
        """Copied and shipped as its state: jieba's 20 MB stay behind, and counts start at 0."""
        return type(self).from_state, (self.state(),)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of options, jieba's version, user dictionary and stopwords."""
        return digest(self.state())


class Whitespace:
    """Tokens as they stand between white space, nothing changed.

    This is fastText's own way, for text that is segmented already. A line break is a space.

    Example:
        >>> Whitespace().tokenize(["Don't change  this!"])
        ["Don't change  this!"]
    """

    kind = "whitespace"

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()  # nothing is ever removed

    def tokenize(self, texts: Sequence[str]) -> list[str]:
        """The texts; whoever reads tokens splits them (`ftcore.dictionary.tokens.split`)."""
        return [text.replace("\n", " ") for text in texts]

    def state(self) -> dict[str, Any]:
        """JSON-able; `Tokenizer.from_state` reads it."""
        return {"version": 1, "kind": self.kind}

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the state."""
        return digest(self.state())


class _Chunks(dict):
    """What stands between white space -> its tokens as they go on, with spaces between.

    Words come again and again: most of a text is looked up. What chunks lost is counted beside.

    Args:
        stopped: whether a token is a stopword; None where there are none.
    """

    def __init__(
        self, cut: Callable[[str], list[str]], cleaned: _Cleaned, stopped: Callable[[str], bool] | None
    ) -> None:
        super().__init__()
        self._cut, self._clean, self._stopped = cut, cleaned.__getitem__, stopped
        self._lost: dict[
            str, tuple[int, int]
        ] = {}  # chunk -> punctuation and stopwords, where there were any
        self._marks = self._stops = 0

    def line(self, text: str) -> str:
        """Space-joined tokens of a text."""
        if len(self) >= _MEMO_ENTRIES:
            self.clear()
            self._lost.clear()
        chunks = text.split()
        line = " ".join(filter(None, map(self.__getitem__, chunks)))
        for marks, stops in filter(None, map(self._lost.get, chunks)):
            self._marks += marks
            self._stops += stops
        return line

    def __missing__(self, chunk: str) -> str:
        tokens = self._cut(chunk)
        kept = [token for token in map(self._clean, tokens) if token]
        marks, stops = len(tokens) - len(kept), len(kept)
        if self._stopped is not None:
            kept = [token for token in kept if not self._stopped(token)]
        stops -= len(kept)
        joined = " ".join(kept)
        if len(chunk) <= _MEMO_CHARS and len(self) < _MEMO_ENTRIES:
            self[chunk] = joined
            if marks or stops:
                self._lost[chunk] = marks, stops
        else:
            self._marks += marks
            self._stops += stops
        return joined

    def removed(self) -> Counter[str]:
        """What was dropped since this was asked last."""
        counted = {"punctuation": self._marks, "stopwords": self._stops}
        self._marks = self._stops = 0
        return Counter({name: number for name, number in counted.items() if number})


class _Cleaned(dict):
    """Token as it comes from the segmenter -> token as it goes on, "" where it is dropped."""

    def __init__(self, punctuation: str, lower: bool, is_mark: Callable[[str], bool]) -> None:
        super().__init__()
        self._punctuation, self._lower, self._is_mark = punctuation, lower, is_mark

    def __missing__(self, token: str) -> str:
        if not self._is_mark(token):
            cleaned = escape(_lower(token) if self._lower else token)
        elif self._punctuation == "remove":
            cleaned = ""
        elif self._punctuation == "split":
            cleaned = token if is_emoji(token) else " ".join(token)
        else:
            cleaned = escape(token)
        if len(token) <= 32:
            if len(self) >= _MEMO_ENTRIES:
                self.clear()
            self[token] = cleaned
        return cleaned


def _lower(token: str) -> str:
    """In lower case; İ becomes i, since its own has two characters and would make another word."""
    return token.replace("İ", "i").lower()


def escape(token: str) -> str:
    """Keep a token of the text apart from fastText's own.

    Example:
        >>> escape("__label__x"), escape("</s>"), escape("label")
        ('＿_label__x', '＜/s>', 'label')
    """
    if token.startswith(LABEL) or token == EOS:
        return chr(ord(token[0]) + 0xFEE0) + token[1:]
    return token
