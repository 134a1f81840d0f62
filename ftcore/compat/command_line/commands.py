"""fastText's command line: ``supervised``, ``predict``, ``nn`` and the others, with its output, byte for byte.

Source: fastText 0.9.3 ``src/main.cc``. `ftcore.cli` hands these commands over. Models may be `.bin`, `.ftz`
or a directory that `ftcore.FastText.save` wrote; the last cuts raw text by its own tokenizer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

from ftcore.base.group import place
from ftcore.compat.checks import writing
from ftcore.compat.command_line import flags, printing
from ftcore.compat.command_line.flags import UsageError
from ftcore.errors import UnreadableFile, UserError

if TYPE_CHECKING:
    import numpy as np

    from ftcore.compat.command_line.opened import Opened

_USAGE = {
    "test": ("test <model> <test-data> [<k>] [<th>]", ("model", "test-data", "k", "th")),
    "test-label": ("test-label <model> <test-data> [<k>] [<th>]", ("model", "test-data", "k", "th")),
    "predict": ("predict[-prob] <model> <test-data> [<k>] [<th>]", ("model", "test-data", "k", "th")),
    "print-word-vectors": ("print-word-vectors <model>", ("model",)),
    "print-sentence-vectors": ("print-sentence-vectors <model>", ("model",)),
    "print-ngrams": ("print-ngrams <model> <word>", ("model", "word")),
    "nn": ("nn <model> [<k>]", ("model", "k10")),
    "analogies": ("analogies <model> [<k>]", ("model", "k10")),
    "dump": ("dump <model> <option>", ("model", "option")),
}
_WORDS = {
    "model": "  <model>      model filename",
    "test-data": "  <test-data>  test data filename (if -, read from stdin)",
    "k": "  <k>          (optional; 1 by default) predict top k labels",
    "k10": "  <k>          (optional; 10 by default) how many",
    "th": "  <th>         (optional; 0.0 by default) probability threshold",
    "word": "  <word>       word to print",
    "option": "  <option>     option from args,dict,input,output",
}


def run(command: str, words: Sequence[str]) -> None:
    """Run one command; what it prints goes to standard output.

    Raises:
        UsageError: words that make no sense. UserError: what goes wrong later.
    """
    COMMANDS[command](command, list(words))


def _opened(path: str) -> Opened:
    from ftcore.compat.command_line.opened import Opened  # training needs nothing of it

    return Opened(path)


def _asked() -> Iterator[bytes]:
    """Words of standard input, as they come."""
    from ftcore.compat.command_line.opened import words_of

    return words_of(sys.stdin.buffer)


# ---------------------------------------------------------------------------------------- training
def train(command: str, words: list[str]) -> None:
    """Write OUTPUT.bin (.ftz where autotune keeps to a size), OUTPUT.vec, and OUTPUT.output if asked.

    Ctrl-C leaves OUTPUT.checkpoint. Of processes that torchrun started the first one writes.
    """
    from ftcore.compat.arguments import Arguments
    from ftcore.compat.functions import train

    given = flags.parse(command, words)
    named: dict[str, Any] = {"input": given.input, "thread": flags.THREADS, **given.named}
    supervised = command == "supervised"
    if not supervised:
        named["model"] = command
    try:
        arguments = Arguments.read((), named, supervised=supervised)
    except TypeError as error:
        raise UsageError(str(error), flags.usage(command)) from None
    if arguments.autotune.on and place().size > 1:
        raise UserError("autotune runs in one process; start this command without torchrun")
    sized = arguments.autotune.on and arguments.autotune.model_size
    path = f"{given.output}.{'ftz' if sized else 'bin'}"
    _writable(path)
    checkpoint = f"{given.output}.checkpoint"
    try:
        model = train(replace(arguments, extras=replace(arguments.extras, checkpoint=checkpoint)))
    except KeyboardInterrupt:
        if os.path.isdir(checkpoint):
            print(f"\ninterrupted; the same command goes on from {checkpoint}", file=sys.stderr)
        raise
    if not place().first:
        return
    model.save_model(path)
    model.save_vectors(f"{given.output}.vec")
    if given.saveOutput:
        model.save_output(f"{given.output}.output")


def quantize(command: str, words: list[str]) -> None:
    """Read OUTPUT.bin, write OUTPUT.ftz; ``-input`` is what a retraining reads."""
    from ftcore.compat.functions import load_model
    from ftcore.model.model import Args

    given = flags.parse(command, words)
    model = load_model(f"{given.output}.bin")
    base = Args()  # a retraining's own values, not the model's
    model.quantize(
        input=given.input,
        qout=given.qout,
        cutoff=given.cutoff,
        retrain=given.retrain,
        epoch=given.named.get("epoch", base.epoch),
        lr=given.named.get("lr", base.lr),
        thread=given.named.get("thread", flags.THREADS),
        verbose=given.named.get("verbose", 2),
        dsub=given.dsub,
        qnorm=given.qnorm,
    )
    model.save_model(f"{given.output}.ftz")


def _writable(path: str) -> None:
    """An output that cannot be written is said before hours of training."""
    new = not os.path.exists(path)
    with writing(path, "saving"), open(path, "ab"):
        pass
    if new:  # a training that fails leaves nothing
        os.unlink(path)


# -------------------------------------------------------------------------------------- prediction
def test(command: str, words: list[str]) -> None:
    """N, P@k, R@k; ``test-label`` puts the scores of every label before them."""
    model, data, k, threshold = _four(command, words)
    opened = _opened(model)
    with _stream(data, "Test file cannot be opened!") as stream:
        scores = opened.score(stream, k, threshold)
    out = sys.stdout.buffer
    if command == "test-label":
        for label, values in scores.per_label():
            out.write(printing.per_label(label, values["f1score"], values["precision"], values["recall"]))
    if not scores.lines:
        known = ", ".join(opened.names[:5].tolist()) + (" …" if len(opened.names) > 5 else "")
        print(
            f"no line of {data} has a label of the model ({known}) and a word or n-gram that it knows; labels stand in "
            f"front of the words, each with {opened.model.classic.args.label!r} before it",
            file=sys.stderr,
        )
    general = scores.lines, scores.precision, scores.recall
    out.write(printing.general(*general, k, fixed=command == "test-label"))


def predict(command: str, words: list[str]) -> None:
    """The labels of every line, with their probabilities for ``predict-prob``."""
    model, data, k, threshold = _four("predict", words)
    opened = _opened(model)
    least: float | np.ndarray = threshold
    if opened.thresholds is not None and "-k" not in words and len(words) <= 2:
        k, least = -1, opened.thresholds
    out = sys.stdout.buffer
    with _stream(data, "Input file cannot be opened!") as stream:
        for text in opened.predict(stream, k, least, scores=command == "predict-prob"):
            out.write(text)
            out.flush()  # who asks line by line reads the answer before the next question


def _four(command: str, words: list[str]) -> tuple[str, str, int, float]:
    """Model, data, k, threshold. ``-k N`` is read too."""
    if "-k" in words[:-1]:
        at = words.index("-k")
        words = [*words[:at], *words[at + 2 :], words[at + 1]]
        if len(words) == 2:
            words.insert(1, "-")
    if command == "predict" and len(words) == 1:
        words = [*words, "-"]
    if not 2 <= len(words) <= 4:
        raise _usage(command)
    k = _whole(words[2], command) if len(words) > 2 else 1
    try:
        threshold = float(words[3]) if len(words) > 3 else 0.0
    except ValueError:
        raise UsageError(f"{words[3]!r} is not a number", _usage(command).help) from None
    if k < 1 and k != -1:
        raise UserError(f"k needs to be 1 or higher! (k = {k}; -1 is all labels)")
    return words[0], words[1], k, threshold


# ----------------------------------------------------------------------------------------- vectors
def print_word_vectors(command: str, words: list[str]) -> None:
    """``word v1 v2 …`` of every word of standard input."""
    if len(words) != 1:
        raise _usage(command)
    model = _opened(words[0]).model
    for word in _asked():
        text = word.decode("utf-8", "surrogateescape")
        sys.stdout.buffer.write(word + b" " + printing.vector(model.get_word_vector(text)) + b"\n")


def print_sentence_vectors(command: str, words: list[str]) -> None:
    """``v1 v2 …`` of every line of standard input."""
    if len(words) != 1:
        raise _usage(command)
    opened = _opened(words[0])
    for vector in opened.sentence_vectors(sys.stdin.buffer):
        sys.stdout.buffer.write(printing.vector(vector) + b"\n")


def print_ngrams(command: str, words: list[str]) -> None:
    """The word (if it is known) and its character n-grams with their rows."""
    if len(words) != 2:
        raise _usage(command)
    model = _opened(words[0]).model
    for name, vector in model.ngram_vectors(words[1]):
        sys.stdout.buffer.write(name + b" " + printing.vector(vector) + b"\n")


def nearest(command: str, words: list[str]) -> None:
    """Neighbours of the words of standard input, or of those on the command line (ours, ``-k N``)."""
    k, words = _take_k(command, words, 1)
    model = _opened(words[0]).model
    if len(words) > 1:
        for word in words[1:]:
            print(word)
            for cosine, other in model.get_nearest_neighbors(word, k, "replace"):
                print(f"  {cosine:.4f}  {other}")
        return
    out = sys.stdout.buffer
    out.write(b"Query word? ")
    out.flush()
    for asked in _asked():
        found = model.get_nearest_neighbors(asked.decode("utf-8", "surrogateescape"), k, "surrogateescape")
        out.write(printing.neighbors(found) + b"Query word? ")
        out.flush()


def analogies(command: str, words: list[str]) -> None:
    """What is to C as A is to B, for triples from standard input."""
    k, words = _take_k(command, words, 1)
    if len(words) != 1:
        raise _usage(command)
    out = sys.stdout.buffer
    out.write(b"Loading model %b\n" % words[0].encode("utf-8", "surrogateescape"))
    model = _opened(words[0]).model
    out.write(b"Query triplet (A - B + C)? ")
    out.flush()
    source = _asked()
    while len(three := list(islice(source, 3))) == 3:  # the original goes on for ever behind the last
        a, b, c = (word.decode("utf-8", "surrogateescape") for word in three)
        found = model.get_analogies(a, b, c, k, "surrogateescape")
        out.write(printing.neighbors(found) + b"Query triplet (A - B + C)? ")
        out.flush()


def _take_k(command: str, words: list[str], least: int) -> tuple[int, list[str]]:
    """k from ``-k N``, or from a lone number behind the model."""
    k = 10
    if "-k" in words[:-1]:
        at = words.index("-k")
        k, words = _whole(words[at + 1], command), [*words[:at], *words[at + 2 :]]
    elif len(words) == 2 and words[1].lstrip("-").isdecimal():
        k, words = int(words[1]), words[:1]
    if len(words) < least:
        raise _usage(command)
    if k < 1:
        raise UserError(f"k needs to be 1 or higher! (k = {k})")
    return k, words


# -------------------------------------------------------------------------------------------- dump
def dump(command: str, words: list[str]) -> None:
    """Arguments, dictionary or a matrix of a model."""
    if len(words) < 2 or words[1] not in ("args", "dict", "input", "output"):
        raise _usage(command)
    model = _opened(words[0]).model
    out, classic, what = sys.stdout.buffer, model.classic, words[1]
    if what == "args":
        out.write(printing.arguments(classic.args))
    elif what == "dict":
        out.writelines(printing.entries(classic.dictionary))
    elif classic.quantized:
        print("Not supported for quantized models.", file=sys.stderr)
    else:
        table = model.get_input_matrix() if what == "input" else model.get_output_matrix()
        out.writelines(printing.matrix(table, table.shape))


# ------------------------------------------------------------------------------------------- words
def _usage(command: str) -> UsageError:
    form, names = _USAGE[command]
    told = "\n".join(_WORDS[name] for name in names)
    return UsageError(f"usage: ftcore {form}", told)


def help_of(command: str) -> str:
    """What ``ftcore COMMAND --help`` prints.

    Example:
        >>> print(help_of("nn"))
        usage: ftcore nn <model> [<k>]
          <model>      model filename
          <k>          (optional; 10 by default) how many
    """
    if command in _USAGE or command == "predict-prob":
        told = _usage("predict" if command == "predict-prob" else command)
        return f"{told}\n{told.help}"
    return f"usage: ftcore {command} <args>\n{flags.usage(command)}"


def _whole(text: str, command: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a whole number", _usage(command).help) from None


@contextmanager
def _stream(name: str, complaint: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(open(name, "rb"))
        except OSError as error:
            raise UnreadableFile(f"{complaint} ({name}: {error.strerror})") from None
        yield file


COMMANDS: dict[str, Callable[[str, list[str]], None]] = {
    **dict.fromkeys(("supervised", "skipgram", "cbow"), train),
    "quantize": quantize,
    **dict.fromkeys(("test", "test-label"), test),
    **dict.fromkeys(("predict", "predict-prob"), predict),
    "print-word-vectors": print_word_vectors,
    "print-sentence-vectors": print_sentence_vectors,
    "print-ngrams": print_ngrams,
    "nn": nearest,
    "analogies": analogies,
    "dump": dump,
}
