"""FastText: tokenizer, dictionary and tables in one `torch.nn.Module` that takes raw text.

Example:
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

from ftcore import config, given
from ftcore.dataset import TextDataset, label_rows, label_values, pairs_of, require_two
from ftcore.dictionary.bucket_rows import OccurringBuckets
from ftcore.dictionary.dictionary import Dictionary
from ftcore.errors import IncompatibleModel, UserError
from ftcore.formats.directory import from_bytes, read_directory, to_bytes, write_directory
from ftcore.inference.answers import Prediction
from ftcore.inference.faces import Faces
from ftcore.inference.vectors import Vectors
from ftcore.model.abstention import Abstention
from ftcore.model.losses import HuffmanTree, huffman_tree, log_probabilities, multi_hot
from ftcore.model.model import LOSSES, MODELS, Args, Label, Model
from ftcore.model.module import Absent, Bags, TwoTables, make_bags
from ftcore.model.rules import Rules
from ftcore.model.thresholds import Thresholds
from ftcore.text.tokenizer import Tokenizer, Whitespace
from ftcore.training.documents import Tokenized
from ftcore.training.reservoir import balanced
from ftcore.training.start import fresh_tables, going_on
from ftcore.trust.explanation import Explanation, explain

Texts = str | Sequence[str]


class FastText(nn.Module):
    """A fastText model over raw text.

    Shapes below: B texts, C classes (words in an unsupervised model), D vector size.

    Args:
        tokenizer: raw text -> tokens.
        dictionary: tokens -> rows.
        tables: the two matrices.
        labels: the classes' values in the order of ``dictionary.labels`` (strings or ints).
        kind: supervised (the output rows are labels), skipgram or cbow (they are words).
        loss: softmax, ova, ns or hs.
        seed: makes the rows of buckets that have none.
    """

    def __init__(
        self,
        tokenizer: Tokenizer | Whitespace,
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
        self.abstention: Abstention | None = None  # where an uncertain answer is not given
        self.rules: Rules | None = None  # where patterns overrule answers
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
            text: how raw text becomes tokens.
            dim: D.
            loss: default softmax, ns without labels.
            kind: default supervised, skipgram without labels.
            sparse: sparse gradients for the input table, see `ftcore.model.optimizers`.
            dictionary: min_count, minn, maxn, word_ngrams, bucket, … of `config.DictionaryOptions`.

        Raises:
            UserError: an empty vocabulary, fewer than two labels, unequal lengths.
        """
        texts, dim, seed = given.texts(texts), given.count("dim", dim), given.seed("seed", seed)
        kind = given.one_of("kind", kind or ("skipgram" if labels is None else "supervised"), MODELS)
        loss = given.one_of("loss", loss or ("softmax" if kind == "supervised" else "ns"), LOSSES)
        options = given.options(config.DictionaryOptions, dictionary)
        tokenizer = Tokenizer(text or config.Text())
        rows = label_rows(TextDataset(texts, [[] for _ in texts] if labels is None else labels).labels)
        values = label_values(value for row in rows for value in row)
        if kind == "supervised":
            require_two(values)
        documents = Tokenized.of(tokenizer.tokenize(texts), [[str(value) for value in row] for row in rows])
        vocabulary = documents.count(options)
        if kind == "supervised":
            documents.bags(vocabulary, grow=True)  # rows for the buckets that occur
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
            tables = TwoTables.over(fresh_tables(dictionary, dim, kind, seed, threads=None))
            tables.sparse = sparse
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

        Under ova and ns all C yes/no answers count (the negatives are not sampled).

        Args:
            log_prob: [B, C], of `log_prob`.
            labels: B label *values* as the dataset has them (tensor or list), lists of values under ova.

        Raises:
            UserError: a label the model does not have.
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
    # What follows is answered by ftcore.inference for the present values of the tables (copied from a GPU each time).
    def predict(
        self,
        texts: Texts,
        k: int | None = None,
        threshold: float | None = None,
        batch: int | None = None,
        *,
        abstain: bool = True,
        rules: bool = True,
    ) -> list[Prediction]:
        """The labels of each text, the most probable first, see `ftcore.inference.classifier.Classifier.predict`.

        Args:
            k: how many, -1 for all.
            threshold: the least probability of a label. With neither, a model with `thresholds` says all
                labels that reach theirs, any other its best one. A text without any word or n-gram that has a
                row gets none, nor does a missing one; they are counted in a warning.
            batch: texts at a time; default as many as keep the cores busy.
            abstain: whether a model with an `abstention` says nothing to texts that it is not certain of.
            rules: whether a model's `rules` overrule it.
        """
        found = self._faces.classifier
        return found.predict(texts, k, threshold, _size(batch), abstain=abstain, rules=rules)

    def scores(self, texts: Texts) -> tuple[np.ndarray, np.ndarray]:
        """Which of N texts have an answer, bool[N], and the probabilities of these n, float32[n, C]."""
        return self._faces.classifier.answers(texts)

    def probabilities(self, token_lines: Iterable[str], batch: int | None = None) -> np.ndarray:
        """Probabilities float32[N, C] of space-joined token lines."""
        return self._faces.classifier.probabilities(given.texts(token_lines), _size(batch))

    def explain(self, text: str, label: Label | None = None, against: Label | None = None) -> Explanation:
        """What each word and n-gram of a text adds to a label's score, see `ftcore.trust.explanation.explain`.

        Args:
            label: default the most probable one.
            against: another label, whose score is taken off.
        """
        return explain(self._faces.classifier, text, label, against)

    # ---------------------------------------------------------------------------------------- vectors
    def word_vector(self, word: str) -> np.ndarray:
        """A word's vector, float32[D]: mean of its row and its n-grams' rows, which stand alone for a new word."""
        return self._faces.vectors.word(given.word(word))

    def word_vectors(self) -> np.ndarray:
        """float32[nwords, D]: `word_vector` of the whole vocabulary."""
        return self._faces.vectors.all()

    def sentence_vector(self, text: str) -> np.ndarray:
        """A text's vector, float32[D].

        Supervised: mean of its features. Unsupervised: mean of its words' vectors, each divided by its length,
        zero ones and the end of line left out (``getSentenceVector``).
        """
        return self._faces.vectors.sentence(self.tokenizer.tokenize([given.word(text, "text")])[0])

    def nearest_neighbors(self, word: str, k: int = 10) -> list[tuple[str, float]]:
        """The k vocabulary words with the highest cosine to a word, itself left out."""
        found = Vectors(self._faces.model).neighbors(given.word(word), given.count("k", k))
        return [(name.decode("utf-8", "replace"), cosine) for cosine, name in found]

    @property
    def _faces(self) -> Faces:
        """What answers for the model as it is now, made anew where it has other tables, labels or words."""
        kept = self.__dict__.get("_kept_faces")
        if kept is None or not kept.of(self):
            kept = self.__dict__["_kept_faces"] = Faces(self)
        return kept

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
        replay: Iterable[tuple[str, Label | list[Label]]] = (),
        **options: Any,
    ) -> Any:
        """Train on labelled texts (SGD, fastText's schedule); returns the `TrainingResult`.

        New words get rows (from their n-grams where there are any), new labels a zero row; an
        unsupervised model gets a classifier. The parameters are then new tensors: make optimisers anew.

        Args:
            dataset: (text, label) pairs.
            valid: others to score after every epoch.
            loss: only where a classifier is made: softmax (default), ova, ns, hs.
            engine: an `EngineChoice`; default the one for the device of the tables.
            replay: texts of earlier trainings, learnt from again (`ftcore.training.reservoir.Reservoir`), each as
                often as their labels need to have as many texts as the new ones.
            options: more of `config.Finetune`: freeze, dropout, clip, class_weights, patience, …

        Raises:
            UserError: an empty dataset, or a new classifier with one label. A trained one accepts a single
                document.
        """
        from ftcore.engines.choice import choose_engine
        from ftcore.training.recipe import Conditions, learn
        from ftcore.training.validation import choose_thresholds_on

        texts, rows = pairs_of(dataset)
        if kept := balanced(replay, texts, rows):
            again = pairs_of(kept)
            texts, rows = [*texts, *again[0]], [*rows, *again[1]]
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

        train, held_out = self._documents(texts, rows), None
        if valid is not None:
            held_out = self._documents(*pairs_of(valid))
        made, result = learn(
            train, chosen,
            Conditions(
                engine or choose_engine("auto", str(self.tables.input.device), "supervised"), self.seed,
                checkpoint=checkpoint, listeners=listeners,
            ),
            start=going_on(self.to_model(), "ahead", chosen, own=self.tables), valid=held_out,
        )  # fmt: skip
        if result.tables is not self.tables:
            device = self.tables.input.device
            self.tables = TwoTables.over(result.tables).to(device)
        self.dictionary, self.labels = made.dictionary, [values[name] for name in made.dictionary.labels]
        self.loss, self.kind, self._tree = loss, "supervised", None
        if held_out is not None or chosen.threshold != "auto":
            several = loss == "ova" or any(len(row) > 1 for row in rows)
            answers = self._faces.classifier.probabilities
            self.thresholds = choose_thresholds_on(held_out, answers, self.labels, chosen.threshold, several)
        return result

    def _documents(self, texts: Sequence[str], rows: Sequence[Sequence[Label]]) -> Tokenized:
        """Texts with a list of labels each, as training reads them."""
        made = Tokenized.of(self.tokenizer.tokenize(texts), [[str(value) for value in row] for row in rows])
        made.tokenizer = self.tokenizer
        return made

    # ------------------------------------------------------------------------------------------ files
    def save(self, directory: Path | str) -> None:
        """Write the model to a directory (safetensors and JSON), whole or not at all."""
        write_directory(given.path(directory, "directory"), self.to_model())

    @classmethod
    def load(cls, directory: Path | str, device: str | torch.device = "cpu") -> FastText:
        """Read what `save` wrote. Errors: `UserError` naming the file and the remedy."""
        return cls.from_model(read_directory(given.path(directory, "directory"))).to(device)

    def to_bytes(self) -> bytes:
        """The model as one piece, see `ftcore.formats.container`; `from_bytes` is the inverse."""
        return to_bytes(self.to_model())

    @classmethod
    def from_bytes(cls, data: bytes) -> FastText:
        """The model that `to_bytes` wrote, on the CPU. Errors: `UserError` for other bytes."""
        return cls.from_model(from_bytes(data))

    def to_model(self) -> Model:
        """The model as a plain value, without torch: what formats write and predictors answer for.

        The tables are shared, not copied (from a GPU they are). ``to_model().with_prefix()`` is the model as
        fastText's own files hold one (`ftcore.formats.binary.write_binary` writes it).
        """
        input, output = (t.detach().cpu().numpy() for t in (self.tables.input, self.tables.output))
        args = Args.of(self.dictionary, self.dim, self.loss, self.kind, self.seed)
        return Model(
            args, self.dictionary, input, output, self.seed, tokenizer=self.tokenizer, values=self.labels,
            thresholds=self.thresholds, sparse=self.tables.sparse, abstention=self.abstention,
            rules=self.rules,
        )  # fmt: skip

    @classmethod
    def from_model(cls, model: Model, tokenizer: Tokenizer | None = None) -> FastText:
        """The torch face of a model, a file of fastText's (``read_binary(path)``) among them.

        Tables in memory are shared, mapped or quantised ones copied. Labels lose the model's prefix.

        Args:
            tokenizer: raw text -> the tokens it was trained on; default its own, else the usual one.

        Raises:
            UserError: a cut-off `.ftz`: it leaves out n-grams that here would count.
        """
        own, args = model.dictionary, model.args
        if own.bucket_rows.leaves_out:
            raise IncompatibleModel(
                f"{model.path or 'this model'} is cut off; load the .bin it was made from"
            )
        dictionary = own
        if args.label or not own.bucket_rows.seeded:
            options = replace(own.options, min_count=max(1, own.options.min_count))
            names = [name.removeprefix(args.label) for name in own.labels]
            dictionary = own.changed(labels=names, options=options, bucket_rows=OccurringBuckets(own.buckets))
        tables = []
        for table, rows in ((model.input, dictionary.rows), (model.output, None)):
            dense = table if isinstance(table, np.ndarray) else table.dense()
            kind = dense.dtype if dense.dtype.kind == "f" and dense.dtype.isnative else np.float32
            tables.append(torch.from_numpy(np.require(dense[:rows], kind, ["C", "A", "W"])))
        made = cls(
            tokenizer or model.tokenizer or Tokenizer(config.Text()), dictionary, TwoTables(tables[0], tables[1], model.sparse),
            model.labels, args.model, args.loss, model.seed,
        )  # fmt: skip
        made.thresholds, made.abstention, made.rules = model.thresholds, model.abstention, model.rules
        return made

    def __getstate__(self) -> dict[str, Any]:
        """Without what is made when first asked for."""
        return {name: value for name, value in self.__dict__.items() if name != "_kept_faces"}

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
        made.__setstate__(copy.deepcopy(self.__getstate__(), memo))
        return made


def _size(batch: int | None) -> int | None:
    return None if batch is None else given.count("batch", batch)
