"""What may be said of augmentation on a command line, the command's and the flow's alike. Nothing heavy is imported."""

from __future__ import annotations

import argparse


def add_augment_options(parser: argparse.ArgumentParser) -> None:
    """Add them to a parser."""
    parser.add_argument("--output", required=True, help="the .parquet to write")
    parser.add_argument("--text", default="text", help="the column with the text (default text)")
    parser.add_argument("--label", default="label", help="the column with the label (default label)")
    parser.add_argument(
        "--operation", action="append", dest="operations", choices=("drop", "synonym", "noise"), help="give it again for several "
        "(default drop and noise)",
    )  # fmt: skip
    parser.add_argument(
        "--share", type=float, default=0.1, help="of words or characters changed (default .1)"
    )
    parser.add_argument("--copies", type=int, default=1, help="of each operation (default 1)")
    parser.add_argument("--seed", type=int, default=0, help="of the first copy (default 0)")
    parser.add_argument("--vectors", default="", help="a .vec or a model, for --operation synonym")
    parser.add_argument(
        "--adversarial", default="", dest="model", metavar="MODEL",
        help="a classifier: write only texts that change its answer",
    )  # fmt: skip
