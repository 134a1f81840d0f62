"""The whole data stage in one call, without a pipeline around it: what `ftcore prepare` does.

list → cut → pack → prepare → drop copies → commit. What is prepared lies in ``OUT.prepared``, each pack under the digest
of its bytes, its options and the program: a call that was killed goes on where it was, and the next one prepares
what has changed alone. Shards that come out as they were are taken from the set that is replaced.
"""

from __future__ import annotations

import fcntl
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from ftcore import config, native
from ftcore.base.cores import cores
from ftcore.base.files import remove_stale, sha256_file
from ftcore.base.pools import AnyPool, open_pool
from ftcore.base.threads import ahead
from ftcore.config import Config
from ftcore.errors import UnreadableFile, UserError
from ftcore.reading.sources import list_files
from ftcore.shards.commit import CommitOptions, commit_shards
from ftcore.shards.copies import drop_copies
from ftcore.shards.holdings import PREPARED, note_set
from ftcore.shards.packs import Pack, packs_of
from ftcore.shards.prepare import PreparedPart, run_part
from ftcore.shards.quality import Qualities
from ftcore.shards.shards import ShardSet

Score = Callable[[Sequence[Path], Path | None, Path], Qualities]
"""``(parts, copies, folder) -> scores``: of prepared parts, those aside that go as copies, into a folder."""


@dataclass(frozen=True)
class CorpusProgress:
    """How far a preparation is.

    Attributes:
        packs: done so far, and of how many.
        bytes: of the files of the packs that are done, and of all.
        documents: met so far. rejects: of these, how many were refused by reading or a filter.
        reused: of the packs that are done, how many an earlier call had prepared.
        seconds: since the call began.
    """

    packs: tuple[int, int]
    bytes: tuple[int, int]
    documents: int = 0
    rejects: int = 0
    reused: int = 0
    seconds: float = 0.0

    @property
    def left(self) -> float:
        """Seconds left at this speed; infinite before there is one."""
        done, total = self.bytes
        return self.seconds * (total - done) / done if done else float("inf")


def prepare_corpus(
    options: Config,
    out: str | Path,
    listener: Callable[[CorpusProgress], None] | None = None,
    keep: bool = True,
    score: Score | None = None,
) -> ShardSet:
    """Raw files to verified shards; what an earlier call prepared of the same bytes is taken.

    Args:
        options: a configuration, of which ingest, text, filters, split, shards, data and workers are read.
        out: folder of the shards; an existing set of shards is replaced when the new one is whole.
        listener: told after every pack.
        keep: leave what is prepared in ``OUT.prepared`` for the next call; it is about as large as the shards.
        score: scores the documents, as `filters.quality` asks; `ftcore.curation.corpus.curate` gives it one.

    Raises:
        UserError: no sources; another call writes the same set; a folder that holds something else; see `commit_shards`.

    Example:
        ``prepare_corpus(load_config("corpus.yaml"), "shards").rows``
    """
    begin = time.perf_counter()
    out = Path(out)
    refuse_other_folder(out)
    if not options.ingest.sources:
        raise UserError("ingest.sources is empty; name at least one file, directory or glob")
    if options.filters.quality.asked and score is None:
        raise UserError(
            "filters.quality needs what scores documents: call ftcore.curation.corpus.curate, or ftcore prepare"
        )
    chosen = CommitOptions.of(options)
    files = list_files(options.ingest, options.data)
    sizes = [file.bytes for file in files]
    packs = packs_of(files, sizes, options.ingest)
    weights = _weights(packs, dict(zip((file.path for file in files), sizes, strict=True)))
    work = out.with_name(out.name + PREPARED)
    with _alone(work, out):
        done = _prepare_all(packs, weights, options, work, begin, listener)
        copies = None
        if options.filters.dedup != "off":
            copies = work / "copies"
            near = options.filters.near if options.filters.dedup == "near" else None
            shutil.rmtree(copies, ignore_errors=True)
            drop_copies([Path(part.path) for part in done], copies, work, near, keep=keep)
        quality = None
        if score is not None and options.filters.quality.asked:
            quality = score([Path(part.path) for part in done], copies, work / "scores")
        shards = commit_shards(done, copies, chosen, out, earlier=[out], quality=quality)
        packs_of_set = [Path(part.path).name for part in done]
        note_set(work, shards.digest, packs_of_set)
        _sweep(work, set(packs_of_set) if keep else set())
    return shards


