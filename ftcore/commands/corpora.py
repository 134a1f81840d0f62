"""``ftcore prepare``, its dry run, ``inspect`` and ``store``: the data stage without a pipeline, a look before and after."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

import ftcore
from ftcore.base.addresses import is_remote
from ftcore.base.files import atomic_file
from ftcore.base.holdings import holdings_table
from ftcore.base.strings import leave_pandas_out
from ftcore.config import Config, load_config
from ftcore.curation.corpus import curate
from ftcore.curation.trial import DOCUMENTS, try_filters
from ftcore.effects import without_effect
from ftcore.errors import UserError
from ftcore.report.filters_page import render_trial, trial_tables
from ftcore.report.shards_page import render_shards, shards_tables
from ftcore.shards.elsewhere import made_here, prepare_elsewhere, shards_here
from ftcore.shards.holdings import prepared_holdings
from ftcore.shards.look import look_at
from ftcore.shards.manifest import load_manifest
from ftcore.shards.whole import CorpusProgress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.table import Table

SECONDS = 5.0  # between lines where there is no terminal


def run_prepare(given: argparse.Namespace) -> None:
    """Prepare, with progress on standard error and the counts on standard output; or say what the filters would drop."""
    leave_pandas_out()
    options = load_config(given.config, given.options)
    for said in without_effect(options):
        print(f"warning: {said}", file=sys.stderr)
    if given.dry_run:
        _try(options, given.sample, given.html)
        return
    if given.html or given.sample:
        raise UserError(
            "--html and --sample are of --dry-run; ftcore inspect SHARDS --html PAGE shows shards"
        )
    if not given.out:
        raise UserError("--out names the folder of the shards; or --dry-run says what the filters would drop")
    with _Shown(sys.stderr) as shown:
        if is_remote(given.out):
            shards = prepare_elsewhere(
                options, given.out, given.credentials, shown, keep=not given.no_keep, prepare=curate
            )
        else:
            shards = curate(options, given.out, shown, keep=not given.no_keep)
    here = made_here(given.out) if is_remote(given.out) else shards.path
    of = len(load_manifest(here, verify=False).shards)
    print(
        f"{shards.path}: {shards.rows:,} documents, {shards.made:,} of {of:,} shards made anew, "
        f"digest {shards.digest[:16]}; ftcore inspect {given.out}"
    )


def _try(options: Config, sample: int | None, page: str | None) -> None:
    """What the filters would drop of a sample, as tables or as a page."""
    if sample is not None and sample < 1:
        raise UserError(f"--sample {sample}: a sample has at least one document")
    trial = try_filters(options, sample or DOCUMENTS)
    if page:
        with atomic_file(page) as file:
            file.write(render_trial(trial).encode())
        print(page)
        return
    _print(trial_tables(trial))


def run_inspect(given: argparse.Namespace) -> None:
    """Tables in the terminal, or a page."""
    with (
        shards_here(given.shards, given.credentials)
        if is_remote(given.shards)
        else nullcontext(given.shards) as here
    ):
        look = look_at(here)
    if given.html:
        Path(given.html).write_text(render_shards(look), encoding="utf-8")
        print(given.html)
        return
    _print(shards_tables(look))


def _print(tables: Iterator[Table]) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    for table in tables:
        if table.row_count:
            console.print(table, "")


def run_store(given: argparse.Namespace) -> None:
    """What a store holds: a pipeline's by `flows.clean`, a set of shards and what it was made of here."""
    path = Path(given.store)
    if (path / "stages").is_dir():
        _clean(given)
    found = prepared_holdings(path)
    if not found:
        raise UserError(
            f"{path}: neither a pipeline's store (stages/) nor shards of ftcore prepare (manifest.json)"
        )
    if given.keep is not None or given.forget:
        raise UserError("--keep and --forget are of a pipeline's store; here it is --free alone")
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    console.print(holdings_table(found, f"what {path} holds"))
    unneeded = [holding for holding in found if not holding.why]
    for holding in unneeded if given.free else ():
        shutil.rmtree(holding.path)
    whole, rest = sum(h.bytes for h in found), sum(h.bytes for h in unneeded)
    word = "freed" if given.free else "can be freed: run it again with --free"
    console.print(f"  {whole / 1e6:,.1f} MB in all, {rest / 1e6:,.1f} MB {word}")
    print(json.dumps({"store": str(path), "bytes": whole, "freed" if given.free else "unneeded": rest}))


def _clean(given: argparse.Namespace) -> NoReturn:
    """The pipeline's own command, which knows of registered models; it lies beside this package in a checkout."""
    root = Path(ftcore.__file__).parent.parent
    if not (root / "flows" / "clean.py").is_file():
        raise UserError(
            f"{given.store}: a pipeline's store; `python -m flows.clean store={given.store}` shows it in the project's folder"
        )
    words = ["--free"] if given.free else []
    words += [] if given.keep is None else ["--keep", str(given.keep)]
    words += [word for name in given.forget for word in ("--forget", name)]
    command = [sys.executable, "-m", "flows.clean", f"store={given.store}", *words]
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    sys.exit(subprocess.call(command, env=os.environ | {"PYTHONPATH": path}))


class _Shown:
    """A bar in a terminal; elsewhere a line every few seconds and at the end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._spoke = stream, time.monotonic()
        self._bar: Bar | None = None

    def __enter__(self) -> _Shown:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, state: CorpusProgress) -> None:
        text = described(state)
        if self._stream.isatty():
            if self._bar is None:
                from ftcore.training.progress import bar_of

                self._bar = bar_of(self._stream, "prepare", state.bytes[1] or 1, 10)
            self._bar.update(self._bar.task_ids[0], completed=state.bytes[0], state=text)
        elif state.packs[0] == state.packs[1] or time.monotonic() - self._spoke >= SECONDS:
            self._spoke = time.monotonic()
            print(
                f"prepare {state.bytes[0] / max(1, state.bytes[1]):6.1%}  {text}",
                file=self._stream,
                flush=True,
            )


def described(state: CorpusProgress) -> str:
    """One line: speed, documents, rejects, time left.

    Example:
        >>> described(CorpusProgress(packs=(1, 2), bytes=(2_000_000, 4_000_000), documents=10, rejects=1, seconds=2.0))
        '1.0 MB/s  10 documents  1 refused  0:02 left'
    """
    speed = state.bytes[0] / 1e6 / state.seconds if state.seconds else 0.0
    again = (
        f"  {state.packs[0] - state.reused:,} of {state.packs[0]:,} packs prepared anew"
        if state.reused
        else ""
    )
    left = round(state.left) if state.bytes[0] else 0
    return (
        f"{speed:.1f} MB/s  {state.documents:,} documents  {state.rejects:,} refused"
        f"  {left // 60}:{left % 60:02} left{again}"
    )
