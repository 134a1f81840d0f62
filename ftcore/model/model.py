"""A model as a plain value: arguments, dictionary, two matrices, labels, and the segmenter that its text went through.

Every format reads and writes one, the predictor and the vectors answer for one, and trained tables become one
without being copied. `ftcore.FastText` (torch), the fastText API, the estimators and the pyfunc are its faces.
Source of the arguments: fastText 0.9.3 ``src/args.cc`` (``Args::save``) and ``src/fasttext.cc`` (``saveModel``).
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ftcore.dictionary.dictionary import Dictionary
    from ftcore.model.abstention import Abstention
    from ftcore.model.quantize import QuantMatrix
    from ftcore.model.rules import Rules
    from ftcore.model.thresholds import Thresholds
    from ftcore.text.tokenizer import Tokenizer, Whitespace

log = logging.getLogger(__name__)
LOSSES = ("hs", "ns", "softmax", "ova")  # numbers 1..4 in a file
MODELS = ("cbow", "skipgram", "supervised")  # 1..3
PREFIX = "__label__"  # of a label in a file of fastText's

Label = str | int  # of the user's documents; the dictionary has its name


@dataclass(frozen=True)
class Args:
    """Arguments of a training, by fastText's names in snake case. The first thirteen are in a file.

    Example:
        >>> Args(model="supervised", loss="softmax").dim
        100
    """

    dim: int = 100
    ws: int = 5
    epoch: int = 5
    min_count: int = 5
    neg: int = 5
    word_ngrams: int = 1
    loss: str = "ns"
    model: str = "skipgram"
    bucket: int = 2_000_000
    minn: int = 3
    maxn: int = 6
    lr_update_rate: int = 100
    t: float = 1e-4
    # not in a file; what a loaded model has is fastText's defaults
    lr: float = 0.05
    min_count_label: int = 0
    label: str = "__label__"
    thread: int = 12
    seed: int = 0

    @property
    def supervised(self) -> bool:
        """Whether the output rows are labels, and not words."""
        return self.model == "supervised"

    @classmethod
    def of(cls, dictionary: Dictionary, dim: int, loss: str, kind: str, seed: int) -> Args:
        """Those of a model whose labels have no prefix; what no model keeps (epochs, a rate) is the default."""
        own = asdict(dictionary.options) | {"bucket": dictionary.bucket}
        return cls(dim=dim, loss=loss, model=kind, seed=seed, label="", **own)


IN_FILE = tuple(field.name for field in fields(Args))[:13]  # in a file's order


@dataclass
class Model:
    """Everything a `.bin`, an `.ftz` or a model directory holds.

    Attributes:
        args: see `Args`. Its ``label`` is the prefix by which a word of a line is a label; "" where none is.
        dictionary: words and labels; its ``bucket_rows`` say which buckets have a row of `input`.
        input: float32[dictionary.rows, D] (a memory map, for a large file, and then seldom aligned to
            four bytes), a `QuantMatrix`, or the `AdaptedRows` of a task on a shared table.
        output: float32[O, D] or a `QuantMatrix`; O = nlabels (supervised), else nwords.
        seed: makes the initial rows of buckets without one (`OccurringBuckets`), see `initial_rows`.
        version: of the file read; files are written as 12, or as they were read.
        path: of the file read, for messages.
        kept: values of the file read that mean nothing to the model but are written back as they were:
            ``maxn`` of a supervised model of version 11, ``qout`` of a `.bin`.
        tokenizer: raw text -> tokens; None where the model takes tokens, as fastText's own files do.
        values: the labels as users have them, by id; default: their names without the prefix.
        thresholds: from which probability on a label is said, where texts may have several.
        abstention: from which certainty on an answer is given; None: always.
        rules: patterns that overrule the answers; None: there are none.
        sparse: whether torch makes sparse gradients for `input`.
    """

    args: Args
    dictionary: Dictionary
    input: np.ndarray | QuantMatrix
    output: np.ndarray | QuantMatrix
    seed: int = 0
    version: int = 12
    path: str = field(default="", compare=False)
    kept: dict[str, int] = field(default_factory=dict, compare=False)
    tokenizer: Tokenizer | Whitespace | None = field(default=None, compare=False)
    values: list[Label] | None = None
    thresholds: Thresholds | None = None
    sparse: bool = False
    abstention: Abstention | None = None
    rules: Rules | None = None

    @property
    def quantized(self) -> bool:
        """Whether the input is a product-quantised matrix."""
        return hasattr(self.input, "codes")

    @property
    def labels(self) -> list[Label]:
        """The labels' values by id; empty where the model has no classifier."""
        if not self.args.supervised:
            return []
        if self.values is not None:
            return self.values
        return [name.removeprefix(self.args.label) for name in self.dictionary.labels]

    def with_prefix(self, prefix: str = PREFIX, told: bool = True) -> Model:
        """The same model as fastText's files have one: labels with a prefix, tokens instead of text, float32.

        The matrices are shared. A word of the text that starts with the prefix is a label there.

        Args:
            prefix: Of labels.
            told: Whether a warning names what such a model does not hold, thresholds, abstention and rules.

        Example:
            >>> model.with_prefix().dictionary.labels
            ['__label__good', '__label__dull']
        """
        lost = [name for name in ("thresholds", "abstention", "rules") if getattr(self, name) is not None]
        if told and lost:
            log.warning(
                "fastText's format holds no %s: who answers by it says all labels as computed",
                " and no ".join(lost),
            )
        names = [prefix + name.removeprefix(self.args.label) for name in self.dictionary.labels]
        return replace(
            self.in_float32(), args=replace(self.args, label=prefix), dictionary=self.dictionary.changed(labels=names),
            tokenizer=None, values=None, thresholds=None, sparse=False, abstention=None, rules=None,
        )  # fmt: skip

    def in_float32(self) -> Model:
        """The model with matrices that the predictor reads; the same one where they are."""
        input, output = (
            np.asanyarray(m, np.float32) if isinstance(m, np.ndarray) else m
            for m in (self.input, self.output)
        )
        same = input is self.input and output is self.output
        return self if same else replace(self, input=input, output=output)

    @property
    def dense(self) -> tuple[np.ndarray, np.ndarray]:
        """Both matrices of a model that is not quantised."""
        input, output = self.written_out().input, self.output
        assert isinstance(input, np.ndarray) and isinstance(output, np.ndarray), "a quantised model"
        return input, output

    def written_out(self) -> Model:
        """Itself; one on a shared table (`ftcore.model.adapted`) with a matrix of its own."""
        made_as_asked = not isinstance(self.input, np.ndarray) and not self.quantized
        return replace(self, input=np.asarray(self.input)) if made_as_asked else self

    def of_tokens(self, told: bool = True) -> Model:
        """Itself where it takes tokens, else `with_prefix`: what fastText's API answers for."""
        return self if self.tokenizer is None else self.with_prefix(told=told)
