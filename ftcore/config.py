"""Every option of ftcore: its name, default, range and meaning, in one tree of frozen models.

The same models are read from YAML, overridden by ``key=value`` on the command line and serve as
the parameters of the Prefect flows. Unknown keys, wrong types and values out of range are refused
by `load_config` before any work, naming the key, the value and what is allowed.

Example:
    >>> load_config(overrides=["pretrain.dim=50"]).pretrain.dim
    50
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from ftcore.base.yaml_tree import NOWHERE, Path_, Place, Places, read
from ftcore.errors import InvalidOptions
from ftcore.filter_options import Language as Language
from ftcore.filter_options import NearCopies as NearCopies
from ftcore.filter_options import TextFilters
from ftcore.options import AnyPath, Options, PathText, by_key, describe, explain, merge, override
from ftcore.options import digest as digest  # callers say config.digest(options)
from ftcore.training_options import AutoFinetune as AutoFinetune
from ftcore.training_options import DictionaryOptions as DictionaryOptions
from ftcore.training_options import Finetune as Finetune
from ftcore.training_options import Pretrain as Pretrain
from ftcore.training_options import Tune as Tune
from ftcore.trust_options import Abstain as Abstain
from ftcore.trust_options import LabelErrors as LabelErrors
from ftcore.trust_options import RuleOptions as RuleOptions

Lines = Literal["lines", "jsonl", "json", "fasttext"]
Masked = Literal["url", "email", "ip", "id", "card", "phone"]
Split = Literal["train", "valid", "test", "unlabelled"]
Mark = Literal["P", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So"]
NA_VALUES = [  # what pandas.read_csv takes for missing
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
]


# ------------------------------------------------------------------------------------ ingestion
class Source(Options):
    """One place documents come from: a file, a directory or a glob, and how to read it."""

    path: AnyPath = Field(
        description="file, directory, glob, or tar/zip archive of files, here or at s3://, http(s)://, hf:// or "
        "elsewhere; relative paths start at `data`"
    )
    credentials: str = Field(
        "",
        description="of an address: a Prefect block (secret/NAME, aws-credentials/NAME) or env:NAME, a variable "
        "with fsspec's options as JSON; default: those of the environment (AWS_…, HF_TOKEN)",
    )
    name: str = Field("", description="short name in ids and reports; default: the path's stem")
    format: Literal[
        "auto", Lines, "paragraphs", "file", "csv", "tsv", "parquet", "arrow", "wiki", "mediawiki", "warc"
    ] = Field(
        "auto",
        description="lines: a document a line; paragraphs: blank-line separated; file: a document a file; "
        "wiki: WikiExtractor <doc>; mediawiki: a dump's XML; json: however it is laid out (jsonl notices); auto: "
        "by the file name's suffix (.txt lines, .jsonl/.json jsonl, .csv, .tsv, .parquet, .arrow, .warc/.wet warc)",
    )
    encoding: str = Field("auto", description="auto: UTF-8, GB18030, Big5, UTF-16 or BOM; or a Python codec")
    header: bool = Field(True, description="csv/tsv: the first row names the columns")
    delimiter: str = Field("", description="csv/tsv: one character; default , for csv and tab for tsv")
    text: list[str | int] = Field(
        ["text"], min_length=1, description="columns by name (a.b: b inside a) or 0-based number"
    )
    label: str | int | list[str | int] | None = Field(
        None,
        description="label column by name or number, or several, whose labels unite (for fasttext: any value "
        "turns labels on)",
    )
    label_from: Literal["column", "folder", "file", "indicators"] = Field(
        "column",
        description="folder: the name of the folder that holds the file; file: the file's name without "
        "suffix; indicators: the names of those columns of `label` that hold 1 or true",
    )
    label_separator: str = Field("", description='what separates several labels in a cell, e.g. ","')
    label_names: dict[str, str] = Field(
        {}, description="rename labels, e.g. {'0': neg, '1': pos}; an unlisted label stays as it is"
    )
    label_prefix: str = Field("__label__", description="fasttext format: what marks a label")
    language: Literal["auto", "zh", "en", "mixed"] = Field("auto", description="fix the language")
    split: Literal["auto", "train", "valid", "test"] = Field(
        "auto", description="auto: by hash of the document; else the whole source goes there"
    )
    split_column: str | int | None = Field(
        None, description="a column that says train, valid or test for each document"
    )
    na_values: list[str] = Field(
        NA_VALUES, description="csv/tsv: cells that are missing values; default: those of pandas.read_csv"
    )

    @property
    def labels_from_names(self) -> bool:
        """Whether the name of a folder or file is the label."""
        return self.label_from in ("folder", "file")

    @property
    def label_columns(self) -> list[str | int]:
        """The columns that labels are in."""
        if self.label is None or self.labels_from_names:
            return []
        return self.label if isinstance(self.label, list) else [self.label]

    @model_validator(mode="after")
    def _options_agree(self) -> Source:
        if len(self.delimiter) > 1:
            raise ValueError(f"delimiter must be one character, not {self.delimiter!r}")
        if self.label == []:
            raise ValueError("label names no column; leave it out, or name one")
        if self.labels_from_names and self.label is not None:
            raise ValueError(f"label_from: {self.label_from} takes no column; leave `label` out")
        if self.label_from == "indicators" and self.label is None:
            raise ValueError("label_from: indicators needs the columns; name them in `label`")
        if self.label_separator and (self.label is None or self.label_from != "column"):
            raise ValueError("label_separator has no effect without a label column; name it in `label`")
        return self


class Ingest(Options):
    """Which sources to read and what is too broken to go on."""

    sources: list[Source] = Field([], description="earlier sources win when a document occurs twice")
    max_document_bytes: int = Field(1_000_000, ge=100, le=1 << 30, description="longer ones are quarantined")
    max_reject_share: float = Field(
        0.05, ge=0, le=1, description="stop when more than this share of the documents is rejected"
    )
    part_bytes: int = Field(32_000_000, ge=10_000, le=1 << 34, description="larger files are cut into parts")
    cache_bytes: int = Field(
        20_000_000_000, ge=0, description="disk for files fetched from elsewhere, beside those in use"
    )


# ------------------------------------------------------------------------------------- cleaning
class Normalize(Options):
    """From raw characters to comparable ones, before segmentation."""

    html: bool = Field(True, description="strip HTML tags and entities")
    urls: Literal["keep", "remove"] = Field("keep", description="URLs")
    emails: Literal["keep", "remove"] = Field("keep", description="e-mail addresses")
    mask: list[Masked] = Field([], description="what becomes one word: personal data, see text/masks.py")
    width: bool = Field(True, description="full-width letters and digits to half-width")
    simplify: bool = Field(False, description="traditional to simplified Chinese (OpenCC t2s)")
    lowercase: bool = Field(True, description="tokens in lower case (after jieba, whose words know capitals)")


class Segment(Options):
    """How text is cut into tokens."""

    engine: Literal["native", "reference"] = Field(
        "native", description="native: jieba's cut in our core; reference: jieba itself, the same tokens"
    )
    hmm: bool = Field(True, description="jieba's HMM for unknown words")
    user_dict: list[PathText] = Field([], description="jieba user dictionaries (files)")
    protect: bool = Field(True, description="cut C++, .NET, 3.5, URLs out before jieba; off: jieba's tokens")
    punctuation: Literal["remove", "keep", "split"] = Field(
        "remove", description="remove; keep: as jieba leaves it; split: every mark is a token"
    )
    marks: list[Mark] = Field(
        ["P", "Sm", "Sc", "Sk"],
        description="Unicode categories that count as punctuation; an emoji counts as So. With So none is kept",
    )

    @model_validator(mode="after")
    def _marks_are_used(self) -> Segment:
        if self.punctuation == "keep" and self.marks != type(self).model_fields["marks"].default:
            raise ValueError(
                "marks has no effect with punctuation keep; leave it out, or set remove or split"
            )
        return self


class Stopwords(Options):
    """Stopwords from stopwords-iso and the user's own lists."""

    mode: Literal["off", "on", "zh", "en", "lists"] = Field(
        "off", description="off, on (both languages), one language, or your own lists alone"
    )
    lists: list[PathText] = Field([], description="further lists, a word a line")
    keep: list[str] = Field([], description="words never removed")
    keep_negations: bool = Field(True, description="不 没 别 not never n't … stay")


