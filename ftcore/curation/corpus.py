"""The whole data stage with scores: what `ftcore prepare` does."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from ftcore.config import Config
from ftcore.curation.quality import qualities, quality_model
from ftcore.formats.checkpoint import HEADER
from ftcore.shards.quality import Qualities
from ftcore.shards.shards import ShardSet
from ftcore.shards.whole import CorpusProgress, prepare_corpus, refuse_other_folder

log = logging.getLogger("ftcore.quality")
LEARNT = ".quality"


def curate(
    options: Config,
    out: str | Path,
    listener: Callable[[CorpusProgress], None] | None = None,
    *,
    keep: bool = True,
) -> ShardSet:
    """`ftcore.shards.whole.prepare_corpus`, with the scores that `filters.quality` asks for.

    A model that is learnt here lies in ``OUT.quality`` afterwards, for `filters.quality.model` or `ftcore predict`.

    Raises:
        UserError: see there, and `ftcore.curation.quality.quality_model`.

    Example:
        ``curate(load_config("corpus.yaml"), "shards").rows``
    """
    if not options.filters.quality.asked:
        return prepare_corpus(options, out, listener, keep)
    learnt = Path(out).with_name(Path(out).name + LEARNT)
    refuse_other_folder(Path(out))  # before anything is learnt
    if not options.filters.quality.model:
        refuse_other_folder(learnt, HEADER, "a model")
    judge = quality_model(options, None if options.filters.quality.model else learnt)

    def score(parts: Sequence[Path], copies: Path | None, folder: Path) -> Qualities:
        shutil.rmtree(folder, ignore_errors=True)
        return qualities(judge, options, parts, copies, folder)

    shards = prepare_corpus(options, out, listener, keep, score)
    if judge.held_out is not None:
        log.warning("the quality model lies in %s", learnt)
    return shards