def _prepare_all(
    packs: Sequence[Pack],
    weights: Sequence[int],
    options: Config,
    work: Path,
    begin: float,
    listener: Callable[[CorpusProgress], None] | None,
) -> list[PreparedPart]:
    """Every pack prepared, or taken from an earlier call; the listener is told of each."""
    done: list[PreparedPart] = []
    reused = 0
    workers = max(1, min(options.workers or cores(), len(packs)))
    chosen = CommitOptions.of(options)
    with open_pool(workers, options.runner, options.runner_address, work) as pool:
        for part, known in _prepared(packs, chosen, work, pool):
            done.append(part)
            reused += known
            if listener is not None:
                state = CorpusProgress(
                    packs=(len(done), len(packs)),
                    bytes=(sum(weights[: len(done)]), sum(weights)),
                    documents=sum(each.read for each in done),
                    rejects=sum(each.rejected + each.filtered for each in done),
                    reused=reused,
                    seconds=time.perf_counter() - begin,
                )
                listener(state)
    return done


@contextmanager
def _alone(work: Path, out: Path) -> Iterator[None]:
    """Hold the folder of what is prepared; what killed calls left half written is removed."""
    work.mkdir(parents=True, exist_ok=True)
    with open(work / "lock", "wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(
                f"{out}: another ftcore prepare writes this set; wait for it, stop it, or name another folder"
            ) from None
        remove_stale(work)
        remove_stale(out.parent, of=out.name)
        yield


def _sweep(work: Path, names: set[str]) -> None:
    """Leave these packs alone, or nothing at all."""
    if not names:
        shutil.rmtree(work, ignore_errors=True)
        return
    for path in work.iterdir():
        if path.is_dir() and path.name not in names:
            shutil.rmtree(path, ignore_errors=True)


def refuse_other_folder(out: Path, mark: str = "manifest.json", what: str = "shards") -> None:
    """Only what is of its kind is replaced.

    Args:
        out: the folder that is to be written.
        mark: a file that such folders have.
        what: what they are.

    Raises:
        UserError: it holds something else.
    """
    if out.is_dir() and any(out.iterdir()) and not (out / mark).exists():
        raise UserError(f"{out}: a folder that holds something else than {what}; name another one")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: a file is there; name a folder")


def _prepared(
    packs: Sequence[Pack], options: CommitOptions, work: Path, pool: AnyPool | None
) -> Iterator[tuple[PreparedPart, bool]]:
    """Each pack prepared, in order, and whether it was there already."""
    shaping = options.shaping()
    sources = shaping["ingest"].pop("sources")
    user_files = [*options.text.segment.user_dict, *options.text.stopwords.lists]
    content = [sha256_file(path) for path in user_files if Path(path).is_file()]
    about = config.digest([shaping, content, program()])

    def prepare(pack: Pack) -> tuple[PreparedPart, bool]:
        plain = [{k: v for k, v in part.items() if k not in ("path", "source")} for part in pack.plain()]
        folder = work / config.digest([plain, sources[pack.source], about])[:32]
        if folder.exists():
            try:
                return PreparedPart.load(folder), True
            except UnreadableFile:
                shutil.rmtree(folder)
        return run_part(pool, pack, options, folder), False

    threads = 1 if pool is None else min(pool.workers, len(packs))
    return ahead(prepare, ((pack,) for pack in packs), max(1, threads))


@lru_cache(maxsize=1)
def program() -> str:
    """Digest of what prepares: this library's own files, and the versions of what it reads and cuts text with."""
    root = Path(native.__file__).parent.parent
    own = [
        path for room in ("base", "native", "text", "shards") for path in sorted((root / room).rglob("*.py"))
    ]
    own += [Path(sys.modules["ftcore._native"].__file__ or "")]
    versions = [version(name) for name in ("jieba", "pyarrow")]
    return config.digest([[sha256_file(path) for path in own], versions])


def _weights(packs: Sequence[Pack], sizes: dict[str, int]) -> list[int]:
    """Bytes of each pack; parts of one file share them."""
    shares: dict[str, int] = {}
    for pack in packs:
        for part in pack.parts:
            shares[part.path] = shares.get(part.path, 0) + 1
    return [sum(sizes[part.path] // shares[part.path] for part in pack.parts) for pack in packs]