class Text(Options):
    """The whole way from a raw string to tokens; travels inside the model."""

    normalize: Normalize = Normalize()
    segment: Segment = Segment()
    stopwords: Stopwords = Stopwords()


_Least: Any = by_key(float, Language, ge=0, le=1)
_Part: Any = by_key(float, Language, gt=0, le=1)


class Quality(Options):
    """A score for each document, the probability of a label; it becomes a column of the shards.

    The classifier is one that was trained before, or is learnt from good documents and others.
    """

    model: PathText = Field(
        "", description='a classifier: .bin, .ftz or a model\'s folder; "": one is learnt, if good is given'
    )
    label: str = Field("good", description="of the model, whose probability is the score")
    good: list[Source] = Field([], description="documents as they should be")
    other: list[Source] = Field(
        [], description="documents to tell them from; default: random ones of ingest.sources"
    )
    documents: int = Field(
        5_000, ge=10, le=10_000_000, description="learnt from: of each class and language, at most"
    )
    dim: int = Field(64, ge=1, le=10_000, description="size of the learnt model's vectors")
    epoch: int = Field(5, ge=1, le=1000, description="passes over the documents learnt from")
    lr: float = Field(0.2, gt=0, le=100, description="initial learning rate, linear to 0")
    word_ngrams: int = Field(2, ge=1, le=10, description="longest word n-gram")
    keep_above: _Least = Field(None, description="documents that score less are dropped")
    keep_share: _Part = Field(
        None, description="the share of each language's documents that stays, those with the highest scores"
    )

    @model_validator(mode="after")
    def _ways_agree(self) -> Quality:
        if self.model and (self.good or self.other):
            raise ValueError("model is scored with, good and other are learnt from; give one or the other")
        if self.keep_above is not None and self.keep_share is not None:
            raise ValueError("keep_above and keep_share are two ways to say what stays; give one of them")
        return self

    @property
    def asked(self) -> bool:
        """Whether documents are scored."""
        return bool(self.model or self.good)


