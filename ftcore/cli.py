"""The `ftcore` command: look into models and text without a pipeline.

``ftcore options`` lists every option; ``tokenize``, ``predict``, ``nn`` and ``info`` work on files and models.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TextIO

from ftcore.errors import UserError

LINES = 1024  # read at a time


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; exit code 0, or 1 after a one-line error.

    Example: ``echo 我爱北京 | ftcore tokenize`` prints ``我 爱 北京``.
    """
    parser = argparse.ArgumentParser(prog="ftcore", description="fastText models for Chinese and English")
    commands = parser.add_subparsers(dest="command", required=True)

    commands.add_parser("options", help="every option of the pipeline: default, range, meaning")
    tokenize = commands.add_parser("tokenize", help="lines to space-separated tokens")
    tokenize.add_argument("file", nargs="?", default="-", help="a file, or - for standard input")
    tokenize.add_argument("--model", help="segment as this model does (a directory)")
    predict = commands.add_parser("predict", help="label and probability of every line")
    predict.add_argument("model", help="directory of a model")
    predict.add_argument("file", nargs="?", default="-", help="a file, or - for standard input")
    predict.add_argument("-k", type=int, default=1, help="labels per line")
    nearest = commands.add_parser("nn", help="nearest neighbours of words")
    nearest.add_argument("model", help="directory of a model")
    nearest.add_argument("words", nargs="+")
    nearest.add_argument("-k", type=int, default=10)
    info = commands.add_parser("info", help="what a model is made of, as JSON")
    info.add_argument("model", help="directory of a model")

    given = parser.parse_args(arguments)
    try:
        COMMANDS[given.command](given)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, BrokenPipeError):
        return 130
    return 0


def show_options(_given: argparse.Namespace) -> None:
    """One line an option."""
    from ftcore.config import describe_options

    for key, default, allowed, meaning in describe_options():
        print(f"{key} = {default}" + (f"   [{allowed}]" if allowed else "") + f"\n    {meaning}")


def show_tokens(given: argparse.Namespace) -> None:
    """Tokens of every line, by the default tokenizer or a model's own."""
    from ftcore.text.tokenizer import Tokenizer

    if given.model:
        from ftcore.fasttext import FastText

        tokenizer = FastText.load(given.model).tokenizer
    else:
        tokenizer = Tokenizer()
    with _lines(given.file) as lines:
        for some in _some(lines):
            print("\n".join(tokenizer.tokenize(some)))


def show_predictions(given: argparse.Namespace) -> None:
    """``label probability`` pairs of every line."""
    from ftcore.fasttext import FastText

    model = FastText.load(given.model)
    with _lines(given.file) as lines:
        for some in _some(lines):
            for found in model.predict(some, k=given.k):
                pairs = zip(found.labels, found.probabilities, strict=True)
                print("\t".join(f"{label}\t{chance:.6f}" for label, chance in pairs))


def show_neighbors(given: argparse.Namespace) -> None:
    """Words and cosines."""
    from ftcore.fasttext import FastText

    model = FastText.load(given.model)
    for word in given.words:
        print(word)
        for other, cosine in model.nearest_neighbors(word, given.k):
            print(f"  {cosine:.4f}  {other}")


def show_info(given: argparse.Namespace) -> None:
    """Kind, sizes and labels."""
    from ftcore.fasttext import FastText

    model = FastText.load(given.model)
    about = {
        "kind": model.kind,
        "loss": model.loss,
        "dim": model.dim,
        "words": model.dictionary.nwords,
        "ngram_rows": len(model.dictionary.buckets),
        "labels": model.labels,
        "tokenizer": model.tokenizer.digest,
        **model.dictionary.options.model_dump(),
    }
    print(json.dumps(about, ensure_ascii=False, indent=1))


COMMANDS = {
    "options": show_options,
    "tokenize": show_tokens,
    "predict": show_predictions,
    "nn": show_neighbors,
    "info": show_info,
}


@contextmanager
def _lines(name: str) -> Iterator[TextIO]:
    if name == "-":
        yield sys.stdin
        return
    path = Path(name)
    if not path.is_file():
        raise UserError(f"{name}: no such file")
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        yield file


def _some(lines: TextIO) -> Iterator[list[str]]:
    while some := [line.rstrip("\r\n") for line in islice(lines, LINES)]:
        yield some


if __name__ == "__main__":
    sys.exit(main())
