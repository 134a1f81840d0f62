"""May a model take the champion's place? The reasons against it, whatever its scores look like.

A comparison says which of two models is right more often. That is no reason to promote one when the test
set is not of its task, was part of its training, or holds too few documents; or when the labels that its
users rely on have changed.

Example:
    >>> good = Evidence(documents=200, answerable=200, accuracy=.9, macro_f1=.9, majority_accuracy=.5, majority_macro_f1=.3)
    >>> obstacles("m/2", good, LabelChange.of(["a", "b"], ["a", "b"]), "m/1")
    []
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ftcore.evaluation.labels import LabelChange, some
from ftcore.evaluation.significance import FEW

SEEN_SHARE = 0.01  # of the test set; short texts recur by chance, a test set that was trained on does not
REQUEST = "--allow-changed-labels"  # the flag of `flows.compare` that asks for other labels


@dataclass(frozen=True)
class Evidence:
    """What is known of one model on a test set. Documents are labelled ones, exact copies counted once."""

    documents: int
    answerable: int  # with a gold label that the model knows
    accuracy: float
    macro_f1: float
    majority_accuracy: float
    majority_macro_f1: float
    unknown: Sequence[str] = ()  # gold labels that the model does not know
    labels: Sequence[str] = ()  # those that it knows
    seen: int = 0  # documents that are in its training data


def obstacles(
    model: str,
    evidence: Evidence,
    change: LabelChange | None,
    champion: str = "",
    *,
    allow_changed_labels: bool = False,
) -> list[str]:
    """Reasons against promoting `model`, each a sentence; none: nothing but its scores decides.

    Args:
        change: its labels beside the champion's; None where there is no champion.
        allow_changed_labels: labels that differ are asked for. Disjoint ones are refused all the same.
    """
    e, found = evidence, []
    if change is not None and change.changed:
        if change.disjoint:
            found.append(change.sentence(champion, model))
        elif not allow_changed_labels:
            found.append(f"{change.sentence(champion, model)} If that is meant, add {REQUEST}.")
    if not e.answerable:
        found.append(
            f"{model} knows none of the test set's labels ({some(e.unknown)}); it knows {some(e.labels)}: "
            "give a test set of its task, or the right --label."
        )
    elif 2 * e.answerable < e.documents:
        found.append(
            f"{model} does not know the labels {some(e.unknown)}, which {e.documents - e.answerable} of "
            f"{e.documents} test documents have: the test set is of another task."
        )
    elif e.answerable < FEW:
        found.append(f"{e.answerable} documents: too few to judge by; {FEW} at least are needed.")
    if e.seen > SEEN_SHARE * e.documents:
        found.append(
            f"{e.seen} of {e.documents} test documents were in the training data of {model}: "
            "its scores on them say nothing; give documents that it has not seen."
        )
    if e.answerable and e.accuracy <= e.majority_accuracy and e.macro_f1 <= e.majority_macro_f1:
        found.append(
            f"{model} is no better than always answering its most frequent label: accuracy {e.accuracy:.3f} "
            f"against {e.majority_accuracy:.3f}, macro-F1 {e.macro_f1:.3f} against {e.majority_macro_f1:.3f}."
        )
    return found
