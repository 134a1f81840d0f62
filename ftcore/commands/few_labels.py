"""``ftcore zero-shot`` and ``label-next``: a model from seed words and texts without labels; which of them to label."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ftcore.errors import UnreadableFile, UserError
from ftcore.fewshot.augment_options import add_augment_options
from ftcore.fewshot.seeds import read_seeds

if TYPE_CHECKING:
    import argparse


def add_zero_shot(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("input", help="texts without labels, one a line")
    parser.add_argument(
        "--seeds", required=True, help="YAML or JSON: label: [word, word], one to five words each"
    )
    parser.add_argument(
        "--vectors", required=True, help="a .vec, a .bin, a model's or static embeddings' folder"
    )
    parser.add_argument(
        "--output", required=True, help="the model: FILE.bin, or a folder (which cuts raw text itself)"
    )
    parser.add_argument(
        "--tokens", action="store_true", help="the texts are cut into words already, by white space"
    )
    parser.add_argument("--rounds", type=int, default=3, help="of self-training (default 3)")
    parser.add_argument("--word-ngrams", type=int, default=2, help="longest word n-gram (default 2)")
    parser.add_argument(
        "--head", choices=["linear", "sgd"], default="linear", help="what is trained (default linear)"
    )


def run_zero_shot(given: argparse.Namespace) -> None:
    """Train, write the model, and say how many texts each label got."""
    import numpy as np

    from ftcore.config import Finetune
    from ftcore.engines.choice import choose_engine
    from ftcore.fewshot.zero_shot import zero_shot
    from ftcore.formats.binary import write_binary
    from ftcore.formats.directory import write_directory
    from ftcore.inference.predict import Predictor
    from ftcore.text.tokenizer import Tokenizer, Whitespace
    from ftcore.training.conditions import Conditions
    from ftcore.training.start import start_at

    if given.rounds < 1:
        raise UserError(f"--rounds {given.rounds}: one round at least")
    seeds = read_seeds(given.seeds)
    try:
        texts = [line for line in Path(given.input).read_text(encoding="utf-8").split("\n") if line.strip()]
    except (OSError, ValueError) as error:
        raise UnreadableFile(
            f"{given.input}: cannot be read as UTF-8 text ({error}); correct the path"
        ) from error
    if not texts:
        raise UserError(f"{given.input}: holds no text; give texts, one a line")
    tokenizer = Whitespace() if given.tokens else Tokenizer()
    words = {label: [cut for cut in tokenizer.tokenize(own) if cut] for label, own in seeds.items()}
    options = Finetune(head=given.head, word_ngrams=given.word_ngrams, self_training=given.rounds)
    lines = tokenizer.tokenize(texts)
    model, _ = zero_shot(
        lines,
        words,
        start_at(given.vectors),
        options,
        Conditions(choose_engine("cpu", "cpu"), deterministic=False),
    )
    if given.output.endswith(".bin"):
        write_binary(model.with_prefix("__label__"), Path(given.output))
    else:
        write_directory(given.output, replace(model, tokenizer=tokenizer))
    said = Predictor(model).predict(lines)
    counts = np.bincount(np.asarray(said.labels), minlength=len(model.labels))
    for label, count in zip(model.labels, counts.tolist(), strict=True):
        print(f"{label}\t{count}")
    print(
        f"{given.output}: {len(model.labels)} labels, of {len(lines):,} texts without labels", file=sys.stderr
    )


def add_label_next(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "model", help="a classifier: a directory, or a .bin for texts that are cut into words"
    )
    parser.add_argument("input", help="JSON lines without labels")
    parser.add_argument("--text", default="text", help="the field with the text (default text)")
    parser.add_argument(
        "--count", type=int, default=50, help="documents to label before it chooses again (default 50)"
    )
    parser.add_argument(
        "--output",
        required=True,
        help="JSON lines to write: those records, the best first, and what the model says",
    )


def run_label_next(given: argparse.Namespace) -> None:
    """Write the records that are worth a label, with what the model says of them."""
    from ftcore.fewshot.label_next import label_next_of
    from ftcore.formats.opening import read_model

    chosen, records = label_next_of(
        read_model(given.model), given.input, given.output, given.count, given.text
    )
    print(
        f"{given.output}: {chosen} of {records:,} documents; write the right one into a field `label`",
        file=sys.stderr,
    )


def add_align(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("source", help="a .vec, whose vectors are turned onto the other's")
    parser.add_argument("target", help="a .vec of the other language, with as many numbers a word")
    parser.add_argument("--pairs", required=True, help="words of one meaning, two a line: examples/en_zh.txt")
    parser.add_argument("--output", required=True, help="the .vec with the words of both")
    parser.add_argument("--rounds", type=int, default=4, help="in which more pairs are found (default 4)")


def run_align(given: argparse.Namespace) -> None:
    """Write both languages' vectors in one space."""
    import numpy as np

    from ftcore.fewshot.alignment import align, read_pairs
    from ftcore.formats.vec import read_vec, write_vec

    if given.rounds < 0:
        raise UserError(f"--rounds {given.rounds}: 0 or more")
    source, target, pairs = read_vec(given.source), read_vec(given.target), read_pairs(given.pairs)
    ours, theirs, known = align(source, target, pairs, given.rounds)
    both = set(source[0])
    more = [row for row, word in enumerate(target[0]) if word not in both]
    places = np.concatenate(
        [np.arange(len(source[0])) / len(source[0]), np.array(more) / max(len(target[0]), 1)]
    )
    order = np.argsort(places, kind="stable")  # frequent words of both first, by which others weigh them
    words = [*source[0], *(target[0][row] for row in more)]
    vectors = np.vstack([ours, theirs[more]])[order]
    write_vec(given.output, [words[i] for i in order.tolist()], vectors)
    print(
        f"{given.output}: {len(words):,} words; {known} of {len(pairs)} pairs are known to both",
        file=sys.stderr,
    )


def add_retrofit(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("vectors", help="a .vec")
    parser.add_argument("graph", help="lines of related words, the first related to each of the others")
    parser.add_argument("--output", required=True, help="the .vec to write, with the same words")
    parser.add_argument("--rounds", type=int, default=10, help="how often each word is updated (default 10)")
    parser.add_argument(
        "--own", type=float, default=1.0, help="what a word's old vector weighs beside its neighbours (1)"
    )


def run_retrofit(given: argparse.Namespace) -> None:
    """Write the vectors, drawn to those of related words."""
    from ftcore.fewshot.retrofitting import read_graph, retrofit
    from ftcore.formats.vec import read_vec, write_vec

    graph = read_graph(given.graph)
    words, vectors = read_vec(given.vectors)
    made, moved = retrofit(words, vectors, graph, given.rounds, given.own)
    write_vec(given.output, words, made)
    print(f"{given.output}: {moved:,} of {len(words):,} words have a neighbour in the graph", file=sys.stderr)


def add_augment(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("input", help="text, jsonl, csv, tsv or Parquet file, or a folder of such files")
    add_augment_options(parser)


def run_augment(given: argparse.Namespace) -> None:
    """Write them and say how many of each kind."""
    from ftcore.fewshot.augmented import augment_file

    options = {
        name: value for name, value in vars(given).items() if name not in ("command", "input", "output")
    }
    options["operations"] = options["operations"] or ["drop", "noise"]
    made = augment_file(given.input, given.output, **options)
    kinds = ", ".join(f"{name} {count:,}" for name, count in made.by_operation.items())
    print(
        f"{given.output}: {made.written:,} changed ones of {made.documents:,} documents ({kinds})",
        file=sys.stderr,
    )
