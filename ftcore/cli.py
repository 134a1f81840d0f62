"""The `ftcore` command: fastText's own commands, and a look into text and models without a pipeline.

``ftcore supervised -input F -output M`` and the other commands of fastText are in `ftcore.compat.command_line`;
``options`` lists every option of the pipeline, ``tokenize`` and ``info`` work on text and models, ``prepare``,
``inspect`` and ``store`` on corpora; ``zero-shot`` makes a classifier of seed words, ``explain`` says why a text got its
label, ``robustness`` what noise costs, ``audit`` whether a model is biased, ``label-next`` which texts to
label; ``align`` puts vectors of two languages into one space, ``retrofit`` draws them to those of related words;
``augment`` makes more documents out of a file's, ``merge`` one model of a task's adapter and its table.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from ftcore.errors import UnreadableFile, UserError

if TYPE_CHECKING:
    import argparse

_HELP = """fastText models for Chinese and English

fastText's commands:
  supervised              train a supervised classifier
  quantize                quantize a model to reduce the memory usage
  test                    evaluate a supervised classifier
  test-label              print labels with precision and recall scores
  predict                 predict most likely labels
  predict-prob            predict most likely labels with probabilities
  skipgram                train a skipgram model
  cbow                    train a cbow model
  print-word-vectors      print word vectors given a trained model
  print-sentence-vectors  print sentence vectors given a trained model
  print-ngrams            print ngrams given a trained model and word
  nn                      query for nearest neighbors
  analogies               query for analogies
  dump                    dump arguments,dictionary,input/output vectors
