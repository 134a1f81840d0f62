"""Documents whose labels are likely wrong, listed for review: ``python -m flows.label_errors --config …``."""

from __future__ import annotations

from flows.arguments import command_line

command_line(__name__)  # wrong words end here, before Prefect, MLflow and torch are imported

import flows.prepare
import flows.pretrain
from flows.decorator import flow
from flows.hooks import HOOKS
from ftcore.config import Config
from tasks.before import check_files_of_classifier, check_labels, check_named_labels
from tasks.dictionary import require_labels
from tasks.head import choose_head
from tasks.label_errors import LISTS, list_label_errors, shown_errors
from tasks.reuse import StageOutput
from tasks.session import Session, open_session


def steps(session: Session) -> StageOutput:
    """prepare, pretrain, the head, label_errors."""
    check_labels(session)
    check_files_of_classifier(session)
    shards = flows.prepare.steps(session)
    if not session.dry:
        check_named_labels(session, require_labels(shards))
    wanted = session.config.pretrain.enabled
    pretrained = flows.pretrain.steps(session, shards) if wanted else None
    choose_head(session, shards, pretrained)
    return session.call(list_label_errors, shards, pretrained)


@flow(name="label_errors", **HOOKS)
def label_errors(config: Config = Config()) -> dict:
    """List the documents whose given label models that did not see them are surest is wrong."""
    with open_session(config, "label_errors") as session:
        found = steps(session)
        session.console.print(shown_errors(found))
        files = {f"list_{name.rpartition('.')[2]}": str(found.file(name)) for name in LISTS}
        return {"mlflow_run_id": session.run, **files, **found.result}


if __name__ == "__main__":
    from flows.command import main

    main(label_errors, steps)
