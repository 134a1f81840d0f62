"""FastText: tokenizer, dictionary and tables in one `torch.nn.Module` that takes raw text.

model = FastText.from_texts(["好看", "boring"], [1, 0])
loss = model.nll_loss(model.log_prob(["好看"]), [1]); loss.backward()
model.fit(TextDataset(texts, labels)); model.predict(["good 电影"])[0].labels
model.save("model"); FastText.load("model")
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ftcore import answers, config, given
from ftcore.answers import Prediction
from ftcore.dataset import Label, TextDataset, label_rows, label_values, pairs_of, require_two
from ftcore.dictionary.dictionary import Dictionary, encode, split
from ftcore.dictionary.encode import as_batch, encode_bags
from ftcore.dictionary.init import initial_rows
from ftcore.errors import UserError
from ftcore.formats.checkpoint import read_model, write_model
from ftcore.formats.classic import LOSSES, MODELS, Args, Classic
from ftcore.formats.container import pack_model, unpack_model
from ftcore.formats.header import check_model
from ftcore.model.losses import HuffmanTree, huffman_tree, log_probabilities, multi_hot
from ftcore.model.module import Absent, Bags, TwoTables, make_bags
from ftcore.text.tokenizer import Tokenizer
from ftcore.training.thresholds import Thresholds, fitted_thresholds

Texts = str | Sequence[str]


class FastText(nn.Module):
    """A fastText model over raw text.

    Args:
        tokenizer: raw text -> tokens. dictionary: tokens -> rows. tables: the two matrices.
        labels: the classes' values in the order of ``dictionary.labels`` (strings or ints).
        kind: supervised (the output rows are labels), skipgram or cbow (they are words).
        loss: softmax, ova, ns or hs. seed: makes the rows of buckets that have none.

    Shapes below: B texts, C classes (words in an unsupervised model), D vector size.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        dictionary: Dictionary,
        tables: TwoTables,
        labels: Sequence[Label] = (),
        kind: str = "supervised",
        loss: str = "softmax",
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.tokenizer, self.dictionary, self.tables = tokenizer, dictionary, tables
        self.labels, self.kind, self.loss, self.seed = list(labels), kind, loss, seed
        self.thresholds: Thresholds | None = None  # where texts may have several labels
        self._tree: HuffmanTree | None = None

    @classmethod
    def from_texts(
        cls,
        texts: Sequence[str],
        labels: Sequence[Label | list[Label]] | None = None,
        *,
        text: config.Text | None = None,
        dim: int = 100,
        loss: str | None = None,
        kind: str | None = None,
        seed: int = 0,
        sparse: bool = False,
        **dictionary: Any,
    ) -> FastText:
        """An untrained model with the dictionary of these texts.

        Args:
            labels: a label (or a list of labels) for each text; None makes a skip-gram model.
            text: how raw text becomes tokens. dim: D.
            loss: default softmax, ns without labels. kind: default supervised, skipgram without labels.
            sparse: sparse gradients for the input table, see `ftcore.model.optimizers`.
            dictionary: min_count, minn, maxn, word_ngrams, bucket, … of `config.Dictionary`.

        Errors: `UserError` for an empty vocabulary, fewer than two labels, unequal lengths.
        """
        texts, dim, seed = given.texts(texts), given.count("dim", dim), given.seed("seed", seed)
        kind = given.one_of("kind", kind or ("skipgram" if labels is None else "supervised"), MODELS)
        loss = given.one_of("loss", loss or ("softmax" if kind == "supervised" else "ns"), LOSSES)
        options = given.options(config.Dictionary, dictionary)
        tokenizer = Tokenizer(text or config.Text())
        rows = label_rows(TextDataset(texts, [[] for _ in texts] if labels is None else labels).labels)
        values = label_values(value for row in rows for value in row)
        if kind == "supervised":
            require_two(values)
        lines = tokenizer.tokenize(texts)
        named = [[str(value) for value in row] for row in rows]
        vocabulary = Dictionary.build(zip(named, lines, strict=True), options)
        if kind == "supervised":
            encode_bags([as_batch(lines, named)], vocabulary, grow=True)  # rows for the buckets that occur
        model = cls.untrained(tokenizer, vocabulary, dim=dim, kind=kind, loss=loss, seed=seed, sparse=sparse)
        model.labels = [values[name] for name in vocabulary.labels]
        return model

    @classmethod
    def untrained(
        cls,
        tokenizer: Tokenizer,
        dictionary: Dictionary,
        *,
        dim: int,
        kind: str = "supervised",
        loss: str = "softmax",
        seed: int = 0,
        sparse: bool = False,
        tables: TwoTables | None = None,
    ) -> FastText:
        """A model before training: input rows U(-1/D, 1/D) from the seed, output rows zero; or given tables."""
        supervised = kind == "supervised"
        if tables is None:
            outputs = dictionary.nlabels if supervised else dictionary.nwords
            input = torch.from_numpy(initial_rows(seed, dictionary.numbers(), dim, threads=None))
            tables = TwoTables(input, torch.zeros(outputs, dim), sparse)
        labels = list(dictionary.labels) if supervised else []
        return cls(tokenizer, dictionary, tables, labels, kind, loss, seed)

    # --------------------------------------------------------------------------------- text to scores
    @property
    def dim(self) -> int:
        """Size D of the vectors."""
        return self.tables.dim

    @property
    def words(self) -> list[str]:
        """The vocabulary by id (bytes that are no UTF-8 are shown as �)."""
        return [word.decode("utf-8", "replace") for word in self.dictionary.words]

    def encode(self, texts: Texts) -> Bags:
        """Raw texts as a ragged batch of features on the tables' device."""
        texts = [texts] if isinstance(texts, str) else given.texts(texts)
        return self.encode_tokens(self.tokenizer.tokenize(texts))

    def encode_tokens(self, lines: Sequence[str]) -> Bags:
        """The same from space-joined tokens."""
        ids, offsets = self.dictionary.features_of(lines)
        bags = make_bags(self.dictionary.to_signed(ids), offsets, self.seed, self.dim)
        return bags.to(self.tables.input.device)

    def forward(
        self, texts: Texts | Bags | Tensor, offsets: Tensor | None = None, absent: Absent | None = None
    ) -> Tensor:
        """Logits [B, C] of raw texts, of `Bags`, or of ``(ids, offsets)`` (the form for torch.compile).

        Under hs the tree's log-probabilities are returned, so that cross-entropy on them is the hs loss.
        """
        if not isinstance(texts, Tensor):
            bags = texts if isinstance(texts, Bags) else self.encode(texts)
            texts, offsets, absent = bags
        scores = self.tables(texts, offsets, absent)
        return self._huffman().log_probabilities(scores) if self.loss == "hs" else scores

    def log_prob(
        self, texts: Texts | Bags | Tensor, offsets: Tensor | None = None, absent: Absent | None = None
    ) -> Tensor:
        """Log-probabilities [B, C]; softmax and hs sum to 1 over the classes, ova and ns each stand alone."""
        scores = self(texts, offsets, absent)
        return scores if self.loss == "hs" else log_probabilities(scores, self.loss)

    def nll_loss(self, log_prob: Tensor, labels: Tensor | Sequence[Label | list[Label]]) -> Tensor:
        """Negative log-likelihood of the labels, mean over the batch.

        Args:
            log_prob: [B, C], of `log_prob`.
            labels: B label *values* as the dataset has them (tensor or list), lists of values under ova.

        Errors: `UserError` for a label the model does not have. Under ova and ns all C yes/no answers
        count (the negatives are not sampled).
        """
        targets = self.targets(labels).to(log_prob.device)
        if targets.dim() == 1 and self.loss in ("softmax", "hs"):
            return F.nll_loss(log_prob, targets)
        if targets.dim() == 1:
            targets = F.one_hot(targets, log_prob.shape[1])
        negative = torch.log(-torch.expm1(log_prob)).clamp(min=-100)
        return -torch.where(targets > 0, log_prob, negative).sum(1).mean()

    def targets(self, labels: Tensor | Sequence[Label | list[Label]]) -> Tensor:
        """Class numbers int64[B] of label values; under ova zeros and ones [B, C]."""
        index = self.dictionary.label_index
        rows = label_rows(labels)
        unknown = {value for row in rows for value in row if str(value) not in index}
        if unknown:
            shown = ", ".join(repr(value) for value in self.labels[:20])
            raise UserError(f"unknown labels {sorted(map(repr, unknown))}; the model has {shown}")
        ids = [[index[str(value)] for value in row] for row in rows]
        if self.loss == "ova":
            cuts = torch.tensor([0, *map(len, ids)]).cumsum(0)
            return multi_hot(
                torch.tensor([i for row in ids for i in row], dtype=torch.int64), cuts, len(self.labels)
            )
        if any(len(row) != 1 for row in ids):
            raise UserError("several labels (or none) for one text need loss=ova")
        return torch.tensor([row[0] for row in ids], dtype=torch.int64)

    def collate(self, pairs: list[tuple[str, Label | list[Label]]]) -> tuple[Bags, Tensor]:
        """For ``DataLoader(collate_fn=model.collate)``: encoded texts and `targets`.

        These are class numbers, made for ``F.cross_entropy(model(bags), targets)``; `nll_loss` takes the
        label values that the default collation passes on.
        """
        texts, labels = zip(*pairs, strict=True)
        return self.encode(texts), self.targets(list(labels)).to(self.tables.input.device)

    def _huffman(self) -> HuffmanTree:
        if self._tree is None:
            words = self.kind != "supervised"
            self._tree = huffman_tree(self.dictionary.counts if words else self.dictionary.label_counts)
        return self._tree

    # ------------------------------------------------------------------------------------- prediction
    def predict(
        self, texts: Texts, k: int | None = None, threshold: float | None = None, batch: int = 1024
    ) -> list[Prediction]:
        """The labels of each text, the most probable first.

        Args:
            k: how many, -1 for all. threshold: the least probability of a label. With neither, a model with
                `thresholds` says all labels that reach theirs, any other its best one. A text without any word or
                n-gram that has a row gets none, nor does a missing one; they are counted in a warning.
        """
        own = self.thresholds if k is None and threshold is None else None
        k = answers.labels_wanted(k if k is not None else -1 if own else 1, len(self.labels))
        threshold = 0.0 if threshold is None else given.number("threshold", threshold)
        least = own.row(self.labels) if own else threshold
        known, rows = self.scores(texts, batch)
        answers.count_unanswered(known)
        found = (answers.best_labels(row, self.labels, k, least) for row in rows)
        return [next(found) if ok else answers.NO_ANSWER for ok in known.tolist()]

    def scores(self, texts: Texts, batch: int = 1024) -> tuple[np.ndarray, np.ndarray]:
        """Which of N texts have an answer, bool[N], and the probabilities of these n, float32[n, C]."""
        texts = [texts] if isinstance(texts, str | bytes) else texts
        lines = self.tokenizer.tokenize(answers.texts_of(texts))
        known = answers.has_features(self.dictionary, lines)
        return known, self.probabilities((line for line, ok in zip(lines, known, strict=True) if ok), batch)

    @torch.no_grad()
    def probabilities(self, token_lines: Iterable[str], batch: int = 1024) -> np.ndarray:
        """Probabilities float32[N, C] of space-joined token lines, ``batch`` lines at a time."""
        if not self.labels:
            raise UserError(f"this {self.kind} model has no classifier; fit it on labelled texts first")
        parts = [np.zeros((0, len(self.labels)), np.float32)]
        for number, lines in enumerate(answers.batches(token_lines, given.count("batch", batch))):
            lines = given.texts(lines, start=number * batch)
            parts.append(self.log_prob(self.encode_tokens(lines)).exp().float().cpu().numpy())
        return np.concatenate(parts)

    # ---------------------------------------------------------------------------------------- vectors
    @torch.no_grad()
    def word_vector(self, word: str) -> np.ndarray:
        """float32[D]: mean of the word's row and its n-grams' rows; of these alone out of the vocabulary,
        zero without any."""
        ids = self.dictionary.to_signed(self.dictionary.subwords(encode(given.word(word))))
        bags = make_bags(ids, np.array([0, len(ids)]), self.seed, self.dim).to(self.tables.input.device)
        return self.tables.hidden(*bags)[0].cpu().numpy()

    @torch.no_grad()
    def word_vectors(self) -> np.ndarray:
        """float32[nwords, D]: `word_vector` of the whole vocabulary."""
        ids, offsets = self.dictionary.subword_ids()
        parts = [np.zeros((0, self.dim), np.float32)]
        for at in range(0, self.dictionary.nwords, 10_000):
            cuts = offsets[at : at + 10_001]
            rows = self.dictionary.to_signed(ids[cuts[0] : cuts[-1]])
            bags = make_bags(rows, cuts - cuts[0], self.seed, self.dim).to(self.tables.input.device)
            parts.append(self.tables.hidden(*bags).cpu().numpy())
        return np.concatenate(parts)

    @torch.no_grad()
    def sentence_vector(self, text: str) -> np.ndarray:
        """float32[D]. Supervised: mean of the text's features. Unsupervised: mean of its words' vectors,
        each divided by its length, zero ones and the end of line left out (``getSentenceVector``)."""
        if self.kind == "supervised":
            return self.tables.hidden(*self.encode(given.word(text, "text")))[0].cpu().numpy()
        words = split(self.tokenizer.tokenize([given.word(text, "text")])[0])
        vectors = [self.word_vector(word.decode("utf-8", "surrogatepass")) for word in words]
        units = [v / np.linalg.norm(v) for v in vectors if np.linalg.norm(v) > 0]
        return np.mean(units, axis=0) if units else np.zeros(self.dim, np.float32)

    def nearest_neighbors(self, word: str, k: int = 10) -> list[tuple[str, float]]:
        """The k vocabulary words with the highest cosine to a word, itself left out."""
        k, vector, table = given.count("k", k), self.word_vector(word), self.word_vectors()
        norms = np.linalg.norm(table, axis=1) * np.linalg.norm(vector)
        cosine = (table @ vector) / np.where(norms > 0, norms, 1)
        own = self.dictionary.index.get(encode(word), -1)
        order = [i for i in np.argsort(-cosine, kind="stable")[: k + 1].tolist() if i != own][:k]
        return [(self.dictionary.words[i].decode("utf-8", "replace"), float(cosine[i])) for i in order]

    # --------------------------------------------------------------------------------------- training
    def fit(
        self,
        dataset: torch.utils.data.Dataset | Sequence[tuple[str, Label | list[Label]]],
        epochs: int = 5,
        batch_size: int = 16,
        lr: float = 0.1,
        valid: torch.utils.data.Dataset | Sequence[tuple[str, Label | list[Label]]] | None = None,
        *,
        loss: str | None = None,
        engine: Any = None,
        listeners: Sequence[Callable] = (),
        checkpoint: Any = None,
        **options: Any,
    ) -> Any:
        """Train on labelled texts (SGD, fastText's schedule); returns the `TrainingResult`.

        New words get rows (from their n-grams where there are any), new labels a zero row; an
        unsupervised model gets a classifier. The parameters are then new tensors: make optimisers anew.

        Args:
            dataset: (text, label) pairs. valid: others to score after every epoch.
            loss: only where a classifier is made: softmax (default), ova, ns, hs.
            engine: an `EngineChoice`; default the one for the device of the tables.
            options: more of `config.Finetune`: freeze, dropout, clip, class_weights, patience, …

        Errors: `UserError` for an empty dataset, or a new classifier with one label. A trained one
        accepts a single document.
        """
        from ftcore.engines.choice import choose_engine
        from ftcore.training.finetune import finetune

        texts, rows = pairs_of(dataset)
        new_head = not self.labels
        values = label_values([*self.labels, *(value for row in rows for value in row)])
        if new_head:
            require_two(values)
        if not texts:
            raise UserError("no texts to train on; give (text, label) pairs")
        if valid is None and len({str(v) for row in rows for v in row}) < 2:
            warnings.warn("one label in the training set: nothing can be validated", stacklevel=2)
        loss = (loss or "softmax") if new_head else self.loss
        own = asdict(self.dictionary.options)
        settings = {**own, "min_count": 1, "loss": loss, "dim": self.dim, "epoch": epochs, "lr": lr}
        fixed = sorted(options.keys() & own.keys() - {"min_count", "min_count_label"})
        if fixed:
            raise UserError(f"fit: {', '.join(fixed)} belong to the dictionary; give them to from_texts")
        chosen = given.options(config.Finetune, {**settings, "batch_size": batch_size, **options})

        lines = self.tokenizer.tokenize(texts)
        named = [[str(value) for value in row] for row in rows]
        fresh = Dictionary.build(zip(named, lines, strict=True), chosen)
        dictionary = self.dictionary.merge(fresh, labels=True)
        train = encode_bags([as_batch(lines, named)], dictionary, grow=True)
        held_out = None
        if valid is not None:
            valid_texts, valid_rows = pairs_of(valid)
            valid_lines = self.tokenizer.tokenize(valid_texts)
            gold = [[str(value) for value in row] for row in valid_rows]
            held_out = encode_bags([as_batch(valid_lines, gold)], dictionary)
        frozen = self._grow(dictionary, [values[name] for name in dictionary.labels], loss)
        result = finetune(
            self.tables, dictionary, train, held_out, chosen, seed=self.seed, listeners=listeners, frozen=frozen,
            engine=engine or choose_engine("auto", str(self.tables.input.device)), checkpoint=checkpoint,
        )  # fmt: skip
        if valid is not None or chosen.threshold != "auto":
            several = loss == "ova" or any(len(row) > 1 for row in rows)
            scored = None if valid is None else (gold, self.probabilities(valid_lines))
            self.thresholds = fitted_thresholds(chosen.threshold, several, scored, self.labels)
        return result

    def _grow(self, dictionary: Dictionary, labels: list[Label], loss: str) -> np.ndarray:
        """Move to a larger dictionary; bool[rows], which rows there were before."""
        from ftcore.training.transfer import transfer

        before, device = self.dictionary, self.tables.input.device
        known = np.ones(dictionary.rows, np.bool_)
        if self.kind != "supervised" or len(labels) != len(self.labels) or dictionary.rows != before.rows:
            start = transfer(before, self.tables, dictionary, seed=self.seed, loss=loss)
            self.tables, known = start.tables.to(device), start.pretrained
        self.dictionary, self.labels, self.loss, self.kind = dictionary, labels, loss, "supervised"
        self._tree = None
        return known

    # ------------------------------------------------------------------------------------------ files
    def save(self, directory: Path | str) -> None:
        """Write the model to a directory (safetensors and JSON), whole or not at all."""
        write_model(given.path(directory, "directory"), *self._state())

    @classmethod
    def load(cls, directory: Path | str, device: str | torch.device = "cpu") -> FastText:
        """Read what `save` wrote. Errors: `UserError` naming the file and the remedy."""
        return cls._from_state(*read_model(given.path(directory, "directory")), directory, True, device)

    def to_bytes(self) -> bytes:
        """The model as one piece, see `ftcore.formats.container`; `from_bytes` is the inverse."""
        return pack_model(*self._state())

    @classmethod
    def from_bytes(cls, data: bytes) -> FastText:
        """The model that `to_bytes` wrote, on the CPU. Errors: `UserError` for other bytes."""
        return cls._from_state(*unpack_model(data), "these bytes", False, "cpu")

    def to_classic(self, prefix: str = "__label__") -> Classic:
        """The model as fastText's own files hold one (`ftcore.formats.binary.write_binary` writes it).

        The tables are shared, not copied (from a GPU they are); the tokenizer stays behind. Labels get
        ``prefix`` before their names. In fastText a word that starts with it is a label, here it is a word.
        """
        own, options = self.dictionary, self.dictionary.options
        labels = [prefix + name for name in own.labels]
        dictionary = Dictionary(
            own.packed_words, labels, own.counts, own.label_counts, own.ntokens, options, own.buckets
        )
        args = Args(
            dim=self.dim, min_count=options.min_count, word_ngrams=options.word_ngrams, loss=self.loss,
            model=self.kind, bucket=own.bucket, minn=options.minn, maxn=options.maxn, label=prefix,
            min_count_label=options.min_count_label, seed=self.seed,
        )  # fmt: skip
        input, output = (t.detach().cpu().float().numpy() for t in (self.tables.input, self.tables.output))
        return Classic(args, dictionary, input, output, seed=self.seed)

    @classmethod
    def from_classic(cls, classic: Classic, tokenizer: Tokenizer | None = None) -> FastText:
        """A model of fastText's (``read_binary(path)``), to be trained on or used from raw text.

        Tables in memory are shared, mapped or quantised ones copied. Labels lose the model's prefix.

        Args:
            tokenizer: raw text -> the tokens it was trained on; default the usual one.

        Errors: `UserError` for a cut-off `.ftz`: it leaves out n-grams that here would count.
        """
        own, args = classic.dictionary, classic.args
        if own.prune is not None:
            raise UserError(f"{classic.path or 'this model'} is cut off; load the .bin it was made from")
        labels = [name.removeprefix(args.label) for name in own.labels]
        buckets = own.buckets if own.storage == "occurring" else np.arange(own.bucket, dtype=np.int32)
        options = replace(own.options, min_count=max(1, own.options.min_count))
        counts = own.counts, own.label_counts, own.ntokens
        dictionary = Dictionary(own.packed_words, labels, *counts, options, buckets)
        tables = []
        for table, rows in ((classic.input, dictionary.rows), (classic.output, None)):
            dense = table if isinstance(table, np.ndarray) else table.dense()
            tables.append(torch.from_numpy(np.require(dense[:rows], np.float32, "CAW")))
        return cls(
            tokenizer or Tokenizer(config.Text()), dictionary, TwoTables(*tables),
            labels if args.supervised else [], args.model, args.loss, classic.seed,
        )  # fmt: skip

    def _state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """All there is to save: arrays, and what goes into JSON."""
        arrays = {f"dictionary.{name}": array for name, array in self.dictionary.state().items()}
        arrays["input"] = self.tables.input.detach().cpu().numpy()
        arrays["output"] = self.tables.output.detach().cpu().numpy()
        header = {
            "kind": self.kind, "loss": self.loss, "dim": self.dim, "seed": self.seed, "labels": self.labels,
            "sparse": self.tables.sparse, "tokenizer": self.tokenizer.state(),
        }  # fmt: skip
        if self.thresholds is not None:
            header["thresholds"] = self.thresholds.state()
        return arrays, header

    @classmethod
    def _from_state(
        cls, arrays: dict, header: dict, place: Any, directory: bool, device: str | torch.device
    ) -> FastText:
        about, dictionary = check_model(arrays, header, place, directory)
        try:
            tokenizer = Tokenizer.from_state(about.tokenizer)
        except UserError as error:
            raise UserError(f"{place}: tokenizer: {error}") from None
        input, output = (torch.from_numpy(arrays[name]) for name in ("input", "output"))
        tables = TwoTables(input, output, about.sparse).to(device)
        model = cls(tokenizer, dictionary, tables, about.labels, about.kind, about.loss, about.seed)
        if about.thresholds is not None:
            model.thresholds = Thresholds.from_state(about.thresholds, about.labels, place)
        return model

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Shipped (joblib, Spark, worker processes) as `to_bytes`, so that the other side runs no code.

        Tables that processes share (`share_memory`, for hogwild training in torch) go torch's way.
        """
        table = self.tables.input
        if table.device.type == "cpu" and table.is_shared():
            return super().__reduce_ex__(protocol)
        return type(self).from_bytes, (self.to_bytes(),)

    def __deepcopy__(self, memo: dict[int, Any]) -> FastText:
        """As of other modules: device, hooks and what is trained stay, which the bytes do not hold."""
        made = memo[id(self)] = type(self).__new__(type(self))
        made.__setstate__(copy.deepcopy(self.__dict__, memo))
        return made