class Filters(TextFilters):
    """Which documents stay: by `TextFilters` each for itself, then by their scores."""

    quality: Quality = Quality()


class Shards(Options):
    """Parquet output of preparation."""

    rows: int = Field(100_000, ge=10, le=100_000_000, description="documents per shard, on average")
    row_group: int = Field(10_000, ge=1, le=10_000_000, description="documents per row group")


class SplitShares(Options):
    """Shares of the labelled documents held out, by hash of the document."""

    valid: float = Field(0.1, ge=0, lt=1, description="share for validation")
    test: float = Field(0.1, ge=0, lt=1, description="share for testing")

    @model_validator(mode="after")
    def _something_is_left(self) -> SplitShares:
        if self.valid + self.test >= 1:
            raise ValueError(f"valid + test is {self.valid + self.test}; it must leave some for train")
        return self


# -------------------------------------------------------------------------------------- training
class Evaluate(Options):
    """Scores of the fine-tuned model on the test split."""

    baseline: Literal["linear", "majority", "off"] = Field(
        "linear",
        description="what stands beside the scores: a linear TF-IDF model, the largest label, nothing",
    )
    top_k: list[int] = Field([1, 3], min_length=1, description="precision and recall at k")
    similarity: list[PathText] = Field(
        [], description="word-pair files `w1 w2 score`, for pretrained vectors"
    )
    analogies: list[PathText] = Field([], description="analogy files `a b c d`, `: section` lines")
    neighbors: list[str] = Field([], description="words whose nearest neighbours are listed")
    errors: int = Field(50, ge=0, le=100_000, description="examples of errors in the report")
    robustness: int = Field(
        0,
        ge=0,
        description="test documents whose accuracy under noise is measured, for the report",
    )
    calibration_bins: int = Field(15, ge=2, le=1000, description="bins of the reliability diagram")


