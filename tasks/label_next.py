"""Which documents of a file to label next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.session import Session, stage_task

if TYPE_CHECKING:
    from ftcore.inference.classifier import Classifier


@stage_task("label_next")
def choose_documents(
    session: Session, model: Classifier, source: str, output: str, count: int, text: str
) -> dict[str, int]:
    """Write `output`, see `ftcore.fewshot.label_next.label_next_of`."""
    from ftcore.fewshot.label_next import label_next_of

    chosen, documents = label_next_of(model.model, source, output, count, text)
    return {"documents": documents, "chosen": chosen}
