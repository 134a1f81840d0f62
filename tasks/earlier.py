"""A classifier of an earlier run that goes on learning, and the texts that were kept of what it learnt from."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from ftcore.base.files import sha256_file
from ftcore.config import Config
from ftcore.errors import UserError

if TYPE_CHECKING:
    from ftcore.model.model import Model
    from ftcore.training.reservoir import Reservoir
    from tasks.session import Session
    from tasks.tracking import Tracker

log = logging.getLogger("ftcore.finetune")
ADDRESSES = ("models:/", "runs:/")  # of registered models
KEPT = "kept.jsonl.bz2"  # beside the model's folder, where `finetune.replay` keeps texts
KEPT_VALID = "kept_valid.jsonl.bz2"  # those of the valid split, in a tenth of the room


def with_earlier_here(session: Session) -> Config:
    """The configuration with a folder in the place of an address of `finetune.earlier`.

    Raises:
        UserError: the registry has no such model.
    """
    config = session.config
    name = config.finetune.earlier
    if not name.startswith(ADDRESSES):
        return config
    folder, exact = _tracker(session).download(name)
    log.info("goes on from %s", exact)
    return config.model_copy(update={"finetune": config.finetune.model_copy(update={"earlier": str(folder)})})


def _tracker(session: Session) -> Tracker:
    """The session's; a dry run, which has none, only looks at a registry that is there."""
    from tasks.tracking import Tracker

    if session.tracker is not None:
        return session.tracker
    config = session.config
    if not config.tracking.uri and not (session.store.path / "mlflow.db").is_file():
        raise UserError(
            f"finetune.earlier: {config.finetune.earlier} is not in {session.store.path}, which has no registry yet; set store "
            "or tracking.uri to where the model is registered"
        )
    return Tracker(config)


def with_its_ngrams(session: Session) -> Config:
    """The configuration with the n-grams of `finetune.earlier`, which are those of the new model.

    A warning says which of the configuration's they replace.

    Raises:
        UserError: there is no such model, or it cannot go on so.
    """
    from ftcore.training.start import kept_ngrams

    config = session.config
    kept, others = kept_ngrams(earlier_model(with_earlier_here(session)), config.finetune)
    default = type(config.finetune)()
    for name in others:
        if getattr(config.finetune, name) != getattr(default, name):
            log.warning(
                "finetune.%s=%s has no effect: finetune.earlier goes on with its own, %s; leave it out",
                name, getattr(config.finetune, name), kept[name],
            )  # fmt: skip
    return config.model_copy(update={"finetune": config.finetune.model_copy(update=kept)})


def check_earlier(config: Config) -> None:
    """Refuse a folder of `finetune.earlier` that is not there; of an address the registry tells."""
    name = config.finetune.earlier
    if name and not name.startswith(ADDRESSES) and not Path(name).is_dir():
        raise UserError(f"finetune.earlier: there is no folder {name}; correct the path")


def earlier_model(config: Config) -> Model:
    """The classifier of `finetune.earlier`.

    Raises:
        UserError: it has no labels, cuts text in another way than `text` says, or has a linear head and is to go on by
            steps.
    """
    from ftcore.formats.directory import read_directory
    from ftcore.text.tokenizer import Tokenizer
    from ftcore.training.start import has_linear_head

    name = config.finetune.earlier
    model = read_directory(name)
    if not model.labels:
        raise UserError(
            f"finetune.earlier: {name} has no labels; name its vectors in finetune.pretrained_vectors"
        )
    if model.tokenizer is None or model.tokenizer.digest != Tokenizer(config.text).digest:
        raise UserError(
            f"finetune.earlier: {name} cuts text in another way than this configuration; give it the same `text` options"
        )
    if config.finetune.head != "linear" and has_linear_head(model):
        raise UserError(
            f"finetune.earlier: {name} has a linear head, which cannot go on by steps; set finetune.head=linear"
        )
    return model


def kept_texts(config: Config, name: str = KEPT) -> Reservoir | None:
    """The texts that `finetune.replay` kept beside the earlier model, and room for those of this training.

    Args:
        name: `KEPT`, or `KEPT_VALID`, which a model of before may lack.
    """
    from ftcore.training.reservoir import Reservoir

    size = config.finetune.replay
    if not size:
        return None
    made = Reservoir.sized(size, config.seed)
    if name == KEPT_VALID:
        made.capacity = max(made.capacity // 10, 1)
    earlier = _beside(config.finetune.earlier, name) if config.finetune.earlier else None
    if earlier is None or not earlier.is_file():
        if earlier is not None and name == KEPT:
            log.warning(
                "%s: no texts were kept there; what the earlier model knows is not learnt again", earlier
            )
        return made
    kept = Reservoir.load(earlier)
    # what is too much goes when new texts have come
    kept.capacity, kept.in_bytes = made.capacity, made.in_bytes
    return kept


def _beside(earlier: str, name: str) -> Path:
    """The file of an earlier model; older ones are not compressed."""
    path = Path(earlier).parent / name
    older = path.with_suffix("")
    return older if older.is_file() and not path.is_file() else path


def earlier_files(config: Config) -> dict[str, str]:
    """Digests of the files of `finetune.earlier`, the kept texts among them.

    Raises:
        UserError: there is no such folder.
    """
    if not config.finetune.earlier:
        return {}
    check_earlier(config)
    folder = Path(config.finetune.earlier)
    files = [
        *sorted(folder.glob("model.*")),
        *(_beside(config.finetune.earlier, name) for name in (KEPT, KEPT_VALID)),
    ]
    return {f"earlier:{p.name}": sha256_file(p) for p in files if p.is_file()}
