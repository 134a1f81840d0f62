"""``ftcore merge``: a task's adapter and its table as one model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def add_merge(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "base", help="the table that the task was trained on: a .vec, a .bin, a model's folder"
    )
    parser.add_argument("adapter", help="the task's adapter")
    parser.add_argument(
        "--output", required=True, help="the model: FILE.bin, which the original opens, or a folder"
    )


def run_merge(given: argparse.Namespace) -> None:
    """Write the model and say how large it is."""
    from ftcore.formats.adapter import read_adapted
    from ftcore.formats.binary import write_binary
    from ftcore.formats.directory import write_directory

    model, output = read_adapted(given.adapter, given.base), Path(given.output)
    if output.suffix == ".bin":
        write_binary(model.with_prefix(), output)
    else:
        write_directory(output, model)
    rows, labels = model.input.shape
    print(f"{output}: {len(model.labels)} labels, {rows:,} rows of {labels} numbers")