"""
CLASSIC = tuple(line.split()[0] for line in _HELP.splitlines()[3:])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; exit code 0, or 1 after a one-line error (and the usage where words are wrong).

    Example:
        ``echo 我爱北京 | ftcore tokenize`` prints ``我 爱 北京``.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words and words[0] in CLASSIC:
            _numpy_alone()
            from ftcore.compat.command_line.commands import help_of, run

            if "--help" in words[1:]:
                print(help_of(words[0]))
            else:
                run(words[0], words[1:])
            sys.stdout.flush()
        else:
            given = _parser().parse_args(words)
            COMMANDS[given.command](given)
    except UserError as error:
        sys.stdout.flush()
        print(f"error: {error}", file=sys.stderr)
        if help := getattr(error, "help", ""):
            print(help, file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader has gone; nothing is to be written to it at exit either
        sys.stdout = None
        return 130
    except KeyboardInterrupt:
        return 130
    return 0


def _numpy_alone() -> None:
    """Import numpy without the threads of its linear algebra, which no command uses: .04 CPU s of .2."""
    name = "OPENBLAS_NUM_THREADS"
    if "numpy" in sys.modules or name in os.environ:
        return
    os.environ[name] = "1"
    try:
        import numpy  # noqa: F401
    finally:
        del os.environ[name]


def _parser() -> argparse.ArgumentParser:
    import argparse

    from ftcore.adapter_commands import add_merge
    from ftcore.fewshot.commands import add_align, add_augment, add_label_next, add_retrofit, add_zero_shot

    parser = argparse.ArgumentParser(
        prog="ftcore", description=_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, title="ftcore's own commands")
    commands.add_parser("options", help="every option of the pipeline: default, range, meaning")
    tokenize = commands.add_parser("tokenize", help="lines to space-separated tokens")
    tokenize.add_argument("file", nargs="?", default="-", help="a file, or - for standard input")
    tokenize.add_argument("--model", help="segment as this model does (a directory)")
    info = commands.add_parser(
        "info", help="what a model is made of, as JSON; without one: what ftcore runs on here"
    )
    info.add_argument("model", nargs="?", help="a directory of a model, a .bin or .ftz")
    prepare = commands.add_parser("prepare", help="raw text to shards of tokens, without a pipeline")
    prepare.add_argument("--config", help="a YAML file of the pipeline's options")
    prepare.add_argument("--out", help="folder of the shards, or an address (s3://…)")
    prepare.add_argument(
        "--dry-run", action="store_true", help="write nothing; say what the filters would drop of a sample"
    )
    prepare.add_argument("--sample", type=int, help="of --dry-run: documents (default 10,000)")
    prepare.add_argument("--html", help="of --dry-run: write a page to this file instead")
    prepare.add_argument(
        "--no-keep",
        action="store_true",
        help="leave nothing in OUT.prepared: the next run starts from nothing",
    )
    prepare.add_argument("--credentials", default="", help="of an address: env:NAME, as those of a source")
    prepare.add_argument("options", nargs="*", help="KEY=VALUE, see ftcore options")
    store = commands.add_parser(
        "store", help="what a store or a set of shards holds, how much and why; frees the rest"
    )
    store.add_argument(
        "store", nargs="?", default="runs", help="folder of the pipeline's, or of ftcore prepare's"
    )
    store.add_argument("--free", action="store_true", help="free what nothing needs; without it, only show")
    store.add_argument("--keep", type=int, metavar="N", help="outputs of a stage that a configuration keeps")
    store.add_argument(
        "--forget", action="append", default=[], metavar="NAME", help="a configuration that keeps nothing"
    )
    add_zero_shot(
        commands.add_parser(
            "zero-shot", help="a classifier from seed words of each label, vectors and texts without labels"
        )
    )
    _trust(commands)
    add_label_next(
        commands.add_parser("label-next", help="which documents to label next: JSON lines in and out")
    )
    add_align(commands.add_parser("align", help="vectors of two languages in one space, by pairs of words"))
    add_merge(commands.add_parser("merge", help="a task's adapter and its table as one model"))
    add_retrofit(commands.add_parser("retrofit", help="vectors drawn to those of related words, by a graph"))
    add_augment(commands.add_parser("augment", help="more documents out of a file's, as Parquet"))
    inspect = commands.add_parser("inspect", help="what a folder of shards holds")
    inspect.add_argument("shards", help="folder of the shards, or an address")
    inspect.add_argument("--credentials", default="", help="of an address: env:NAME, as those of a source")
    inspect.add_argument("--html", help="write a page to this file instead")
    return parser


def _trust(commands: Any) -> None:
    """The commands that ask whether a model may be believed."""
    explain = commands.add_parser("explain", help="what each word of a text adds to its label's score")
    explain.add_argument("model", help="a directory of a model, a .bin or .ftz")
    explain.add_argument("text", help="one text, or - for lines of standard input")
    explain.add_argument("--label", help="whose score (default: the most probable label)")
    explain.add_argument("--against", help="a label whose score is taken off: why one rather than the other")
    explain.add_argument("--parts", type=int, default=10, metavar="N", help="features to list (default 10)")
    form = explain.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="a line of JSON a text instead")
    form.add_argument("--html", metavar="PAGE", help="write a page to this file instead")
    robustness = commands.add_parser("robustness", help="what noise costs: accuracy on mistyped texts")
    _labelled(robustness)
    robustness.add_argument(
        "--share",
        type=float,
        action="append",
        help="of characters changed; again for more (default .05 and .1)",
    )
    robustness.add_argument(
        "--kind", action="append", help="of noise; again for more (default: the languages')"
    )
    audit = commands.add_parser("audit", help="associations, groups and swapped words: is the model biased?")
    audit.add_argument("model", help="a directory of a model, a .bin or .ftz")
    audit.add_argument(
        "file", nargs="?", help="labelled texts, as of robustness: rates by group, swapped words"
    )
    audit.add_argument("--text", default="text", help="column of the text (default text)")
    audit.add_argument("--label", default="label", help="column of the label (default label)")
    audit.add_argument("--group", help="column of the group; without it, by the words of --words")
    audit.add_argument(
        "--words",
        metavar="JSON",
        help='a file: {"tests": {name: [X, Y, A, B]}, "pairs": [[a, b]], "groups": {name: [word]}}',
    )
    audit.add_argument("--without", metavar="OUT", help="write the model without the direction of the pairs")
    audit.add_argument("--json", action="store_true", help="JSON instead of tables")
    audit.add_argument("--seed", type=int, default=0, help="of what is drawn (default 0)")


def _labelled(parser: argparse.ArgumentParser) -> None:
    """A model and a file of labelled texts."""
    parser.add_argument("model", help="a directory of a model, a .bin or .ftz")
    parser.add_argument(
        "file", help="labelled texts: csv, tsv, JSON lines, Parquet, or .txt in fastText's format"
    )
    parser.add_argument("--text", default="text", help="column of the text (default text)")
    parser.add_argument("--label", default="label", help="column of the label (default label)")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn (default 0)")


def show_options(_given: argparse.Namespace) -> None:
    """One line an option."""
    from ftcore.config import describe_options

    for key, default, allowed, meaning in describe_options():
        print(f"{key} = {default}" + (f"   [{allowed}]" if allowed else "") + f"\n    {meaning}")


def show_tokens(given: argparse.Namespace) -> None:
    """Tokens of every line, by the default tokenizer or a model's own."""
    from ftcore.text.live import live_lines
    from ftcore.text.tokenizer import Tokenizer

    if given.model:
        from ftcore.formats.directory import read_directory

        tokenizer = read_directory(given.model).tokenizer or Tokenizer()
    else:
        tokenizer = Tokenizer()
    with _raw(given.file) as raw:
        for lines in live_lines(raw):
            sys.stdout.write("".join(f"{tokens}\n" for tokens in tokenizer.tokenize(lines)))
            sys.stdout.flush()  # a program at the other end waits for its answer


