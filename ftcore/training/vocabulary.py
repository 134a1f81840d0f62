"""The words of a set of shards, counted a shard at a time: on threads here, or on a cluster."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ftcore.base.cores import usable_threads
from ftcore.base.pools import AnyPool
from ftcore.base.threads import ahead
from ftcore.dictionary.pieces import PieceCounts, add_up, count_piece
from ftcore.shards.manifest import load_manifest
from ftcore.shards.shards import ShardSet, iter_shard


def count_shards(
    shards: ShardSet | str | Path,
    splits: Sequence[str],
    languages: Sequence[str] | None = None,
    labels: bool = True,
    threads: int | None = None,
    pool: AnyPool | None = None,
    scratch: Path | None = None,
) -> PieceCounts | None:
    """Count the words of some splits; None if so many occur that rare ones have to go while reading.

    Args:
        labels: False: of the tokens alone.
        threads: default: one a core; the result is the same for any number.
        pool: counts the shards instead; its workers see `scratch`.
        scratch: a folder for what the pool's workers count.

    Raises:
        UserError: a missing or changed shard.
    """
    folder = Path(shards.path if isinstance(shards, ShardSet) else shards)
    digest = shards.digest if isinstance(shards, ShardSet) else ""
    files = [folder / entry.file for entry in load_manifest(folder, verify=False, digest=digest).shards]
    about = {"splits": list(splits), "languages": languages and list(languages), "labels": labels}
    if pool is None:
        return add_up(ahead(_count, ((path, about) for path in files), usable_threads(threads)))
    with tempfile.TemporaryDirectory(dir=scratch, prefix="counts-") as place:
        return add_up(_on(pool, files, about, Path(place)))


def _count(path: Path, about: dict) -> PieceCounts | None:
    columns = ["tokens", "labels"] if about["labels"] else ["tokens"]
    return count_piece(iter_shard(path, about["splits"], about["languages"], columns))


def _on(pool: AnyPool, files: Sequence[Path], about: dict, place: Path) -> Iterator[PieceCounts | None]:
    def count(number: int) -> PieceCounts | None:
        out = place / f"{number:05d}.safetensors"
        order = about | {"path": str(files[number]), "out": str(out)}
        if not pool.run("ftcore.training.vocabulary:count_order", order):
            return None
        piece = PieceCounts.read(out)
        out.unlink()
        return piece

    return ahead(count, ((number,) for number in range(len(files))), max(1, min(pool.workers, len(files))))


def count_order(order: dict) -> bool:
    """Count one shard into a file, as a pool's workers do; False if it has too many words."""
    piece = _count(Path(order["path"]), order)
    if piece is not None:
        piece.write(Path(order["out"]))
    return piece is not None
