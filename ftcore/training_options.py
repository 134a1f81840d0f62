"""Options of trainings. A part of `ftcore.config`, which is where callers find them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ftcore.filter_options import Language
from ftcore.options import Options, PathText, or_auto


class DictionaryOptions(Options):
    """Words, labels and n-grams that get a row in the table (fastText's options)."""

    min_count: int = Field(1, ge=1, le=1 << 30, description="fewer occurrences: not in the vocabulary")
    min_count_label: int = Field(0, ge=0, le=1 << 30, description="the same for labels")
    minn: int = Field(0, ge=0, le=30, description="shortest character n-gram (0: none)")
    maxn: int = Field(0, ge=0, le=30, description="longest character n-gram (0: none)")
    word_ngrams: int = Field(1, ge=1, le=10, description="longest word n-gram")
    bucket: int = Field(2_000_000, ge=0, le=2_000_000_000, description="hash buckets of n-grams")

    @model_validator(mode="after")
    def _ngrams_need_order_and_buckets(self) -> DictionaryOptions:
        if self.minn > self.maxn:
            raise ValueError(f"minn {self.minn} must not exceed maxn {self.maxn}")
        if self.bucket == 0 and (self.maxn > 0 or self.word_ngrams > 1):
            raise ValueError("bucket 0 leaves no rows for n-grams; set maxn 0 and word_ngrams 1, or a bucket")
        return self


class Pretrain(DictionaryOptions):
    """Word vectors from unlabelled text."""

    enabled: bool = Field(True, description="off: fine-tuning starts from random vectors")
    model: Literal["skipgram", "cbow"] = Field("skipgram", description="what predicts what")
    loss: Literal["ns", "hs", "softmax"] = Field("ns", description="negative sampling, tree, full")
    dim: int = Field(100, ge=1, le=10_000, description="size of the vectors")
    epoch: int = Field(5, ge=0, le=1000, description="passes over the corpus")
    lr: float = Field(0.05, gt=0, le=100, description="initial learning rate, linear to 0")
    ws: int = Field(5, ge=1, le=1000, description="largest window to either side")
    neg: int = Field(5, ge=1, le=1000, description="negatives per pair (ns)")
    t: float = Field(1e-4, gt=0, le=1, description="subsampling threshold of frequent words")
    batch_size: int = Field(16, ge=1, le=65536, description="reference: centres per update; 1 is exact")
    updates: Literal["auto", "exact", "shared"] = Field(
        "auto", description="cpu, cuda: fastText's sequence, or neighbours share work; auto: cpu shares"
    )
    in_flight: int = Field(1024, ge=1, le=1 << 20, description="cuda: centres worked on at once")
    min_count: int = Field(5, ge=1, le=1 << 30, description="fewer occurrences: not in the vocabulary")
    minn: int = Field(3, ge=0, le=30, description="shortest character n-gram (Chinese: 1)")
    maxn: int = Field(6, ge=0, le=30, description="longest character n-gram (Chinese: 3)")
    languages: list[Language] = Field(["zh", "en", "mixed"], min_length=1, description="documents used")

    @model_validator(mode="after")
    def _no_word_ngrams(self) -> Pretrain:
        if self.word_ngrams != 1:
            raise ValueError("word_ngrams must be 1 in pretraining (fastText uses them in supervised only)")
        return self


class Finetune(DictionaryOptions):
    """A classifier from labelled documents, from random or pretrained vectors."""

    head: Literal["sgd", "linear", "auto"] = Field(
        "sgd", description="linear: support vector machines, folded; auto: what does best on validation"
    )
    seconds: float = Field(60, gt=0, le=604_800, description="of the search of head auto")
    strength: or_auto(float, gt=0, le=1e6) = Field("auto", description="C of head linear")  # type: ignore[valid-type]
    weighing: Literal["auto", "idf", "ratio"] = Field("auto", description="of features; auto: both, blended")
    vectors: or_auto(float, ge=0, le=100) = Field("auto", description="their weight in it")  # type: ignore[valid-type]
    size: str = Field(
        "", pattern=r"^([1-9][0-9]*[kKmMgG]?)?$", description="most bytes of head linear's .bin: 20M"
    )
    refit: bool = Field(False, description="learn from the validation split too, once it has chosen")
    pretrained_vectors: PathText = Field(
        "", description="vectors from elsewhere: a .vec, a .bin, a model's or static embeddings' folder"
    )
    adapter: str = Field(
        "",
        pattern=r"^([1-9][0-9]*[kKmMgG]?)?$",
        description="most bytes of what the task adds to its vectors' table, kept beside the model: 300k",
    )
    earlier: PathText = Field(
        "",
        description="a classifier that goes on learning: a folder or models:/NAME@champion; its words, labels and rows are "
        "the start, and its n-grams stay",
    )
    replay: Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern=r"^[1-9][0-9]*[kKmMgG]$")] = Field(
        0,
        description="texts, or bytes of them (20M), of all that was learnt from that are kept beside the model, and learnt "
        "from again with `earlier`",
    )
    self_training: int = Field(0, ge=0, le=20, description="rounds of learning from documents without label")
    lexicon: PathText | dict[str, list[str]] = Field(
        "",
        description="words whose label is known: a file (label: [word, word], or word<TAB>label), or the words",
    )
    lexicon_weight: float = Field(
        3.0, gt=0, le=1e6, description="of each such word, where a document weighs 1"
    )
    loss: Literal["softmax", "ova", "hs", "ns"] = Field("softmax", description="ova: several labels at once")
    dim: int | None = Field(None, ge=1, le=10_000, description="size of the vectors; default: pretrain.dim")
    epoch: int = Field(5, ge=0, le=10_000, description="passes over the training set")
    lr: float = Field(0.1, gt=0, le=100, description="initial learning rate, linear to 0")
    lr_head: float | None = Field(None, gt=0, le=100, description="the head's own; default: lr")
    neg: int = Field(5, ge=1, le=1000, description="negatives per example (ns)")
    batch_size: int = Field(16, ge=1, le=65536, description="documents per update; 1 is exact")
    in_flight: int = Field(1024, ge=1, le=1 << 20, description="cuda: documents worked on at once")
    freeze: Literal["none", "words", "all"] = Field(
        "none", description="words: rows that came from pretraining stay; all: only the head learns"
    )
    weight_decay: float = Field(0.0, ge=0, le=1, description="decay per update of the rows in use")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of a document's features left out")
    clip: float = Field(0.0, ge=0, le=1e6, description="largest gradient norm per update (0: off)")
    class_weights: Literal["none", "balanced"] | dict[str, float] = Field(
        "none", description="none, balanced, or {label: weight}"
    )
    patience: int = Field(0, ge=0, le=1000, description="stop after so many epochs without gain (0: off)")
    keep_best: bool = Field(True, description="keep the epoch with the best validation score")
    anchor: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of their way that rows of an earlier model go back to it in an epoch",
    )
    noise: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="share of characters changed in a second, noisy copy of each document (0: none)",
    )
    threshold: Literal["auto", "off"] | Annotated[float, Field(ge=0, le=1)] = Field(
        "auto",
        description="documents of several labels (or loss ova): from which probability on a label is said; auto: "
        "chosen on validation, by label where it has 50 documents there; off: one label",
    )

    @model_validator(mode="after")
    def _adapters_add_up(self) -> Finetune:
        if self.adapter and self.loss == "hs":
            raise ValueError(
                "adapter keeps scores that are sums over features, and loss hs has a path; set loss softmax"
            )
        if self.adapter and self.size:
            raise ValueError("adapter and size are two bounds of bytes; leave size out")
        return self

    @model_validator(mode="after")
    def _losses_suit(self) -> Finetune:
        if self.head == "linear" and self.loss not in ("softmax", "ova"):
            raise ValueError(
                f"loss {self.loss}: head linear knows softmax and ova; choose one of them, or set head sgd"
            )
        if self.self_training and self.loss == "ova":
            raise ValueError(
                "self_training says one label of a document, and loss ova is for several; set loss softmax, or "
                "self_training 0"
            )
        return self

    @model_validator(mode="after")
    def _one_start(self) -> Finetune:
        if self.earlier and (self.pretrained_vectors or self.adapter):
            raise ValueError("earlier is a start of its own; leave pretrained_vectors and adapter out")
        if self.earlier and self.head == "auto":
            raise ValueError("earlier goes on with the head that is named; set head linear or sgd")
        return self