def show_info(given: argparse.Namespace) -> None:
    """Kind, sizes and labels; the tokenizer of a directory's model. Without a model: version, processor, cores, torch."""
    import json

    if given.model is None:
        print(json.dumps(_installation(), indent=1))
        return
    from dataclasses import asdict

    from ftcore.compat.command_line.opened import Opened

    opened = Opened(given.model)
    classic = opened.model.classic
    about = {
        "kind": classic.args.model,
        "loss": classic.args.loss,
        "dim": classic.args.dim,
        "words": classic.dictionary.nwords,
        "ngram_rows": classic.dictionary.rows - classic.dictionary.nwords,
        "labels": opened.names.tolist(),
        "quantized": classic.quantized,
        "tokenizer": opened.tokenizer and opened.tokenizer.digest,
        **asdict(classic.dictionary.options),
    }
    print(json.dumps(about, ensure_ascii=False, indent=1))


def _installation() -> dict[str, object]:
    """What answers here. Nothing is imported to find out, least of all torch."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from ftcore import __version__, native
    from ftcore.base.cores import cores

    about: dict[str, object] = {
        "ftcore": __version__,
        "python": platform.python_version(),
        "processor": native.PROCESSOR,  # whose variant of the kernels is in use
        "processors": {name: "supported" if here else "not here" for name, here in native.PROCESSORS},
        "cores": cores(),
    }
    for name in ("numpy", "torch"):
        try:
            about[name] = version(name)
        except PackageNotFoundError:
            about[name] = None
    about["cuda"] = _cuda() if about["torch"] else None
    return about


def _cuda() -> str | None:
    """The CUDA that torch was built for, from its ``version.py``."""
    import re
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec("torch")
    try:
        text = Path(spec.origin).with_name("version.py").read_text()  # type: ignore[union-attr, arg-type]
    except (AttributeError, TypeError, OSError):
        return None
    found = re.search(r"^cuda\b.*?=\s*['\"]([\d.]+)", text, re.M)
    return found and found[1]


def prepare(given: argparse.Namespace) -> None:
    """Raw text to shards."""
    from ftcore.data_commands import run_prepare

    run_prepare(given)


def inspect(given: argparse.Namespace) -> None:
    """What a folder of shards holds."""
    from ftcore.data_commands import run_inspect

    run_inspect(given)


def explain(given: argparse.Namespace) -> None:
    """What each word of a text adds to a score."""
    from ftcore.trust_commands import run_explain

    run_explain(given)


def robustness(given: argparse.Namespace) -> None:
    """What noise costs."""
    from ftcore.trust_commands import run_robustness

    run_robustness(given)


def audit(given: argparse.Namespace) -> None:
    """Is a model biased?"""
    from ftcore.bias_commands import run_audit

    run_audit(given)


def store(given: argparse.Namespace) -> None:
    """What a store holds."""
    from ftcore.data_commands import run_store

    run_store(given)


def zero_shot(given: argparse.Namespace) -> None:
    """A classifier without labelled texts."""
    from ftcore.fewshot.commands import run_zero_shot

    run_zero_shot(given)


def label_next(given: argparse.Namespace) -> None:
    """The documents whose labels would teach a model most."""
    from ftcore.fewshot.commands import run_label_next

    run_label_next(given)


def align(given: argparse.Namespace) -> None:
    """Two languages' vectors in one space."""
    from ftcore.fewshot.commands import run_align

    run_align(given)


def merge(given: argparse.Namespace) -> None:
    """A task's adapter and its table as one model."""
    from ftcore.adapter_commands import run_merge

    run_merge(given)


def retrofit(given: argparse.Namespace) -> None:
    """Vectors drawn to those of related words."""
    from ftcore.fewshot.commands import run_retrofit

    run_retrofit(given)


def augment(given: argparse.Namespace) -> None:
    """More documents out of a file's."""
    from ftcore.fewshot.commands import run_augment

    run_augment(given)


COMMANDS = {
    "options": show_options,
    "tokenize": show_tokens,
    "info": show_info,
    "prepare": prepare,
    "inspect": inspect,
    "store": store,
    "zero-shot": zero_shot,
    "explain": explain,
    "robustness": robustness,
    "audit": audit,
    "label-next": label_next,
    "align": align,
    "merge": merge,
    "retrofit": retrofit,
    "augment": augment,
}


@contextmanager
def _raw(name: str) -> Iterator[io.BufferedReader]:
    if name == "-":
        yield cast(io.BufferedReader, sys.stdin.buffer)  # typeshed says BinaryIO
        return
    try:
        with open(name, "rb") as file:
            yield file
    except FileNotFoundError:
        raise UnreadableFile(f"{name}: no such file") from None
    except IsADirectoryError:
        raise UnreadableFile(
            f"{name}: is a folder; name the files in it, e.g. {name}/*.txt one by one"
        ) from None
    except OSError as error:
        raise UnreadableFile(f"{name}: cannot be read ({error.strerror})") from None


if __name__ == "__main__":
    sys.exit(main())