# -------------------------------------------------------------------------------------- pipeline
class Tracking(Options):
    """Where MLflow keeps runs and models."""

    uri: str = Field("", description="MLflow server; default: SQLite inside `store`")
    experiment: str = Field("ftcore", min_length=1, max_length=200, description="experiment of the runs")
    model_name: str = Field(
        "ftcore", min_length=1, max_length=256, description="name in the model registry (no / and no :)"
    )
    register_model: bool = Field(True, description="register the fine-tuned model as a new version")
    weights: Literal["float32", "float16", "int8"] = Field(
        "float32",
        description="of the registered model: a half or a quarter of the bytes; the accuracy lost is printed",
    )
    system_metrics: bool = Field(True, description="CPU, memory and GPU curves beside the run")

    @field_validator("experiment", "model_name")
    @classmethod
    def _is_a_name(cls, name: str, info: ValidationInfo) -> str:
        """What MLflow would refuse after the training; an experiment is a folder of the store as well."""
        bad = [c for c in name if not c.isprintable() or (c in "/:" and info.field_name == "model_name")]
        if bad:
            raise ValueError(f"{bad[0]!r} cannot be part of the name; leave it out, or put - in its place")
        if not name.strip() or any(part in ("", ".", "..") for part in name.split("/")):
            raise ValueError("this is no name; give it a letter or a digit, and no empty part")
        return name


class Config(Options):
    """The whole pipeline: raw text to a registered, evaluated model."""

    extends: str = Field("", description="a YAML file these options start from; what is given here wins")
    name: str = Field("ftcore", min_length=1, pattern=r"^[\w.-]+$", description="name of the runs")
    data: AnyPath = Field(".", description="where relative source paths start; may be an address")
    store: PathText = Field("runs", description="the one folder that everything is written to")
    seed: int = Field(0, ge=0, le=(1 << 31) - 1, description="of every random choice")
    workers: int = Field(
        0, ge=0, le=1024, description="processes of preparation, threads of scoring (0: one a core)"
    )
    runner: Literal["processes", "threads", "dask", "ray"] = Field(
        "processes", description="what prepares the parts of the corpus; dask and ray are extras"
    )
    runner_address: str = Field(
        "", description='of a Dask or Ray cluster, whose workers see data and store ("": one is started here)'
    )
    engine: Literal["auto", "cpu", "reference", "cuda"] = Field("auto", description="training engine")
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?)$",
        description="auto: where the engine runs that was measured to be fastest",
    )
    shard_rows: bool = Field(
        False,
        description="with torchrun: rows of the word vectors spread over the processes' devices, for more than one holds",
    )
    deterministic: bool = Field(True, description="one thread, same bytes for the same seed")
    threads: int = Field(0, ge=0, le=1024, description="if not deterministic (0: one a core)")
    checkpoint_seconds: float = Field(60, ge=0, le=86_400, description="between training checkpoints")
    ingest: Ingest = Ingest()
    text: Text = Text()
    filters: Filters = Filters()
    split: SplitShares = SplitShares()
    shards: Shards = Shards()
    pretrain: Pretrain = Pretrain()
    finetune: AutoFinetune = AutoFinetune()
    tune: Tune = Tune()
    rules: RuleOptions = RuleOptions()
    abstain: Abstain = Abstain()
    evaluate: Evaluate = Evaluate()
    label_errors: LabelErrors = LabelErrors()
    tracking: Tracking = Tracking()

    @field_validator("store")
    @classmethod
    def _databases_can_be_named(cls, store: str) -> str:
        bad = [c for c in store if c == "?" or not c.isprintable()]
        if bad or not store.strip():
            what = f"{bad[0]!r} cannot be part of it" if bad else "it is empty"
            raise ValueError(f"{what} (the address of a SQLite file would end there); choose another folder")
        return store

    @model_validator(mode="before")
    @classmethod
    def _start_from_file(cls, tree: Any) -> Any:
        """The parameters of a deployment may name a file; a relative one starts at the working directory."""
        return started_from(tree, {}, Path())[0] if isinstance(tree, dict) else tree

    @model_validator(mode="after")
    def _dimensions_agree(self) -> Config:
        if self.pretrain.enabled and self.finetune.pretrained_vectors:
            raise ValueError(
                "finetune.pretrained_vectors and pretrain.enabled: rows start at one of them only; "
                "set pretrain.enabled=false, or leave finetune.pretrained_vectors out"
            )
        if self.pretrain.enabled and self.finetune.earlier:
            raise ValueError(
                "finetune.earlier and pretrain.enabled: rows start at one of them only; set pretrain.enabled=false"
            )
        if self.finetune.replay and self.rules.teaching:
            raise ValueError(
                "finetune.replay and rules.patterns: labels that rules guess are not kept to be learnt again; "
                "set rules.weight=0, or leave finetune.replay out"
            )
        if self.finetune.adapter and not (self.pretrain.enabled or self.finetune.pretrained_vectors):
            raise ValueError(
                "finetune.adapter stands on the table of pretrained vectors, and there are none; name them in "
                "finetune.pretrained_vectors, or set pretrain.enabled=true"
            )
        if self.pretrain.enabled and self.finetune_dim != self.pretrain.dim:
            raise ValueError(
                f"finetune.dim {self.finetune.dim} must equal pretrain.dim {self.pretrain.dim}; "
                "leave finetune.dim out, or set pretrain.enabled=false"
            )
        return self

    @property
    def finetune_dim(self) -> int:
        """Size of the classifier's vectors: its own, else the pretrained ones'."""
        return self.finetune.dim or self.pretrain.dim


