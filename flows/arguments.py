"""What each flow takes on the command line, read and checked before Prefect, MLflow and torch are imported.

A flow's module calls `command_line` in its first line: ``--help`` answers and a wrong key is refused within a
second, not after the imports and the start of a server.

Example:
    >>> read("pipeline", ["--dry-run", "pretrain.dim=50"]).config.pretrain.dim
    50
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from ftcore.base.group import place
from ftcore.config import Config, load_config
from ftcore.effects import without_effect
from ftcore.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
QUICKSTART = str(ROOT / "examples" / "quickstart.yaml")
OVERRIDE = re.compile(r"[\w.]+=")
console = Console(stderr=True)


class CommandLine(NamedTuple):
    """One flow's command line.

    Args:
        about: what ``--help`` says first.
        options: adds the flow's own options; their values become its parameters.
        positional: the parameter that takes the plain words (those that are no key=value).
        config: the configuration where none is named.
        dry: whether there are stages for ``--dry-run`` to tell of.
        check: refuses values of the flow's own options.
        ahead: whether Prefect's server is started before the imports; it runs flows.
    """

    about: str
    options: Callable[[argparse.ArgumentParser], None] | None = None
    positional: str = ""
    config: str | None = None
    dry: bool = True
    check: Callable[[dict[str, Any]], None] | None = None
    ahead: bool = True


class Given(NamedTuple):
    """A command line that has been read: configuration, ``--dry-run``, and the flow's own parameters."""

    config: Config
    config_file: str | None
    overrides: list[str]
    dry: bool
    own: dict[str, Any]


def _retrain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only", choices=["all", "finetune"], default="all", help="finetune: keep the word vectors"
    )


def _predict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input", required=True, help="text, jsonl, csv, tsv or Parquet file, or a folder of such files"
    )
    parser.add_argument("--output", required=True, help="file to write: .csv, .jsonl or .parquet")
    parser.add_argument(
        "--model", default="", help="models:/NAME/VERSION, models:/NAME@ALIAS, runs:/ID or a directory"
    )
    parser.add_argument(
        "--column", action="append", metavar="NAME", help="the column with the text (default text); give it again "
        "for several, whose texts are joined as in ingestion",
    )  # fmt: skip
    parser.add_argument(
        "--no-header", dest="header", action="store_false",
        help="csv and tsv: the first row is no header; --column is a number from 0",
    )  # fmt: skip


def _check_predict(own: dict[str, Any]) -> None:
    from ftcore.inference.scored import check_output, check_place
    from ftcore.reading.rows import text_columns

    check_output(own["output"])
    check_place(own["input"], own["output"])
    text_columns(own["column"], own["header"])


def _augment(parser: argparse.ArgumentParser) -> None:
    from ftcore.fewshot.augment_options import add_augment_options

    parser.add_argument(
        "--input", required=True, help="text, jsonl, csv, tsv or Parquet file, or a folder of such files"
    )
    add_augment_options(parser)


def _check_augment(own: dict[str, Any]) -> None:
    from ftcore.fewshot.augmented import check
    from ftcore.inference.scored import check_place

    names = ("text", "label", "operations", "share", "copies", "seed", "vectors")
    options = own["options"] = {name: own.pop(name) for name in names}
    options["operations"] = options["operations"] or ["drop", "noise"]
    check(own["output"], options["operations"], options["vectors"])
    check_place(own["input"], own["output"])


