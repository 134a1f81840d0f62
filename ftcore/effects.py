"""Options that are set and do nothing: said before any work, with what would give them an effect.

Only a value that is not the default speaks: a configuration read back from JSON sets every key.

Example:
    >>> from ftcore.config import load_config
    >>> without_effect(load_config(overrides=["finetune.neg=10"]))
    ['finetune.neg has no effect: only loss ns draws negatives; set finetune.loss=ns']
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from ftcore.base.addresses import is_remote
from ftcore.reading.suffixes import FORMATS, suffixes

if TYPE_CHECKING:
    from ftcore.config import Config, Source

TABULAR = (
    "csv",
    "tsv",
    "jsonl",
    "json",
    "parquet",
    "arrow",
)  # formats whose documents have named or numbered columns
LINES = ("lines", "paragraphs", "wiki", "file", "mediawiki", "warc")  # formats that are nothing but text


class Rule(NamedTuple):
    """`keys` do nothing where `idle` holds, because of `why`."""

    keys: str
    idle: Callable[[Any], bool]
    why: str


RULES = (
    Rule(
        "runner_address",
        lambda c: c.runner not in ("dask", "ray"),
        "only a cluster has an address; set runner=dask or runner=ray",
    ),
    Rule(
        "text.stopwords.lists text.stopwords.keep text.stopwords.keep_negations",
        lambda c: c.text.stopwords.mode == "off",
        "no stopword is removed while text.stopwords.mode is off; set it to on, zh, en or lists",
    ),
    Rule(
        "text.stopwords.keep_negations",
        lambda c: c.text.stopwords.mode == "lists",
        "with text.stopwords.mode=lists your lists alone say what goes; leave it out",
    ),
    Rule(
        "text.normalize.urls",
        lambda c: "url" in c.text.normalize.mask,
        "URLs are masked first; take url out of text.normalize.mask",
    ),
    Rule(
        "text.normalize.emails",
        lambda c: "email" in c.text.normalize.mask,
        "e-mail addresses are masked first; take email out of text.normalize.mask",
    ),
    Rule(
        "filters.near.threshold filters.near.characters filters.near.words",
        lambda c: c.filters.dedup != "near",
        "near copies stay; set filters.dedup=near",
    ),
    Rule(
        "filters.max_blocked",
        lambda c: not c.filters.blocklist,
        "nothing is blocked; name files in filters.blocklist",
    ),
    Rule(
        "filters.identifier",
        lambda c: c.filters.preset == "off" and c.filters.min_language_score is None,
        "no language score is asked for; set filters.min_language_score",
    ),
    Rule("ingest.cache_bytes", lambda c: not any(_elsewhere(c)), "no source lies at an address; leave it out"),
    Rule(
        "filters.quality.keep_above filters.quality.keep_share filters.quality.label filters.quality.other",
        lambda c: not c.filters.quality.asked,
        "nothing is scored; set filters.quality.model or filters.quality.good",
    ),
    Rule(
        "filters.quality.documents filters.quality.dim filters.quality.epoch filters.quality.lr filters.quality.word_ngrams",
        lambda c: not c.filters.quality.good,
        "no quality model is learnt; set filters.quality.good",
    ),
    Rule("pretrain.neg", lambda c: c.pretrain.loss != "ns", "only loss ns draws negatives; set pretrain.loss=ns"),
    Rule("finetune.neg", lambda c: c.finetune.loss != "ns", "only loss ns draws negatives; set finetune.loss=ns"),
    Rule(
        "finetune.epoch finetune.lr finetune.lr_head finetune.batch_size finetune.dropout finetune.clip finetune.dim "
        "finetune.weight_decay finetune.patience finetune.keep_best finetune.freeze",
        lambda c: c.finetune.head == "linear",
        "head linear has one optimum, and neither passes nor a rate; set finetune.head=sgd",
    ),
    Rule(
        "finetune.seconds",
        lambda c: c.finetune.head != "auto",
        "they are those of a search; set finetune.head=auto",
    ),
    Rule(
        "finetune.lexicon_weight",
        lambda c: not c.finetune.lexicon,
        "there are no words to weigh; name finetune.lexicon",
    ),
    Rule(
        "finetune.strength finetune.weighing finetune.vectors finetune.refit finetune.size",
        lambda c: c.finetune.head == "sgd",
        "it belongs to head linear; set finetune.head=linear",
    ),
    Rule(
        "finetune.refit",
        lambda c: not may_validate(c),
        "there is no valid split to learn from afterwards; set split.valid above 0",
    ),
    Rule(
        "finetune.vectors",
        lambda c: not c.pretrain.enabled and not c.finetune.pretrained_vectors,
        "there are no vectors while pretrain.enabled is false; set it to true, or name finetune.pretrained_vectors",
    ),
    Rule(
        "finetune.anchor",
        lambda c: (
            c.finetune.head == "linear"
            or not (c.pretrain.enabled or c.finetune.earlier or c.finetune.pretrained_vectors)
        ),
        "it holds rows to those of an earlier model; set finetune.head=sgd and finetune.earlier",
    ),
    Rule(
        "rules.weight rules.overrule",
        lambda c: not c.rules.patterns,
        "there is no rule; name rules.patterns",
    ),
    Rule(
        "abstain.by",
        lambda c: not c.abstain.asked,
        "the model always answers; set abstain.coverage or abstain.accuracy",
    ),
    Rule("pretrain.minn", lambda c: c.pretrain.maxn == 0, "there are no character n-grams at pretrain.maxn=0"),
    Rule("pretrain.bucket", lambda c: c.pretrain.maxn == 0, "there are no character n-grams at pretrain.maxn=0"),
    Rule("finetune.minn", lambda c: c.finetune.maxn == 0, "there are no character n-grams at finetune.maxn=0"),
    Rule(
        "finetune.bucket",
        lambda c: c.finetune.maxn == 0 and c.finetune.word_ngrams == 1,
        "nothing is hashed; set finetune.word_ngrams or finetune.maxn",
    ),
    Rule(
        "tracking.weights",
        lambda c: not c.tracking.register_model,
        "nothing is registered while tracking.register_model is false; set it to true",
    ),
    Rule(
        "evaluate.similarity evaluate.analogies evaluate.neighbors",
        lambda c: not c.pretrain.enabled,
        "they look at pretrained vectors, and pretrain.enabled is false; set it to true",
    ),
    Rule(
        "finetune.freeze",
        lambda c: (
            not c.pretrain.enabled and not c.finetune.pretrained_vectors and c.finetune.freeze == "words"
        ),
        "no row comes from pretraining while pretrain.enabled is false; set it to true",
    ),
    Rule("threads", lambda c: c.deterministic, "a deterministic run has one thread; set deterministic=false"),
    Rule(
        "device",
        lambda c: c.engine == "cpu" and c.device.startswith("cuda"),
        "engine cpu runs on the processor; set engine=auto or engine=reference",
    ),
    Rule(
        "pretrain.updates",
        lambda c: c.engine == "reference",
        "only engines cpu and cuda share updates; set engine=cpu",
    ),
    Rule(
        "pretrain.in_flight finetune.in_flight",
        lambda c: c.engine != "cuda",
        "only engine cuda works on many at once; set engine=cuda",
    ),
    Rule(
        "pretrain.batch_size finetune.batch_size",
        lambda c: c.engine in ("cpu", "cuda"),
        "engines cpu and cuda take one example after the other; set engine=reference",
    ),
)  # fmt: skip

SOURCE_RULES = (
    Rule("header delimiter", lambda s: s.format not in ("csv", "tsv"), "only csv and tsv have one; set format"),
    Rule("text", lambda s: s.format in (*LINES, "fasttext"), "this format has no columns; leave it out"),
    Rule("label_names", lambda s: s.label is None and not s.labels_from_names, "no label is read; set label"),
    Rule("label label_separator", lambda s: s.format in LINES, "this format has no columns; set label_from, or format"),
    Rule("label_separator", lambda s: s.format == "fasttext", "labels stand in the text; leave it out"),
    Rule("na_values", lambda s: s.format not in ("csv", "tsv"), "only csv and tsv write missing values as words"),
    Rule("label_prefix", lambda s: s.format != "fasttext", "only format fasttext marks labels; set format: fasttext"),
    Rule("split_column", lambda s: s.format not in TABULAR, "this format has no columns; set split"),
    Rule("split_column", lambda s: s.split != "auto", "split fixes the whole source; keep one of them"),
)  # fmt: skip


def without_effect(config: Config) -> list[str]:
    """One sentence for every option that is set, not to its default, and changes nothing."""
    said = [
        f"{key} has no effect: {rule.why}"
        for rule in RULES
        if rule.idle(config)
        for key in rule.keys.split()
        if _is_set(config, key)
    ]
    for number, source in enumerate(config.ingest.sources):
        if format := format_of(source):
            said += _of_source(f"ingest.sources[{number}]", source.model_copy(update={"format": format}))
    for number, elsewhere in enumerate(_elsewhere(config)):
        if config.ingest.sources[number].credentials and not elsewhere:
            said.append(
                f"ingest.sources[{number}].credentials has no effect: the source lies here; leave it out"
            )
    said += _of_splits(config)
    return list(dict.fromkeys(said))


def without_effect_in_training(
    given: Mapping[str, Any], options: Any, *, vectors: bool, valid: bool, names: Mapping[str, str]
) -> list[str]:
    """The same of one training of a classifier, outside of the pipeline.

    Args:
        given: options of `ftcore.config.Finetune` that were set, not to their defaults.
        options: all of them.
        vectors: whether rows come from elsewhere.
        valid: whether there are documents that are scored.
        names: what options are called where they are set, if not as in the configuration.

    Example:
        >>> options = SimpleNamespace(head="linear", loss="softmax")
        >>> without_effect_in_training({"epoch": 9}, options, vectors=False, valid=False, names={})
        ['epoch has no effect: head linear has one optimum, and neither passes nor a rate; set head=sgd']
    """
    # of what is held out `valid` knows more than a configuration's splits
    of_files = {"split": SimpleNamespace(valid=1.0), "ingest": SimpleNamespace(sources=[])}
    whole = SimpleNamespace(finetune=options, pretrain=SimpleNamespace(enabled=True), **of_files)
    said = {}
    for name in given:
        rules = [rule for rule in RULES if f"finetune.{name}" in rule.keys.split()] if name in _TOLD else []
        why = [rule.why.replace("finetune.", "") for rule in rules if rule.idle(whole)]
        if name == "vectors" and not vectors:
            why.append("there are none; give pretrained vectors")
        if name in ("patience", "refit") and not valid:
            why.append("no documents are held out; give valid")
        if why:
            said[name] = f"{names.get(name, name)} has no effect: {why[0]}"
    return list(said.values())


_TOLD = (
    *("epoch", "lr", "dim", "dropout", "patience", "keep_best", "freeze"),
    *("strength", "weighing", "vectors", "refit", "size", "lexicon_weight"),
)  # others are taken without a word, as fastText takes them


def _of_source(place: str, source: Source) -> Iterator[str]:
    for rule in SOURCE_RULES:
        if rule.idle(source):
            for key in rule.keys.split():
                if _is_set(source, key):
                    yield f"{place}.{key} has no effect: {rule.why}"


def _elsewhere(config: Config) -> list[bool]:
    """Of each source, whether it lies at an address."""
    return [is_remote(source.path) or is_remote(config.data) for source in config.ingest.sources]


def _of_splits(config: Config) -> Iterator[str]:
    """A share of documents for testing where none is drawn by hash (a row of a split column may be empty)."""
    sources = config.ingest.sources
    if sources and all(s.split != "auto" for s in sources) and _is_set(config, "split.test"):
        yield "split.test has no effect: every source says which split it is; leave it out"


def _is_set(options: Any, key: str) -> bool:
    *groups, name = key.split(".")
    for group in groups:
        options = getattr(options, group)
    field = type(options).model_fields[name]
    return getattr(options, name) != field.get_default(call_default_factory=True)


def may_validate(config: Config) -> bool:
    """Whether a document can come into the valid split."""
    given = any(s.split == "valid" or s.split_column is not None for s in config.ingest.sources)
    return given or config.split.valid > 0


def format_of(source: Source) -> str:
    """The format that a source says, else the one that its path's suffix tells; "" where only the files can tell.

    Example:
        >>> from ftcore.config import Source
        >>> format_of(Source(path="logs/**/*.jsonl.zst")), format_of(Source(path="folder"))
        ('jsonl', '')
    """
    return source.format if source.format != "auto" else FORMATS.get(suffixes(source.path)[0], "")
