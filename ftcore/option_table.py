"""Every option of a training, once: its names, its default for each face, and what fastText's API takes.

The faces are fastText's Python API, its command line, the pipeline's configuration and scikit-learn's estimators.
The first two are made from this table. Where a face must be written out to be read (the models of `ftcore.config`,
`ftcore.model.model.Args`, the signatures of the estimators), tests/ftcore/test_option_table.py holds it against the
table: an option that one face alone has is an error there.

Source of names, order and defaults: fastText 0.9.3 ``python/fasttext_module/fasttext/FastText.py`` and ``src/args.cc``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

MOST = (1 << 31) - 1
ABSENT = type("Absent", (), {"__repr__": lambda self: "-"})()  # a face has no such option
Choice = tuple[str, ...]
Range = tuple[float, float]  # both included; a number is finite


class Option(NamedTuple):
    """One option.

    Attributes:
        name: here: in `ftcore.config` and `ftcore.model.model.Args`.
        api: in the Python API of fastText; "" where it is not offered there.
        kind: type of its values; `object` where they are more than numbers and words.
        supervised: default of ``train_supervised``, or what it trains with where `api` is "".
        words: the same of ``train_unsupervised``.
        finetune: default of the pipeline's classifier.
        pretrain: default of the pipeline's word vectors.
        classifier: default of `ftcore.ecosystem.FastTextClassifier`.
        vectorizer: default of `ftcore.ecosystem.FastTextVectorizer`.
        allowed: what the API takes: a range or words; None: what is checked elsewhere.
        also: a second name in the API.
        flag: on the command line; of fastText's own "" where it is `api`, of others where there is none.
        key: in the configuration, where it is not below ``finetune`` and ``pretrain``.
        estimator: in scikit-learn's estimators, where it is not `name`.
    """

    name: str
    api: str
    kind: type
    supervised: Any
    words: Any
    finetune: Any
    pretrain: Any
    classifier: Any
    vectorizer: Any
    allowed: Range | Choice | None = None
    also: str = ""
    flag: str = ""
    key: str = ""
    estimator: str = ""

    def default(self, supervised: bool) -> Any:
        """That of fastText."""
        return self.supervised if supervised else self.words

    def of_training(self, supervised: bool) -> bool:
        """Whether it is a field of `config.Finetune` or `config.Pretrain`."""
        return not self.key and (self.finetune if supervised else self.pretrain) is not ABSENT

    @property
    def least(self) -> Any:
        """The lower end of what the API takes; None where there is none."""
        return self.allowed[0] if self.allowed and self.kind in (int, float) else None

    @property
    def most(self) -> Any:
        """The upper end."""
        return self.allowed[1] if self.allowed and self.kind in (int, float) else None

    def is_plain(self, value: Any) -> bool:
        """Whether a value is allowed beyond doubt: of the very type, and in range."""
        if self.allowed is None:
            return self.kind is not bool or type(value) is bool
        if self.least is None:
            return isinstance(value, str) and value in self.allowed
        return type(value) is self.kind and self.least <= value <= self.most and value != _ENDLESS


_ = ABSENT
_ENDLESS = float("inf")
_ANY, _ONE, _REAL = (0, MOST), (1, MOST), (0, _ENDLESS)
_LOSSES, _SG, _LANGUAGES = ("hs", "ns", "softmax", "ova"), ("skipgram", "cbow"), ("zh", "en", "mixed")
_NO = "none"
# fmt: off
ORIGINAL = (  # fastText's, in the order of its functions' arguments
    #      name                  api                       kind   fastText                pipeline               scikit-learn
    #                                                             supervised  words       finetune   pretrain    classifier vectorizer
    Option("model",              "model",                  str,   _,          "skipgram", _,         "skipgram", _,         "skipgram", _SG),
    Option("lr",                 "lr",                     float, 0.1,        0.05,       "auto",    0.05,       0.1,       0.05, _REAL),
    Option("dim",                "dim",                    int,   100,        100,        None,      100,        100,       100, _ONE),
    Option("ws",                 "ws",                     int,   5,          5,          _,         5,          _,         5, _ONE),
    Option("epoch",              "epoch",                  int,   5,          5,          "auto",    5,          5,         5, _ANY),
    Option("min_count",          "minCount",               int,   1,          5,          1,         5,          1,         1, _ONE, "min_count"),
    Option("min_count_label",    "minCountLabel",          int,   0,          0,          0,         0,          _,         _, _ANY),
    Option("minn",               "minn",                   int,   0,          3,          0,         3,          0,         3, _ANY),
    Option("maxn",               "maxn",                   int,   0,          6,          0,         6,          0,         6, _ANY),
    Option("neg",                "neg",                    int,   5,          5,          5,         5,          5,         5, _ANY),
    Option("word_ngrams",        "wordNgrams",             int,   1,          1,          1,         1,          1,         _, _ONE, "word_ngrams"),
    Option("loss",               "loss",                   str,   "softmax",  "ns",       "softmax", "ns",       "auto",    "ns", _LOSSES),
    Option("bucket",             "bucket",                 int,   2_000_000,  2_000_000,  2_000_000, 2_000_000,  2_000_000, 2_000_000, (0, 2_000_000_000)),
    Option("thread",             "thread",                 int,   12,         12,         0,         0,          None,      None, _ONE, key="threads", estimator="n_jobs"),
    Option("lr_update_rate",     "lrUpdateRate",           int,   100,        100,        _,         _,          _,         _, _ANY, "lr_update_rate"),
    Option("t",                  "t",                      float, 1e-4,       1e-4,       _,         1e-4,       _,         1e-4, _REAL),
    Option("label",              "label",                  str,   "__label__", "__label__", "__label__", "__label__", _,    _, None, "label_prefix", key="ingest.sources.0.label_prefix"),
    Option("verbose",            "verbose",                int,   2,          2,          _,         _,          _,         _),
    Option("pretrained_vectors", "pretrainedVectors",      object, "",        "",         "",        _,          None,      None, None, "pretrained_vectors", estimator="pretrained"),
    Option("seed",               "seed",                   int,   0,          0,          0,         0,          None,      None, _ANY, key="seed", estimator="random_state"),
    Option("validation",         "autotuneValidationFile", object, "",        _,          _,         _,          _,         _, flag="autotune-validation"),
    Option("metric",             "autotuneMetric",         str,   "f1",       _,          "f1",      _,          _,         _, flag="autotune-metric", key="tune.metric"),
    Option("predictions",        "autotunePredictions",    int,   1,          _,          1,         _,          _,         _, flag="autotune-predictions", key="tune.predictions"),
    Option("duration",           "autotuneDuration",       int,   300,        _,          300,       _,          _,         _, flag="autotune-duration", key="tune.duration"),
    Option("model_size",         "autotuneModelSize",      str,   "",         _,          _,         _,          _,         _, flag="autotune-modelsize"),
)
OWN = (  # ours, which the API takes by name alone, fastText's command line where they have a flag
    Option("init_model",         "init_model",             object, None,      None,       _,         _,          _,         _, flag="init-model"),
    Option("valid",              "valid",                  object, None,      _,          _,         _,          _,         _, flag="valid"),
    Option("patience",           "patience",               int,   0,          _,          0,         _,          _,         _, (0, 1000), flag="patience"),
    Option("keep_best",          "keep_best",              bool,  True,       _,          "auto",    _,          _,         _),
    Option("callbacks",          "callbacks",              object, (),        (),         _,         _,          _,         _),
    Option("checkpoint",         "checkpoint",             object, None,      None,       _,         _,          _,         _),
    Option("class_weights",      "class_weights",          object, None,      _,          _NO,       _,          None,      _, (_NO, "balanced"), estimator="class_weight", flag="class-weights"),
    Option("sample_weights",     "sample_weights",         object, None,      _,          _,         _,          _,         _),
    Option("freeze",             "freeze",                 str,   _NO,        _,          _NO,       _,          _NO,       _, (_NO, "words", "all"), flag="freeze"),
    Option("updates",            "updates",                str,   _,          "auto",     _,         "auto",     _,         _, ("auto", "exact", "shared"), flag="updates"),
    Option("head",               "head",                   str,   "sgd",      _,          "default", _,          "sgd",     _, ("sgd", "linear", "auto"), flag="head"),
    Option("seconds",            "",                       float, 60.0,       _,          60,         _,          _,         _),
    Option("self_training",      "self_training",          int,   0,          _,          0,         _,          _,         _, (0, 20), flag="self-training"),
    Option("lexicon",            "lexicon",                object, "",        _,          "",         _,          _,         _, flag="lexicon"),
    Option("lexicon_weight",     "lexicon_weight",         float, 3.0,        _,          3.0,        _,          _,         _, (1e-9, 1e6), flag="lexicon-weight"),
    Option("strength",           "strength",               object, "auto",    _,          "auto",    _,          _,         _, ("auto",), flag="strength"),
    Option("weighing",           "weighing",               str,    "auto",    _,          "auto",    _,          _,         _, ("auto", "idf", "ratio"), flag="weighing"),
    Option("vectors",            "vectors",                object, "auto",    _,          "auto",    _,          _,         _, ("auto",), flag="vectors"),
    Option("size",               "size",                   str,   "",         _,          "",         _,          _,         _, ("",), flag="size"),
    Option("adapter",            "",                       str,   "",         _,          "",         _,          _,         _),
    Option("earlier",            "",                       str,   "",         _,          "",         _,          _,         _),
    Option("replay",             "",                       int,   0,          _,          0,          _,          _,         _),
    Option("refit",              "refit",                  bool,  False,      _,          False,      _,          _,          _, flag="refit"),
    Option("batch_size",         "",                       int,   1,          1,          16,        16,         _,         _, _ONE),
    Option("in_flight",          "",                       int,   1024,       1024,       1024,      1024,      _,         _, _ONE),
    Option("lr_head",            "",                       float, None,       _,          None,      _,          _,         _),
    Option("weight_decay",       "",                       float, 0.0,        _,          0.0,       _,          _,         _),
    Option("dropout",            "",                       float, 0.0,        _,          "auto",    _,          _,         _),
    Option("clip",               "",                       float, 0.0,        _,          0.0,       _,          _,         _),
    Option("anchor",             "",                       float, 0.0,        _,          0.0,       _,          _,         _),
    Option("noise",              "noise",                  float, 0.0,        _,          0.0,       _,          _,         _, (0, 0.5), flag="noise"),
    Option("threshold",          "",                       object, "auto",    _,          "auto",    _,          _,         _),
    Option("enabled",            "",                       bool,  _,          True,       _,         True,       _,         _),
    Option("languages",          "",                       object, _,         _LANGUAGES, _,         list(_LANGUAGES), _,   _),
)
# fmt: on
OPTIONS = ORIGINAL + OWN
BY_NAME = {option.name: option for option in OPTIONS}
BY_API = {option.api: option for option in OPTIONS if option.api}
API = {option.name: option.api for option in OPTIONS if option.api}
