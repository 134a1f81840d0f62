"""The words that each command takes. Nothing heavy is imported to say what they are."""

from __future__ import annotations

import argparse
from typing import Any

from ftcore.commands.adapters import add_merge
from ftcore.commands.few_labels import add_align, add_augment, add_label_next, add_retrofit, add_zero_shot


def command_parser(description: str) -> argparse.ArgumentParser:
    """Of all commands that are not fastText's; `description` lists those."""
    parser = argparse.ArgumentParser(
        prog="ftcore", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
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
