"""fastText's dictionary: words, labels, their order, and the hash buckets that have a row.

Source: fastText 0.9.3 ``src/dictionary.cc`` (``readFromFile``, ``threshold``, ``initNgrams``,
``getLine``). Differences, both on purpose: labels arrive apart from the tokens (a token that starts
with ``__label__`` is a word), and only buckets that occur have a row, so the table has
``nwords + len(buckets)`` rows instead of ``nwords + bucket``.

Two numberings of features: *full* is fastText's (word id, or nwords + bucket), *rows* is the table's.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import repeat

import numpy as np

from ftcore import config
from ftcore.corpus.introsort import sort_permutation
from ftcore.errors import UserError
from ftcore.model.hashing import EOS, ngram_buckets, pack, token_hashes, unpack
from ftcore.model.init import bucket_numbers, word_numbers
from ftcore.model.kernel import kernel

MAX_TYPES = 22_500_000  # 0.75 * MAX_VOCAB_SIZE: above it, rare words are dropped while reading
_CHUNK = 1 << 16  # tokens counted at a time


class Dictionary:
    """Words and labels with counts, in fastText's order; features of a line of tokens.

    Attributes:
        words: list[bytes], ids 0..nwords-1. labels: list[str], ids 0..nlabels-1.
        counts: int64[nwords]. label_counts: int64[nlabels].
        ntokens: tokens read, out-of-vocabulary ones, ends of line and labels included.
        options: `config.Dictionary`. storage: which buckets have a row, behind the words' rows:
            "occurring" (trained here), "all" (a `.bin`: row nwords + bucket), "pruned" (a cut-off `.ftz`).
        buckets: sorted int32[n], those that have a row where storage is "occurring".
        prune: int32[n, 2] (bucket, row - nwords) in the file's order where storage is "pruned", else None.

    >>> d = Dictionary.build([(["x"], "b a b"), (["y"], "b")], config.Dictionary())
    >>> d.words, d.labels, d.features("b new a").tolist()
    ([b'b', b'</s>', b'a'], ['x', 'y'], [0, 2, 1])
    """

    def __init__(
        self,
        words: list[bytes],
        labels: list[str],
        counts: np.ndarray,
        label_counts: np.ndarray,
        ntokens: int,
        options: config.Dictionary,
        buckets: np.ndarray | None = None,
        *,
        storage: str = "occurring",
        prune: np.ndarray | None = None,
    ) -> None:
        self.words, self.labels, self.ntokens = words, labels, int(ntokens)
        self.counts = np.asarray(counts, np.int64)
        self.label_counts = np.asarray(label_counts, np.int64)
        base = config.Dictionary.model_fields  # of a Pretrain or Finetune, only this part belongs here
        self.options = config.Dictionary(**{name: getattr(options, name) for name in base})
        self.buckets = np.zeros(0, np.int32) if buckets is None else np.asarray(buckets, np.int32)
        self.storage = storage
        self.prune = None if prune is None else np.asarray(prune, np.int32).reshape(-1, 2)

    # ------------------------------------------------------------------------------------- building
    @classmethod
    def build(
        cls, documents: Iterable[tuple[Sequence[str], str | bytes]], options: config.Dictionary
    ) -> Dictionary:
        """Count documents (labels, space-joined tokens); an end of line follows each.

        Every character n-gram of a vocabulary word gets a row. Those of other words and word n-grams
        get theirs where documents are encoded (`encode_bags(..., grow=True)`).

        Errors: `UserError` when no word is left.
        """
        counts, ntokens = _count(documents)
        keys, values = _threshold(counts, options.min_count, options.min_count_label)
        words = [key for key in keys if isinstance(key, bytes)]
        labels = [key for key in keys if isinstance(key, str)]
        if not words:
            raise UserError(
                f"Empty vocabulary. Try a smaller min_count (now {options.min_count}): "
                f"{ntokens} tokens were read and no word occurs that often."
            )
        at = len(words)
        made = cls(words, labels, values[:at], values[at:], ntokens, options)
        made._add_own_buckets()
        return made

    def copy(self) -> Dictionary:
        """An independent copy: growing its buckets leaves this one as it is."""
        return Dictionary(
            list(self.words), list(self.labels), self.counts.copy(), self.label_counts.copy(),
            self.ntokens, self.options, self.buckets.copy(), storage=self.storage, prune=self.prune,
        )  # fmt: skip

    def merge(self, other: Dictionary, labels: bool = False) -> Dictionary:
        """This dictionary with another's words behind its own: how fine-tuning gains pretrained rows.

        Words keep their ids here; those only the other has follow in its order, with its counts. The
        other's buckets are taken over where both hash character n-grams alike (minn, maxn, bucket),
        otherwise its bucket rows would mean something else here. Options and ntokens stay.

        Args:
            labels: add the other's labels too, in the same way.
        """
        new = [i for i, word in enumerate(other.words) if word not in self.index]
        more = [i for i, name in enumerate(other.labels) if labels and name not in self.label_index]
        merged = Dictionary(
            self.words + [other.words[i] for i in new],
            self.labels + [other.labels[i] for i in more],
            np.concatenate([self.counts, other.counts[new]]),
            np.concatenate([self.label_counts, other.label_counts[more]]),
            self.ntokens,
            self.options,
            self.buckets,
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
        if len(buckets) and self.storage == "occurring":
            self.buckets = np.union1d(self.buckets, np.asarray(buckets, np.int32))

    def _add_own_buckets(self) -> None:
        """Rows for the character n-grams of the vocabulary."""
        ids = self._vocabulary[0]
        self.add_buckets(ids[ids >= self.nwords] - self.nwords)

    # ------------------------------------------------------------------------------------ sizes, ids
    @property
    def nwords(self) -> int:
        return len(self.words)

    @property
    def nlabels(self) -> int:
        return len(self.labels)

    @property
    def rows(self) -> int:
        """Rows of the input table."""
        if self.storage == "all":
            return self.nwords + self.bucket
        return self.nwords + len(self.buckets if self.prune is None else self.prune)

    @property
    def bucket(self) -> int:
        """Number of buckets; 0 where no n-grams are used (``train`` in fasttext.cc sets it so)."""
        unused = self.options.word_ngrams <= 1 and self.options.maxn == 0
        return 0 if unused else self.options.bucket

    @cached_property
    def index(self) -> dict[bytes, int]:
        """Word -> id."""
        return {word: i for i, word in enumerate(self.words)}

    @cached_property
    def label_index(self) -> dict[str, int]:
        """Label -> id."""
        return {label: i for i, label in enumerate(self.labels)}

    def numbers(self) -> np.ndarray:
        """Row numbers of the whole table for `initial_rows`: int64[rows]."""
        return np.concatenate([word_numbers(self.nwords), bucket_numbers(self.buckets)])

    def to_rows(self, ids: np.ndarray) -> np.ndarray:
        """Full numbering -> rows of the table, -1 where the bucket has no row. int64, same length"""
        rows = self.to_signed(ids)
        rows[rows < 0] = -1
        return rows

    def to_signed(self, ids: np.ndarray) -> np.ndarray:
        """Full numbering -> rows of the table, ``-1 - bucket`` where the bucket has no row. int64"""
        ids = np.asarray(ids, np.int64)
        if self.storage == "all":
            return ids.copy()
        if self.prune is not None:
            row = self.bucket_rows()[np.maximum(ids - self.nwords, 0)].astype(np.int64)
            return np.where(ids < self.nwords, ids, np.where(row >= 0, row, self.nwords - 1 - ids))
        if len(self.buckets) == 0:
            return np.where(ids < self.nwords, ids, self.nwords - 1 - ids)
        bucket = ids - self.nwords
        place = np.searchsorted(self.buckets, bucket)
        found = self.buckets[np.minimum(place, len(self.buckets) - 1)] == bucket
        return np.where(bucket < 0, ids, np.where(found, self.nwords + place, -1 - bucket))

    def bucket_rows(self) -> np.ndarray | None:
        """Row of every bucket, -1 where it has none: int32[bucket]; None where all have (nwords + bucket)."""
        if self.storage == "all":
            return None
        rows = np.full(self.bucket, -1, np.int32)
        if self.prune is not None:
            rows[self.prune[:, 0]] = self.nwords + self.prune[:, 1]
        else:
            rows[self.buckets] = np.arange(self.nwords, self.nwords + len(self.buckets), dtype=np.int32)
        return rows

    # --------------------------------------------------------------------------------------- features
    def subwords(self, word: bytes) -> np.ndarray:
        """The word's own id (if it has one), then its character n-grams; full numbering, int64."""
        own = self.index.get(word)
        buckets, _ = ngram_buckets([word], self.options.minn, self.options.maxn, self.bucket)
        head = np.array([] if own is None else [own], np.int64)
        return np.concatenate([head, buckets.astype(np.int64) + self.nwords])

    def subword_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows of every word's `subwords`: (rows int32[N], offsets int64[nwords + 1])."""
        ids, offsets = self._vocabulary[:2]
        return self.to_rows(ids).astype(np.int32), offsets

    def features(self, tokens: str | bytes, eos: bool = True) -> np.ndarray:
        """Features of a line in the supervised sense, full numbering, int64: words and their n-grams
        token by token, the end of line (if ``eos``), then word n-grams. A ``</s>`` ends the line.
        """
        return self.features_of([tokens], eos)[0].astype(np.int64)

    def features_of(self, lines: Sequence[str | bytes], eos: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """`features` of many lines: (full numbering int32[N], offsets int64[len + 1])."""
        tokens: list[bytes] = []
        starts = np.zeros(len(lines) + 1, np.int64)
        for i, line in enumerate(lines):
            tokens += split(line)
            if eos:
                tokens.append(EOS)
            starts[i + 1] = len(tokens)
        ids, unknown = self._lookup(tokens)
        known = self._vocabulary
        ends = [word == EOS for word in unknown]
        eos_id = self.index.get(EOS, self.nwords + ends.index(True) if True in ends else -1)
        new_ids, new_offsets = ngram_buckets(unknown, self.options.minn, self.options.maxn, self.bucket)
        new_ids += self.nwords
        extra = (new_ids, new_offsets, token_hashes(unknown))
        n = self.options.word_ngrams
        offsets = _count_features(ids, starts, known[1], new_offsets, self.nwords, n, eos_id)
        out = np.empty(offsets[-1], np.int32)
        _fill_features(ids, starts, *known, *extra, self.nwords, np.uint64(self.bucket), n, eos_id, out)
        return out, offsets

    def word_ids(self, tokens: list[bytes]) -> np.ndarray:
        """Ids of tokens, -1 out of the vocabulary: int32[len]."""
        return np.fromiter(map(self.index.get, tokens, repeat(-1)), np.int32, len(tokens))

    def _lookup(self, tokens: list[bytes]) -> tuple[np.ndarray, list[bytes]]:
        """Ids, and the unknown words, which get the ids from nwords on."""
        ids = self.word_ids(tokens)
        unknown: dict[bytes, int] = {}
        for place in np.flatnonzero(ids < 0).tolist():
            ids[place] = unknown.setdefault(tokens[place], self.nwords + len(unknown))
        return ids, list(unknown)

    @cached_property
    def _vocabulary(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`subwords` of every word in full numbering (int32, offsets) and the words' hashes."""
        buckets, starts = ngram_buckets(self.words, self.options.minn, self.options.maxn, self.bucket)
        own = np.arange(self.nwords, dtype=np.int32)
        ids = np.insert(buckets + np.int32(self.nwords), starts[:-1], own)
        return ids, starts + np.arange(self.nwords + 1), token_hashes(self.words)

    # ------------------------------------------------------------------------------------------ state
    def state(self) -> dict[str, np.ndarray]:
        """Everything as arrays (for safetensors); `from_state` is the inverse."""
        words, word_offsets = pack(self.words)
        labels, label_offsets = pack([encode(label) for label in self.labels])
        options = json.dumps(self.options.model_dump(mode="json"), sort_keys=True).encode()
        return {
            "words": words, "word_offsets": word_offsets, "counts": self.counts,
            "labels": labels, "label_offsets": label_offsets, "label_counts": self.label_counts,
            "buckets": self.buckets, "ntokens": np.array([self.ntokens], np.int64),
            "options": np.frombuffer(options, np.uint8),
        }  # fmt: skip

    @classmethod
    def from_state(cls, state: dict[str, np.ndarray]) -> Dictionary:
        """The dictionary whose `state` this is."""
        labels = unpack(state["labels"], state["label_offsets"])
        return cls(
            unpack(state["words"], state["word_offsets"]),
            [label.decode("utf-8", "surrogatepass") for label in labels],
            state["counts"],
            state["label_counts"],
            int(state["ntokens"][0]),
            config.Dictionary(**json.loads(state["options"].tobytes())),
            state["buckets"],
        )


def encode(text: str) -> bytes:
    """UTF-8 bytes; a lone surrogate, which UTF-8 has no place for, keeps its three bytes."""
    return text.encode("utf-8", "surrogatepass")


def split(line: str | bytes) -> list[bytes]:
    """Tokens of a line at fastText's separators: space, \\n, \\r, \\t, \\v, \\f and \\0, no other.

    >>> split("a\\u00a0b\\u3000c d")[1]
    b'd'
    """
    data = line if isinstance(line, bytes) else encode(line)
    return (data.replace(b"\0", b" ") if b"\0" in data else data).split()


# ---------------------------------------------------------------------------------------- counting
def _count(documents: Iterable[tuple[Sequence[str], str | bytes]]) -> tuple[Counter, int]:
    """Counts in order of first occurrence; labels are str keys, words bytes keys."""
    counts: Counter[bytes | str] = Counter()
    ntokens, pruned = 0, 1
    for chunk in _chunks(documents):
        ntokens += len(chunk)
        if len(counts) + len(chunk) <= MAX_TYPES:
            counts.update(chunk)
            continue
        for token in chunk:  # near the limit the original's moment of pruning matters
            counts[token] += 1
            if len(counts) > MAX_TYPES:
                pruned += 1
                counts = Counter(dict(zip(*_threshold(counts, pruned, pruned), strict=True)))
    return counts, ntokens


def _chunks(documents: Iterable[tuple[Sequence[str], str | bytes]]) -> Iterator[list[bytes | str]]:
    chunk: list[bytes | str] = []
    for labels, tokens in documents:
        chunk += labels
        chunk += split(tokens)
        chunk.append(EOS)
        if len(chunk) >= _CHUNK:
            yield chunk
            chunk = []
    yield chunk


def _threshold(counts: Counter, min_count: int, min_label: int) -> tuple[list[bytes | str], np.ndarray]:
    """Entries in fastText's order (words, then labels; counts descending), the rare ones left out."""
    keys = list(counts)
    values = np.fromiter(counts.values(), np.int64, len(keys))
    label = np.fromiter((isinstance(key, str) for key in keys), np.bool_, len(keys))
    order = sort_permutation(np.where(label, np.int64(1) << 62, 0) - values)
    kept = order[values[order] >= np.where(label[order], min_label, min_count)]
    return [keys[i] for i in kept.tolist()], values[kept]


# ------------------------------------------------------------------------------------------ kernels
@kernel
def _line_end(ids, start, stop, eos_id):
    """Where a line stops: behind its first end of line."""
    for i in range(start, stop):
        if ids[i] == eos_id:
            return i + 1
    return stop


@kernel
def _count_features(ids, starts, known_offsets, new_offsets, nwords, n, eos_id):
    out = np.zeros(len(starts), np.int64)
    for line in range(len(starts) - 1):
        stop = _line_end(ids, starts[line], starts[line + 1], eos_id)
        total = 0
        for i in range(starts[line], stop):
            w = ids[i]
            if w < nwords:
                total += known_offsets[w + 1] - known_offsets[w]
            else:
                total += new_offsets[w - nwords + 1] - new_offsets[w - nwords]
        for length in range(2, n + 1):
            total += max(0, stop - starts[line] - length + 1)
        out[line + 1] = out[line] + total
    return out


@kernel
def _fill_features(
    ids, starts, known, known_offsets, known_hashes, new, new_offsets, new_hashes, nwords, bucket, n, eos_id, out
):  # fmt: skip
    k = 0
    for line in range(len(starts) - 1):
        stop = _line_end(ids, starts[line], starts[line + 1], eos_id)
        for i in range(starts[line], stop):
            w = ids[i]
            if w < nwords:
                for j in range(known_offsets[w], known_offsets[w + 1]):
                    out[k] = known[j]
                    k += 1
            else:
                for j in range(new_offsets[w - nwords], new_offsets[w - nwords + 1]):
                    out[k] = new[j]
                    k += 1
        for i in range(starts[line], stop):
            h = np.uint64(0)
            for j in range(i, min(i + n, stop)):
                w = ids[j]
                token = known_hashes[w] if w < nwords else new_hashes[w - nwords]
                h = h * np.uint64(116049371) + np.uint64(np.int64(token))  # the sign is kept
                if j > i:
                    out[k] = np.int32(nwords + np.int64(h % bucket))
                    k += 1