def load_config(path: str | Path | None = None, overrides: Sequence[str] = ()) -> Config:
    """Read YAML, apply ``key=value`` overrides, validate; a `UserError` names what is wrong.

    Args:
        path: a YAML file, or None for the defaults.
        overrides: dotted assignments, values in YAML syntax (``finetune.epoch=3``,
            ``ingest.sources.0.path=other.csv``).
    """
    tree: dict[str, Any] = {}
    places: dict[Path_, Place] = {}
    if path is not None:
        tree, places = started_from(*read(Path(path)), Path(path).parent)
    for item in overrides:
        places |= override(tree, item)
    return parse_config(tree, where=str(path) if path else "configuration", places=places)


def started_from(
    tree: dict[str, Any], places: dict[Path_, Place], folder: Path, before: tuple[Path, ...] = ()
) -> tuple[dict[str, Any], dict[Path_, Place]]:
    """A tree on top of those that its ``extends`` names, one after the other; relative ones start at `folder`.

    Raises:
        UserError: a file that is missing or extends itself.
    """
    named = tree.get("extends")
    if not named:
        return tree, places
    path = folder / Path(str(named)).expanduser()
    if path.resolve() in before:
        raise InvalidOptions(f"extends: {path} extends itself; name another file to start from")
    base, below = started_from(*read(path), path.parent, (*before, path.resolve()))
    change = {k: v for k, v in tree.items() if k != "extends"}
    return merge(base, change), below | places


def parse_config(tree: dict[str, Any], where: str = "configuration", places: Places = NOWHERE) -> Config:
    """Validate a plain tree (from YAML or a flow's parameters) into a `Config`.

    Args:
        where: what errors call the tree where `places` has no line of a file.
    """
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        lines = [explain(e, Config, places) for e in error.errors()]
        whole = "\n  ".join(lines)
        raise InvalidOptions(whole if whole.startswith(f"{where}:") else f"{where}: {whole}") from None


def describe_options() -> list[tuple[str, str, str, str]]:
    """(dotted key, default, what is allowed, meaning) of every option, groups unfolded.

    Example:
        >>> [row[:3] for row in describe_options() if row[0] == "pretrain.dim"]
        [('pretrain.dim', '100', '>= 1 and <= 10000')]
    """
    return describe(Config)