def _label_next(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input", required=True, help="JSON lines without labels")
    parser.add_argument(
        "--output", required=True, help="JSON lines to write: those records, and what the model says"
    )
    parser.add_argument(
        "--model", default="", help="models:/NAME/VERSION, models:/NAME@ALIAS, runs:/ID or a directory"
    )
    parser.add_argument(
        "--count", type=int, default=50, help="documents to label before it chooses again (default 50)"
    )
    parser.add_argument("--text", default="text", help="the field with the text (default text)")


def _check_label_next(own: dict[str, Any]) -> None:
    from ftcore.inference.scored import check_place

    if own["count"] < 1:
        raise UserError(f"--count {own['count']}: ask for one document at least")
    check_place(own["input"], own["output"])


def _compare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", default="", help="folder of shards (its test split) or a file with labels")
    parser.add_argument("--text", default="text", help="text column of a file")
    parser.add_argument("--label", default="label", help="label column of a file")
    parser.add_argument(
        "--promote",
        nargs="?",
        const="champion",
        default="",
        choices=["", "champion", "challenger"],
        help="move the alias (champion) to the last model, unless it is significantly worse",
    )
    parser.add_argument(
        "--allow-changed-labels",
        action="store_true",
        help="promote although the labels differ from the champion's (never when none is shared)",
    )
    parser.add_argument(
        "--rollback", action="store_true", help="move the champion back to the version it replaced"
    )


def _ui(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mlflow-port", type=int, default=5000, help="port of MLflow's pages")
    parser.add_argument("--prefect-port", type=int, default=4200, help="port of Prefect's server and pages")


def _clean(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--free",
        "--yes",
        dest="free_it",
        action="store_true",
        help="free what nothing needs; without it, only show",
    )
    parser.add_argument(
        "--keep", type=int, choices=[1, 2, 3], default=3, help="outputs of a stage that a configuration keeps"
    )
    parser.add_argument(
        "--forget", action="append", default=[], metavar="NAME", help="a configuration that keeps nothing"
    )


def _serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="", help="models:/NAME/VERSION; default: the champion")
    parser.add_argument("--port", type=int, default=5001, help="port of the HTTP server")


def _deploy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cron", default="0 2 * * *", help="when `nightly` runs; default: at 02:00")
    parser.add_argument("--timezone", default="Asia/Shanghai", help="of the schedule")


COMMANDS = {
    "pipeline": CommandLine("Ingest, segment, clean, shard, pretrain, fine-tune, evaluate, register, report."),
    "retrain": CommandLine("A new version from other data, other settings, or only from new labels.", _retrain, config=QUICKSTART),
    "tune": CommandLine("Search for the best fine-tuning options, then train, evaluate and register with them."),
    "prepare": CommandLine("Prepare the corpus alone."),
    "pretrain": CommandLine("Word vectors alone, on the latest prepared corpus."),
    "finetune": CommandLine("Fine-tune alone, on the latest prepared corpus and pretrained vectors."),
    "evaluate": CommandLine("Evaluate alone, the latest classifier on the latest prepared corpus."),
    "label_errors": CommandLine("List the documents whose labels are likely wrong, for review."),
    "predict": CommandLine("Label and probability for every row of a file; by the champion.", _predict, dry=False, check=_check_predict),
    "augment": CommandLine("More documents out of a file's: words dropped, replaced or mistyped, as Parquet.", _augment, dry=False, check=_check_augment),
    "label_next": CommandLine("Which documents to label next: those that the champion is least sure of.", _label_next, dry=False, check=_check_label_next),
    "compare": CommandLine("Compare models side by side; promote the last, or roll back, on request.", _compare, "models", dry=False),
    "clean": CommandLine("What a store holds, how much and why; --free frees what nothing needs.", _clean, dry=False, ahead=False),
    "ui": CommandLine("The pages of MLflow and Prefect over a store, until Ctrl-C.", _ui, dry=False, ahead=False),
    "serve": CommandLine("Serve the champion (else the newest version) over HTTP, until Ctrl-C.", _serve, dry=False, ahead=False),
    "deploy": CommandLine(
        "Register the schedules of a configuration on a running Prefect server.", _deploy, config=QUICKSTART, dry=False, ahead=False),
}  # fmt: skip


def read(name: str, words: Sequence[str] | None = None) -> Given:
    """Read and check the command line of one flow.

    Raises:
        UserError: a configuration or an option that is wrong.
        SystemExit: 0 after ``--help``, 2 for words that make no sense (argparse's).
    """
    command = COMMANDS[name]
    parser = argparse.ArgumentParser(
        prog=f"python -m flows.{name}", description=command.about, allow_abbrev=False
    )
    parser.add_argument("--config", metavar="FILE", default=command.config, help="YAML configuration")
    parser.add_argument("--dry-run", action="store_true", help="say what would run and why, and stop")
    what = f"{command.positional} or key=value" if command.positional else "key=value"
    parser.add_argument("overrides", nargs="*", metavar=what, help="e.g. pretrain.dim=50 store=/data/ft")
    if command.options is not None:
        command.options(parser)
    own = vars(parser.parse_intermixed_args(words))
    file, dry, overrides = own.pop("config"), own.pop("dry_run"), own.pop("overrides")
    if command.positional:
        own[command.positional] = [w for w in overrides if not OVERRIDE.match(w)]
        overrides = [w for w in overrides if OVERRIDE.match(w)]
    if dry and not command.dry:
        raise UserError(f"flows.{name} has no dry run; it has one step and always runs it")
    if command.check is not None:
        command.check(own)
    return Given(load_config(file, overrides), file, overrides, dry, own)


def say(error: UserError | str) -> None:
    """A user's mistake in the terminal."""
    console.print("[bold red]error:[/]", end=" ")
    console.print(str(error), highlight=False, soft_wrap=True, markup=False)


def opening(name: str, given: Given) -> Given:
    """The first lines on screen: what runs where, and what is set without effect."""
    console.print(
        f"[bold]{name}[/] [dim]store {Path(given.config.store).resolve()}[/]", highlight=False, soft_wrap=True
    )
    for sentence in without_effect(given.config):
        console.print(f"  ! {sentence}", highlight=False, soft_wrap=True, markup=False)
    return given


_read: dict[str, Given] = {}


def command_line(module: str) -> None:
    """Read the command line now, where `module` is ``__main__``; wrong words end the process here.

    Of several processes that torchrun started the first one goes on, the others wait here for its trainings.
    """
    if module != "__main__":
        return
    name = Path(sys.argv[0]).stem
    try:
        if not place().first:
            from tasks.followers import follow

            sys.exit(follow(read(name).config))
        given = _read[name] = opening(name, read(name))
        if COMMANDS[name].ahead and not given.dry:
            from flows.embedded import start_ahead
            from tasks.store import Store

            start_ahead(Store(given.config.store))
    except UserError as error:
        say(error)
        sys.exit(1)


def is_dry() -> bool:
    """Whether this process was started to say what would run (`command_line` has read so)."""
    return any(given.dry for given in _read.values())


def given(name: str, words: Sequence[str] | None = None) -> Given:
    """What `command_line` has read already, or what these words say."""
    if words is None and name in _read:
        return _read.pop(name)
    return opening(name, read(name, words))
