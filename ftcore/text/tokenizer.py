"""Raw text to space-joined tokens: the one way there, in preparation and in serving alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from xxhash import xxh3_128_hexdigest

from ftcore import native
from ftcore.base.cores import usable_threads
from ftcore.base.strings import string_buffers, string_column, strings
from ftcore.config import Text, digest
from ftcore.errors import IncompatibleModel
from ftcore.reading.documents import REJECTED, TOKENIZED, empty
from ftcore.text import earlier, steps
from ftcore.text.language import language
from ftcore.text.letters import letters, speaking
from ftcore.text.normalize import by_patterns, fold, normalize, spelled
from ftcore.text.segment import Segmenter, UserWord, read_user_dict, word_table
from ftcore.text.state import read_state
from ftcore.text.stopwords import stopwords

_VERSION = 2
_READ = (1, 2)  # 1: see `ftcore.text.earlier`


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
            self._stop = stopwords(text.stopwords, lambda words: spelled(words, shape))
        else:
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
        self._words = tuple(words)
        self._lexicon: native.Lexicon | None = None  # made at the first Chinese text
        self._reference = (
            Segmenter(text.segment, words, version > 1) if text.segment.engine == "reference" else None
        )
        segment, marks = text.segment, frozenset(text.segment.marks)
        self._cutter = native.TokenCutter(
            letters(),
            protect=segment.protect,
            hmm=segment.hmm,
            wide=version > 1,
            lower=shape.lowercase and version > 1,
            cased=not shape.lowercase,  # words in lower case must match The and THE
            marks=("remove", "keep", "split").index(segment.punctuation),
            speaking=speaking(marks),
            pictures=not marks & {"S", "So"},
            stop=[
                word.encode("utf-8", "surrogatepass") for word in sorted(self._stop)
            ],  # half a character is in no text
        )

    # ------------------------------------------------------------------------------------ text to tokens
    def tokenize(self, texts: Sequence[str], threads: int | None = None) -> list[str]:
        """Space-joined tokens of each text; "" where none are left. `threads`: default one a core."""
        return self.tokens(list(texts), threads).to_pylist()

    def tokens(self, texts: pa.Array | Sequence[str], threads: int | None = None) -> pa.Array:
        """Space-joined tokens of each text of a column, as a column of strings.

        Args:
            texts: of type string, or a list.
            threads: default: one a core.
        """
        return self._tokens(self._normalized(texts), threads)

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
        keys = self._keys(clean)
        columns = [batch.column(name) for name in ("source", "line", "text", "labels")]
        columns += [languages, batch.column("split")]
        columns += [self._tokens(clean, 1), strings(keys)]  # parts are worked on side by side
        return pa.RecordBatch.from_arrays(columns, schema=TOKENIZED), empty(REJECTED)

    def _keys(self, clean: pa.Array) -> list[str]:
        folded = fold(clean) if self.text.normalize.lowercase else clean
        data, offsets = string_buffers(folded)
        text, cuts = data.data, offsets.tolist()
        return [xxh3_128_hexdigest(text[begin:end]) for begin, end in pairwise(cuts)]

    def _normalized(self, texts: pa.Array | Sequence[str]) -> pa.Array:
        """As they are cut, which is with their capitals."""
        options = self.text.normalize
        if self.version == 1:
            return earlier.normalize(texts, options, self.counts)
        rules = by_patterns if self._reference is not None else normalize
        return rules(texts, options.model_copy(update={"lowercase": False}), self.counts)

    def _tokens(self, clean: pa.Array, threads: int | None) -> pa.Array:
        if self._reference is not None:
            return self._by_steps(clean, self._reference)
        data, offsets = string_buffers(clean)
        threads = usable_threads(threads)
        made = self._cutter.cut(data, offsets, self._lexicon, threads)
        if made is None:
            self._lexicon = word_table(self._words).lexicon
            made = self._cutter.cut(data, offsets, self._lexicon, threads)
            assert made is not None
        text, ends, marks, stops = made
        self.counts.update({name: n for name, n in (("punctuation", marks), ("stopwords", stops)) if n})
        return string_column(text, ends)

    def _by_steps(self, clean: pa.Array, segmenter: Segmenter) -> pa.Array:
        lines = []
        for text in clean.to_pylist():
            tokens, marks, stops = steps.line(text, self.text, self._stop, self.version, segmenter.cut_chunk)
            lines.append(tokens)
            self.counts.update({name: n for name, n in (("punctuation", marks), ("stopwords", stops)) if n})
        return strings(lines)

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

    def tokenize(self, texts: Sequence[str], threads: int | None = None) -> list[str]:
        """The texts; whoever reads tokens splits them (`ftcore.dictionary.tokens.split`)."""
        return [text.replace("\n", " ") for text in texts]

    def state(self) -> dict[str, Any]:
        """JSON-able; `Tokenizer.from_state` reads it."""
        return {"version": 1, "kind": self.kind}

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the state."""
        return digest(self.state())
