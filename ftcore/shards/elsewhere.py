"""Shards at an address (``s3://…``): written there when they are whole here, and read from there.

The manifest is what makes a folder a set of shards. It goes first and comes last: who reads meanwhile finds no set or the
whole one, never a mixture of two.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import xxhash

from ftcore.base.addresses import SECRET, holds_secret, protocol_of, shown
from ftcore.config import Config
from ftcore.errors import UnreadableFile, UserError
from ftcore.reading import remote
from ftcore.reading.fetched import cache_folder, on_disk
from ftcore.shards.shards import ShardSet
from ftcore.shards.whole import CorpusProgress, prepare_corpus

MANIFEST = "manifest.json"


def prepare_elsewhere(
    options: Config,
    address: str,
    credentials: str = "",
    listener: Callable[[CorpusProgress], None] | None = None,
    keep: bool = True,
    prepare: Callable[..., ShardSet] = prepare_corpus,
) -> ShardSet:
    """`prepare_corpus` into a folder of the cache, which is then uploaded; a broken upload leaves it for the next call.

    Args:
        address: the folder of the shards, such as ``s3://bucket/corpus``.
        credentials: as those of a source.
        listener: told after every pack.
        keep: leave the prepared packs in the cache, for the next call.
        prepare: `prepare_corpus`, or what does the same and more (`ftcore.curation.corpus.curate`).

    Raises:
        UserError: see `prepare_corpus`; nothing can be written there; something else is there.

    Example:
        ``prepare_elsewhere(load_config("corpus.yaml"), "s3://bucket/corpus").rows``
    """
    if holds_secret(address):
        raise UserError(f"{shown(address)}: {SECRET}")
    address = address.rstrip("/")
    system = remote.filesystem(address, credentials, fresh=True)
    _listed(system, address)  # what is wrong with the address is said before any work
    here = made_here(address)
    here.parent.mkdir(parents=True, exist_ok=True)
    shards = prepare(options, here, listener, keep=keep)
    upload(here, address, credentials)
    return replace(shards, path=address)


def made_here(address: str) -> Path:
    """The folder of the cache in which the shards of an address are made."""
    return cache_folder().with_name("uploads") / xxhash.xxh3_128_hexdigest(address.rstrip("/").encode())


def upload(folder: Path, address: str, credentials: str = "") -> None:
    """Put a set of shards at an address, in place of the set that is there.

    Raises:
        UserError: nothing can be written there, or something else than shards is there.
    """
    system = remote.filesystem(address, credentials, fresh=True)
    before = _listed(system, address)
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    if MANIFEST not in names:
        raise UserError(f"{folder}: no shards to upload; prepare them first")
    _ask(lambda: MANIFEST in before and system.rm_file(f"{address}/{MANIFEST}"), address)
    for name in [*(name for name in names if name != MANIFEST), MANIFEST]:
        _put(system, folder / name, f"{address}/{name}")
    for name in before - {*names}:
        _ask(lambda name=name: system.rm_file(f"{address}/{name}"), address)  # type: ignore[misc]


@contextmanager
def shards_here(address: str, credentials: str = "") -> Iterator[Path]:
    """A folder with the shards of an address, fetched into the cache; it lasts as long as the block.

    Raises:
        UserError: there are none.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as held:
        kind, found, _ = remote.find_remote(address.rstrip("/") + "/", lambda _: True, credentials)
        if kind != "folder" or MANIFEST not in {relative for relative, _ in found}:
            raise UnreadableFile(f"{shown(address)}: no shards there; check the address")
        for relative, file in found:
            path = held.enter_context(on_disk(file.address, credentials, wanted=file))
            place = Path(folder, relative)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(os.path.abspath(path))
        yield Path(folder)


def _listed(system: Any, address: str) -> set[str]:
    """Names below an address; shards or nothing."""
    if protocol_of(address) in ("http", "https"):
        raise UserError(f"{shown(address)}: nothing can be written over http; name a folder, or s3://")
    root = system._strip_protocol(address)

    def ask() -> list[str]:
        system.invalidate_cache()
        return list(system.find(root))

    try:
        found = {path[len(root) :].lstrip("/") for path in remote.patiently(ask, address)}
    except FileNotFoundError:
        return set()
    if found and MANIFEST not in found and not all(name.endswith((".parquet", ".jsonl")) for name in found):
        raise UserError(f"{shown(address)}: something else than shards is there; name another folder")
    return found


def _put(system: Any, file: Path, address: str) -> None:
    """One file, whole: an object appears when all its bytes are there."""
    _ask(lambda: system.put_file(str(file), address), address)
    size = remote.patiently(lambda: system.size(address), address)
    if size != file.stat().st_size:
        raise UserError(f"{shown(address)}: {size:,} bytes are there of {file.stat().st_size:,}; run again")


def _ask(ask: Callable[[], object], address: str) -> None:
    try:
        remote.patiently(ask, address)
    except FileNotFoundError:
        raise UserError(
            f"{shown(address)}: cannot be written: no such bucket or folder; make it first"
        ) from None
