"""Which head a classifier gets, where the configuration leaves it to the data (``finetune.head: default`` or ``auto``).

``auto`` searches (`tasks.tune`). ``default`` asks no clock: over the seven sets of docs/quality.md the linear head
over pairs of words and character n-grams is the best single choice, so it is taken wherever it can be.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from ftcore.shards.manifest import load_manifest
from tasks.commit import shard_set
from tasks.earlier import with_its_ngrams
from tasks.tune import search_settings, tuned, with_best

if TYPE_CHECKING:
    from ftcore.config import Config
    from ftcore.shards.manifest import Manifest
    from tasks.reuse import StageOutput
    from tasks.session import Session

log = logging.getLogger("ftcore.head")
MOST_DOCUMENTS, MOST_LABELS = (
    1_000_000,
    300,
)  # a linear head holds all documents and C numbers a feature in memory
BOTH = 0.1  # share of the documents from which a language has its own n-grams
CHARACTERS = {("en",): (2, 5), ("zh",): (1, 3), ("en", "zh"): (1, 5), (): (2, 5)}  # n-grams by languages


def choose_head(session: Session, shards: StageOutput, pretrained: StageOutput | None) -> None:
    """Put what is taken in the place of ``finetune.head``, and say why."""
    head = session.config.finetune.head
    if head == "auto":
        _search(session, shards, pretrained)
    elif head == "default" and not (session.dry and not shards.result):
        chosen, why = default_head(session.config, load_manifest(shard_set(shards).path, verify=False))
        session.config = with_best(session.config, chosen)
        _say(session, f"head {chosen['head']}{_shown(chosen)}: {why}")
    if session.config.finetune.earlier and session.config.finetune.head != "default":
        session.config = with_its_ngrams(session)
        _say(
            session, f"goes on with the earlier model's n-grams{_shown(session.config.finetune.model_dump())}"
        )


def default_head(config: Config, manifest: Manifest) -> tuple[dict[str, Any], str]:
    """The options that are not given, and the reason in words.

    Args:
        manifest: of the shards to learn from.
    """
    labels = {name: splits["train"] for name, splits in manifest.labels.items() if splits.get("train")}
    texts = sum(manifest.documents.get("train", {}).values())
    if config.engine not in ("auto", "cpu"):
        return {"head": "sgd"}, f"engine {config.engine} was asked for, and trains by steps"
    least = 1 if config.finetune.earlier else 2
    if not least <= len(labels) <= MOST_LABELS:
        return {"head": "sgd"}, f"{len(labels):,} labels; a linear head takes 2 to {MOST_LABELS}"
    if sum(labels.values()) > texts:
        return {"head": "sgd"}, "texts have several labels"
    if sum(labels.values()) > MOST_DOCUMENTS:
        return {"head": "sgd"}, f"more than {MOST_DOCUMENTS:,} texts, too many to hold in memory"
    given = config.finetune
    alone = (given.word_ngrams, given.minn, given.maxn) == (1, 0, 0) and given.bucket > 0
    # documents of the valid split that are kept for later trainings stay new to the model
    chosen: dict[str, Any] = {"head": "linear", "refit": not config.finetune.replay}
    if alone and not given.earlier:  # whose own n-grams hold
        minn, maxn = CHARACTERS[_languages(manifest)]
        chosen |= {"word_ngrams": 2, "minn": minn, "maxn": maxn}
    why = "the best single choice on most sets"
    return chosen, why if given.earlier else f"{why}; a search over heads and n-grams: finetune.head=auto"


def _languages(manifest: Manifest) -> tuple[str, ...]:
    """English and Chinese, where a tenth of the training texts are in it."""
    counts = manifest.documents.get("train", {})
    least = BOTH * sum(counts.values())
    own = {name: counts.get(name, 0) + counts.get("mixed", 0) for name in ("en", "zh")}
    return tuple(name for name, count in own.items() if count >= max(least, 1))


def _search(session: Session, shards: StageOutput, pretrained: StageOutput | None) -> None:
    whole = session.config
    found = session.call(search_settings, shards, pretrained, whole.finetune.seconds)
    if session.dry and "best" not in found.result:
        return
    session.config = tuned(whole, found)
    best, first = found.result["best"], found.result["first"]
    _say(
        session,
        f"head auto: {best['head']}{_shown(best)}, {found.result['metric']} {found.result['score']:.4f} on the valid "
        f"split, the best of {found.result['trials']} trials; fastText's own training, which came first, has "
        f"{'none' if first is None else f'{first:.4f}'}",
    )


def _shown(chosen: dict[str, Any]) -> str:
    names = [name for name in ("word_ngrams", "minn", "maxn") if name in chosen]
    return f" ({', '.join(f'{name} {chosen[name]}' for name in names)})" if names else ""


def _say(session: Session, words: str) -> None:
    log.info("%s", words)
    session.console.print(f"  {words}", highlight=False, markup=False)
