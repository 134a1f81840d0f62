"""More documents out of a file's."""

from __future__ import annotations

from typing import Any

from tasks.session import Session, stage_task


@stage_task("augment")
def augment_documents(session: Session, source: str, output: str, options: dict[str, Any]) -> dict:
    """Write `output`, see `ftcore.fewshot.augmented.augment_file`; how many of each operation."""
    from ftcore.fewshot.augmented import augment_file

    made = augment_file(source, output, **options)
    return {"documents": made.documents, "written": made.written, **made.by_operation}
