"""What the configuration alone tells is said before any work: seconds, not hours, into a run."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from ftcore.config import Config, Source
from ftcore.effects import LINES, format_of, may_validate
from ftcore.engines.setup import class_weights
from ftcore.errors import MissingLabels
from ftcore.model.rules import Rules
from ftcore.text.filters import Judge
from ftcore.text.segment import read_user_dict
from ftcore.text.stopwords import stopwords
from ftcore.training.lexicon import Lexicon, check_words
from tasks.earlier import check_earlier
from tasks.session import Session
from tasks.vectors import check_given_files

HELD_OUT = ("valid", "test")


def check_text(session: Session) -> None:
    """Refuse user dictionaries, stopword lists and filters that are missing or cannot be read."""
    text = session.config.text
    for path in text.segment.user_dict:
        read_user_dict(path)
    stopwords(text.stopwords)
    Judge(session.config.filters)


def check_labels(session: Session) -> None:
    """Refuse sources from which no classifier can be trained or scored.

    Raises:
        UserError: no source can give a label; none of those that can gives documents to train on, or
            to test on.
    """
    config = session.config
    sources = config.ingest.sources
    if not sources:
        return  # ingest says so
    labelled = [source for source in sources if gives_labels(source)]
    if not labelled:
        shown = ", ".join(source.path for source in sources[:3])
        more = f" and {len(sources) - 3} more" if len(sources) > 3 else ""
        raise MissingLabels(
            f"no source gives a label ({shown}{more}), so there is nothing to classify; name the label column "
            "(ingest.sources: label) or set label_from: folder, or make word vectors alone with flows.prepare "
            "and flows.pretrain"
        )
    for split in ("train", "test"):
        if not any(reaches(source, split, config) for source in labelled):
            given = ", ".join(f"{s.path} (split: {s.split})" for s in labelled[:3])
            remedy = "leave out `split` of one of them" if split == "train" else (
                "set split.test above 0, or give a labelled source with split: test"
            )  # fmt: skip
            raise MissingLabels(f"no labelled document can come into the {split} split: {given}; {remedy}")
    chosen = {"finetune.head = auto": config.finetune.head == "auto", "abstain": config.abstain.asked}
    if any(chosen.values()) and not may_validate(config):
        asks = next(name for name, asked in chosen.items() if asked)
        raise MissingLabels(
            f"{asks} is chosen on the valid split, into which no labelled document can come; set split.valid above 0, "
            "or give a labelled source with split: valid"
        )


def check_files_of_classifier(session: Session) -> None:
    """Refuse words, rules, vectors and an earlier model that are missing or cannot be read.

    Raises:
        UserError: it names the file, the line or the pattern.
    """
    check_given_files(session.config)
    check_earlier(session.config)
    if lexicon := session.config.finetune.lexicon:
        Lexicon.of(lexicon)
    if rules := session.config.rules.patterns:
        Rules.of(rules)


def check_named_labels(session: Session, known: Collection[str]) -> None:
    """Refuse words, rules and weights of labels that no document has, before hours of pretraining.

    Args:
        known: labels of the documents. An earlier model may have others.
    """
    config = session.config
    if config.finetune.earlier:
        return
    if rules := config.rules.patterns:
        Rules.of(rules).check(known)
    if lexicon := config.finetune.lexicon:
        check_words(Lexicon.of(lexicon), known)
    if isinstance(config.finetune.class_weights, dict):
        class_weights(config.finetune.class_weights, list(known), np.zeros(len(known)))


def gives_labels(source: Source) -> bool:
    """Whether documents of a source can have a label, by its options and its format."""
    if source.label_from in ("folder", "file"):
        return True
    if source.label is None:
        return False
    return format_of(source) not in LINES


def reaches(source: Source, split: str, config: Config) -> bool:
    """Whether labelled documents of a source can come into a split."""
    if source.split != "auto":
        return source.split == split
    if source.split_column is not None or split == "train":
        return True
    return getattr(config.split, split) > 0