STEPWISE = (
    "epoch",
    "lr",
    "lr_head",
    "batch_size",
    "in_flight",
    "dropout",
    "clip",
    "dim",
    "weight_decay",
    "patience",
    "keep_best",
    "freeze",
    "anchor",
    "adapter",
)  # options that tell of a training by steps: who gives one has chosen head sgd


class AutoFinetune(Finetune):
    """The same in the pipeline, where what is not given follows from the data (`training.effort`, `tasks.head`).

    Example:
        >>> AutoFinetune().head, AutoFinetune(lr=0.5).head
        ('default', 'sgd')
    """

    head: Literal["default", "sgd", "linear", "auto"] = Field(  # type: ignore[assignment]
        "default",
        description="linear: support vector machines, folded; auto: what does best on validation; default: linear with "
        "n-grams that suit the texts, or sgd where one of its options is given",
    )
    epoch: or_auto(int, ge=0, le=10_000) = Field(  # type: ignore[valid-type]
        "auto", description="passes over the training set; auto: the fewer documents, the more"
    )
    lr: or_auto(float, gt=0, le=100) = Field(  # type: ignore[valid-type]
        "auto", description="initial learning rate, linear to 0; auto: by the number of labels"
    )
    dropout: or_auto(float, ge=0, lt=1) = Field(  # type: ignore[valid-type]
        "auto", description="share of a document's features left out; auto: the more passes, the more"
    )
    keep_best: or_auto(bool) = Field(  # type: ignore[valid-type]
        "auto", description="keep the epoch with the best validation score; auto: not where dropout is on"
    )

    @model_validator(mode="before")
    @classmethod
    def _who_steps(cls, values: Any) -> Any:
        """Only a value that is not the default tells: a configuration read back from JSON has every key."""
        if not isinstance(values, dict) or values.get("head", "default") != "default":
            return values
        given = any(values.get(n, plain) != plain for n, plain in _plain_values(cls, STEPWISE))
        if given or values.get("loss") in ("hs", "ns"):
            return values | {"head": "sgd"}
        return values


def _plain_values(kind: type[Options], names: tuple[str, ...]) -> list[tuple[str, Any]]:
    return [(name, kind.model_fields[name].default) for name in names]


class Tune(Options):
    """A search for the fine-tuning options that do best on the validation split (`flows.tune`)."""

    duration: float = Field(300, gt=0, le=604_800, description="seconds of search")
    metric: str = Field(
        "f1", description="f1, f1:LABEL, precisionAtRecall:NN or recallAtPrecision:NN[:LABEL]"
    )
    predictions: int = Field(1, ge=1, le=1000, description="labels predicted for each document")
    keep: list[Literal["epoch", "lr", "dim", "word_ngrams", "minn", "maxn", "bucket"]] = Field(
        [], description="options of finetune that are not searched"
    )
