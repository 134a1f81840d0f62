"""``ftcore zero-shot``: a model from seed words, vectors and texts without labels."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ftcore.errors import UnreadableFile, UserError
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
