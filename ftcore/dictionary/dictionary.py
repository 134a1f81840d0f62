"""fastText's dictionary: words, labels, their order, and the hash buckets that have a row.

Source: fastText 0.9.3 ``src/dictionary.cc`` (``readFromFile``, ``threshold``, ``initNgrams``,
``getLine``). Differences, both on purpose: in `Dictionary.build` labels arrive apart from the tokens (a
token that starts with ``__label__`` is a word), and only buckets that occur have a row (`bucket_rows`), so the
table of a model trained here has ``nwords + len(buckets)`` rows instead of ``nwords + bucket``.

Two numberings of features: *full* is fastText's (word id, or nwords + bucket), *rows* is the table's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ftcore import native
from ftcore.base.cores import usable_threads
from ftcore.dictionary.bucket_rows import BucketRows, KeptBuckets, OccurringBuckets
from ftcore.dictionary.init import bucket_numbers, word_numbers
from ftcore.dictionary.lookup import WordIndex, Words, label_bytes, label_text
from ftcore.dictionary.numbering import Numbering
from ftcore.dictionary.tokens import encode as encode
from ftcore.dictionary.tokens import padded, text_of_lines
from ftcore.dictionary.tokens import split as split
from ftcore.errors import EmptyVocabulary, UserError

if TYPE_CHECKING:
    from ftcore import config
    from ftcore.dictionary import counting
    from ftcore.dictionary.lines import Lines
    from ftcore.dictionary.stored import Stored

_CHUNK = 512  # lines a thread makes features of at a time
_NONE = np.zeros(0, np.int32), np.zeros(1, np.int64)  # subwords of no word


class Dictionary:
    """Words and labels with counts, in fastText's order; features of a line of tokens.

    Attributes:
        words: list[bytes], ids 0..nwords-1.
        labels: list[str], ids 0..nlabels-1.
        counts: int64[nwords].
        label_counts: int64[nlabels].
        ntokens: tokens read, out-of-vocabulary ones, ends of line and labels included.
        options: `Numbering`.
        short: how much a count may be short, where it was counted just now; 0: it is exact.
        bucket_rows: `BucketRows`, which buckets have a row, behind the words' rows; default: none has yet.

    Example:
        >>> d = Dictionary.build([(["x"], "b a b"), (["y"], "b")], Numbering())
        >>> d.words, d.labels, d.features("b new a").tolist()
        ([b'b', b'</s>', b'a'], ['x', 'y'], [0, 2, 1])
    """

    short = 0

    def __init__(
        self,
        words: list[bytes] | Words,
        labels: list[str] | Words,
        counts: np.ndarray,
        label_counts: np.ndarray,
        ntokens: int,
        options: config.DictionaryOptions | Numbering,
        bucket_rows: BucketRows | None = None,
    ) -> None:
        self.packed_words = Words.of(words)
        self.packed_labels = (
            labels if isinstance(labels, Words) else Words.of([label_bytes(name) for name in labels])
        )
        self.ntokens = int(ntokens)
        self.counts = np.asarray(counts, np.int64)
        self.label_counts = np.asarray(label_counts, np.int64)
        self.options = Numbering.of(options)
        self.bucket_rows = bucket_rows or OccurringBuckets()
        if self.bucket_rows.seeded and self.nwords + self.bucket >= 1 << 31:  # a file is asked by its reader
            raise UserError(
                f"{self.bucket} buckets and {self.nwords} words: features are numbered with 32 bits; "
                "set a smaller bucket"
            )

    # ------------------------------------------------------------------------------------- building
    @classmethod
    def build(
        cls,
        documents: Iterable[tuple[Sequence[str], str | bytes]],
        options: config.DictionaryOptions | Numbering,
    ) -> Dictionary:
        """Count documents (labels, space-joined tokens); an end of line follows each.

        Every character n-gram of a vocabulary word gets a row. Those of other words and word n-grams
        get theirs where documents are encoded (`encode_bags(..., grow=True)`).

        Raises:
            UserError: no word is left.
        """
        from ftcore.dictionary import counting

        names: dict[str, int] = {}
        found = counting.count_pruning(counting.marked(documents, names), counting.MARK)
        return cls.of_counts(found, list(names), options)

    @classmethod
    def of_counts(
        cls, found: counting.Counted, known: Sequence[str], options: config.DictionaryOptions | Numbering
    ) -> Dictionary:
        """A dictionary of what was counted, labels as marks (`counting.MARK`) with their place in `known`.

        Raises:
            UserError: no word is left.
        """
        from ftcore.dictionary import counting

        kept, nwords = counting.in_order(found, options.min_count, options.min_count_label, counting.MARK)
        numbers = [int(label[len(counting.MARK) :]) for label in found.words.take(kept[nwords:]).list()]
        labels = Words.of([label_bytes(known[i]) for i in numbers])
        return cls._counted(found, kept, nwords, labels, options)

    @classmethod
    def read(
        cls,
        lines: Lines,
        options: config.DictionaryOptions | Numbering,
        *,
        label: str = "__label__",
        threads: int | None = None,
    ) -> Dictionary:
        """Count the words and labels of a text in fastText's format, with fastText's ids, ties included.

        Labels are the words that start with ``label`` (none if it is empty); they keep it. Every newline is
        an end of line, a word too; a last line without one has none. The result is the same for any number
        of ``threads`` (default: the cores this process may use).

        Source: fastText 0.9.3 ``src/dictionary.cc``, ``readFromFile`` (238-268).

        Raises:
            UserError: no word is left.

        Example:
            >>> from ftcore.dictionary.lines import Lines
            >>> d = Dictionary.read(Lines(["__label__x b a b"]), Numbering())
            >>> d.words, d.labels, d.ntokens
            ([b'b', b'a', b'</s>'], ['__label__x'], 5)
        """
        from ftcore.dictionary import counting

        prefix = label_bytes(label)
        threads = usable_threads(threads)
        found = counting.count(lines.blocks(whole_lines=False), threads, prefix)
        if found is None:
            found = counting.count_pruning(lines.blocks(whole_lines=False), prefix)
        kept, nwords = counting.in_order(found, options.min_count, options.min_count_label, prefix)
        return cls._counted(found, kept, nwords, found.words.take(kept[nwords:]), options)

    @classmethod
    def _counted(
        cls,
        found: counting.Counted,
        kept: np.ndarray,
        nwords: int,
        labels: Words,
        options: config.DictionaryOptions | Numbering,
    ) -> Dictionary:
        if nwords == 0:
            raise EmptyVocabulary(
                f"Empty vocabulary. Try a smaller min_count (now {options.min_count}): "
                f"{found.ntokens} tokens were read and no word occurs that often.",
                options.min_count,
                found.ntokens,
            )
        counts = found.counts[kept]
        words = found.words.take(kept[:nwords])
        made = cls(words, labels, counts[:nwords], counts[nwords:], found.ntokens, options)
        made.short = found.short
        made._add_own_buckets()
        return made

    def changed(self, **parts: Any) -> Dictionary:
        """A dictionary with other parts, named as its arguments are; it shares the rest."""
        own: dict[str, Any] = {
            "words": self.packed_words, "labels": self.packed_labels, "counts": self.counts,
            "label_counts": self.label_counts, "ntokens": self.ntokens, "options": self.options,
            "bucket_rows": self.bucket_rows,
        }  # fmt: skip
        made = Dictionary(**(own | parts))
        index = vars(self).get("word_index")
        if index is not None and made.packed_words is self.packed_words:
            made.word_index = index  # of the same words; tasks on one table share it
        return made

    def copy(self) -> Dictionary:
        """An independent copy: growing its buckets leaves this one as it is."""
        return self.changed(counts=self.counts.copy(), label_counts=self.label_counts.copy())

    def complete(self) -> Dictionary:
        """The same with a row for each bucket, as a file has it, unless it was cut off; it shares the arrays."""
        rows = self.bucket_rows.complete()
        return self if rows is self.bucket_rows else self.changed(bucket_rows=rows)

    def cut_off(self, words: np.ndarray, pairs: np.ndarray) -> Dictionary:
        """What is left where rows go.

        Args:
            words: int64[n], ids of the words that stay, sorted.
            pairs: int32[m, 2], bucket and place of the row of each n-gram that stays.
        """
        return self.changed(
            words=self.packed_words.take(words), counts=self.counts[words], bucket_rows=KeptBuckets(pairs)
        )

    def merge(self, other: Dictionary, labels: bool = False) -> Dictionary:
        """This dictionary with another's words behind its own: how fine-tuning gains pretrained rows.

        Words keep their ids here; those only the other has follow in its order, with its counts. The
        other's buckets are taken over where both hash character n-grams alike (minn, maxn, bucket),
        otherwise its bucket rows would mean something else here. Options and ntokens stay.

        Args:
            labels: add the other's labels too, in the same way.
        """
        new = np.flatnonzero(self.word_index.find(other.packed_words) < 0)
        more = [i for i, name in enumerate(other.labels) if labels and name not in self.label_index]
        merged = self.changed(
            words=self.packed_words + other.packed_words.take(new),
            labels=self.packed_labels + other.packed_labels.take(np.array(more, np.int64)),
            counts=np.concatenate([self.counts, other.counts[new]]),
            label_counts=np.concatenate([self.label_counts, other.label_counts[more]]),
        )
        if self.same_subwords(other):
            merged.add_buckets(other.buckets)
        merged._add_own_buckets()
        return merged

    def same_subwords(self, other: Dictionary) -> bool:
        """Whether both number the character n-grams of a word alike."""
        a, b = self.options, other.options
        return a.maxn > 0 and (a.minn, a.maxn, a.bucket) == (b.minn, b.maxn, b.bucket)

    def add_buckets(self, buckets: np.ndarray) -> None:
        """Give rows to more buckets. Rows of existing buckets shift, words keep theirs."""
        self.bucket_rows = self.bucket_rows.grown(buckets, self.bucket)

    def _add_own_buckets(self) -> None:
        """Rows for the character n-grams of the vocabulary."""
        ids = self._vocabulary[0]
        self.add_buckets(ids[ids >= self.nwords] - self.nwords)

    # ------------------------------------------------------------------------------------ sizes, ids
    @property
    def nwords(self) -> int:
        """Words, ``</s>`` among them."""
        return len(self.packed_words)

    @property
    def nlabels(self) -> int:
        """Labels."""
        return len(self.packed_labels)

    @cached_property
    def words(self) -> list[bytes]:
        """The words, made into Python objects when first asked for."""
        return self.packed_words.list()

    @cached_property
    def labels(self) -> list[str]:
        """The labels. Bytes that are no UTF-8 become lone surrogates; `label_bytes` turns them back."""
        return [label_text(data) for data in self.packed_labels.list()]

    @property
    def rows(self) -> int:
        """Rows of the input table."""
        return self.nwords + self.bucket_rows.count(self.bucket)

    @property
    def bucket(self) -> int:
        """Number of buckets; 0 where no n-grams are used."""
        return self.options.buckets

    @property
    def buckets(self) -> np.ndarray:
        """The buckets that have a row, sorted: int32[n]."""
        return self.bucket_rows.ids(self.bucket)

    @property
    def whole(self) -> bool:
        """Whether every feature has a row, the one of its number."""
        return self.bucket_rows.whole or self.bucket == 0

    @property
    def label_bytes(self) -> list[bytes]:
        """The labels as a file holds them."""
        return self.packed_labels.list()

    @cached_property
    def index(self) -> dict[bytes, int]:
        """Word -> id, as a Python dict; `word_index` finds many at once."""
        return {word: i for i, word in enumerate(self.words)}

    @cached_property
    def word_index(self) -> WordIndex:
        """Finds words."""
        return WordIndex(self.packed_words)

    @cached_property
    def entry_index(self) -> WordIndex:
        """Finds words, and labels as nwords + id."""
        return WordIndex(self.packed_words + self.packed_labels) if self.nlabels else self.word_index

    def word_id(self, word: bytes) -> int:
        """Id of a word, -1 where it is none."""
        return int(self.word_index.find([word])[0])

    @property
    def eos(self) -> int:
        """Id of the end of line, -1 out of the vocabulary."""
        return self.word_index.eos

    @cached_property
    def label_index(self) -> dict[str, int]:
        """Label -> id."""
        return {label: i for i, label in enumerate(self.labels)}

    def numbers(self) -> np.ndarray:
        """Row numbers of the whole table for `initial_rows`: int64[rows]."""
        return np.concatenate([word_numbers(self.nwords), bucket_numbers(self.buckets)])

    def to_rows(self, ids: np.ndarray) -> np.ndarray:
        """Full numbering -> rows of the table, -1 where the bucket has no row: int64, same length."""
        rows = self.to_signed(ids)
        rows[rows < 0] = -1
        return rows

    def to_signed(self, ids: np.ndarray) -> np.ndarray:
        """Full numbering -> rows of the table, ``-1 - bucket`` where the bucket has no row: int64."""
        ids = np.asarray(ids, np.int64)
        if self.bucket_rows.whole:
            return ids.copy()
        buckets = ids - self.nwords
        place = self.bucket_rows.places(buckets)
        return np.where(buckets < 0, ids, np.where(place < 0, -1 - buckets, self.nwords + place))

    def row_table(self) -> np.ndarray | None:
        """Row of every bucket, -1 where it has none: int32[bucket]; None where all have (nwords + bucket)."""
        return self.bucket_rows.table(self.bucket, self.nwords)

    # --------------------------------------------------------------------------------------- features
    def subwords(self, word: bytes) -> np.ndarray:
        """The word's own id (if it has one), then its character n-grams; full numbering, int64."""
        found = native.word_features(padded(word), self.word_vocabulary)
        return found[int(found[0] < 0) :].astype(np.int64)

    def subword_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows of every word's `subwords`: (rows int32[N], offsets int64[nwords + 1])."""
        ids, offsets = self._vocabulary
        return self.to_rows(ids).astype(np.int32), offsets

    def features(self, tokens: str | bytes, eos: bool = True) -> np.ndarray:
        """Features of a line in the supervised sense: int64[n], full numbering.

        Words and their n-grams token by token, the end of line (if ``eos``), then word n-grams. A ``</s>``
        ends the line.
        """
        return self.features_of([tokens], eos)[0].astype(np.int64)

    def features_of(
        self, lines: Sequence[str | bytes], eos: bool = True, *, label: str | None = None, threads: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        """`features` of many lines: (full numbering int32[N], offsets int64[len + 1]).

        Args:
            eos: each line ends with an end of line.
            label: words that start with this prefix are labels, no features, as in a `.bin` (None: all are
                words). Entries of the dictionary are what they are there.
        """
        from ftcore.base.threads import ahead

        chunks = [lines[i : i + _CHUNK] for i in range(0, len(lines), _CHUNK)]
        make = lambda chunk: self.line_features(text_of_lines(chunk), eos=eos, label=label)[:2]  # noqa: E731
        self.prepare(label)
        parts = list(ahead(make, ((chunk,) for chunk in chunks), threads if len(chunks) > 1 else 1))
        return parts[0] if len(parts) == 1 else _joined(parts)

    def prepare(self, label: str | None) -> None:
        """Make what `line_features` needs, before threads ask for it at once."""
        self.vocabulary(label)

    def line_features(
        self, text: np.ndarray, *, eos: bool = True, rest: bool = False, label: str | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """`native.line_features` of a text (uint8, padded) with this dictionary: features and labels of its lines."""
        return native.line_features(text, eos, rest, self.vocabulary(label))

    def vocabulary(self, label: str | None = None) -> native.Vocabulary:
        """What the native core needs to know of this dictionary to make `features` of lines.

        Args:
            label: as in `features_of`.
        """
        made = self._vocabularies.get(label)
        if made is None:
            # those of all words only where they are there already, as after training
            made = self._vocabularies[label] = self._native(label, *vars(self).get("_vocabulary", _NONE))
        return made

    @cached_property
    def word_vocabulary(self) -> native.Vocabulary:
        """The same for words alone, which costs no pass over the words."""
        return self._native(None, *_NONE)

    def _native(self, label: str | None, known: np.ndarray, cuts: np.ndarray) -> native.Vocabulary:
        o, index = self.options, self.word_index if label is None else self.entry_index
        return native.Vocabulary(
            index.table, self.nwords, index.eos, label_bytes(label or ""), known, cuts,
            o.minn, o.maxn, o.word_ngrams, self.bucket,
        )  # fmt: skip

    @cached_property
    def _vocabularies(self) -> dict[str | None, native.Vocabulary]:
        return {}

    def __getstate__(self) -> dict:
        """Without what is made when first asked for."""
        made = {name for name, value in vars(type(self)).items() if isinstance(value, cached_property)}
        return {name: value for name, value in vars(self).items() if name not in made}

    def word_ids(self, tokens: Sequence[bytes]) -> np.ndarray:
        """Ids of tokens, -1 out of the vocabulary: int32[len]."""
        return self.word_index.find(tokens)

    @cached_property
    def _vocabulary(self) -> tuple[np.ndarray, np.ndarray]:
        """`subwords` of every word in full numbering: (int32[N], offsets int64[nwords + 1])."""
        words, o = self.packed_words, self.options
        return native.subwords(words.blob, words.offsets, o.minn, o.maxn, self.bucket, self.eos)

    # ------------------------------------------------------------------------------------------ state
    def state(self) -> dict[str, np.ndarray]:
        """Everything as arrays (for safetensors); `from_state` is the inverse."""
        words, labels = self.packed_words, self.packed_labels
        return {
            "words": words.blob[: -native.PAD], "word_offsets": words.offsets, "counts": self.counts,
            "labels": labels.blob[: -native.PAD], "label_offsets": labels.offsets, "label_counts": self.label_counts,
            "ntokens": np.array([self.ntokens], np.int64),
            "options": np.frombuffer(self.options.as_json(), np.uint8),
        } | self.bucket_rows.arrays() | self._kind()  # fmt: skip

    def _kind(self) -> dict[str, np.ndarray]:
        """The name of the kind of rows, which a file of ours leaves out where only occurring buckets have one."""
        kind = self.bucket_rows
        return {} if kind.seeded else {"storage": np.frombuffer(kind.name.encode(), np.uint8)}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray] | Stored, place: object = "dictionary") -> Dictionary:
        """The dictionary whose `state` this is; ``place`` is the file it comes from, for messages.

        Raises:
            UserError: it names the file and the array where one is missing or holds nonsense.
        """
        from ftcore.dictionary.stored import Stored

        stored = state if isinstance(state, Stored) else Stored(state, place)
        kind = stored.text("storage") if "storage" in stored else OccurringBuckets.name
        ntokens = stored.numbers("ntokens", np.int64, (1,), 0, (1 << 62) - 1)[0]
        return cls.restored(stored, stored.json("options"), kind, ntokens)

    @classmethod
    def restored(cls, stored: Stored, options: object, kind: object, ntokens: int) -> Dictionary:
        """The dictionary of `state`'s arrays and what a header says of it: options, kind of rows, tokens.

        Raises:
            UserError: as `from_state`.
        """
        from ftcore.dictionary import bucket_rows
        from ftcore.dictionary.stored import check_vocabulary, restored_options

        numbering, arrays = restored_options(stored, options), stored.arrays
        check_vocabulary(stored, numbering)
        return cls(
            Words(arrays["words"], arrays["word_offsets"]), Words(arrays["labels"], arrays["label_offsets"]),
            arrays["counts"], arrays["label_counts"], ntokens, numbering,
            bucket_rows.restored(stored, kind, numbering.buckets),
        )  # fmt: skip


def _joined(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """(values, offsets) of parts laid one behind the other."""
    none = [np.zeros(0, np.int32)]
    sizes = np.concatenate(none + [np.diff(cuts) for _, cuts in parts])
    return np.concatenate(none + [ids for ids, _ in parts]), np.append(0, np.cumsum(sizes)).astype(np.int64)
