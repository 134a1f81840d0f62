"""Models on one frozen test set: ``python -m flows.compare models:/ftcore/1 models:/ftcore/2 --data TESTSET``.

``--promote`` moves the champion alias to the last model named, never to one that is significantly
worse than the champion; ``--rollback`` moves it back.
"""

from __future__ import annotations

from flows.arguments import command_line

command_line(__name__)  # wrong words end here, before Prefect, MLflow and torch are imported


from prefect import flow

from flows.hooks import HOOKS
from ftcore.config import Config
from ftcore.errors import UserError
from ftcore.report.compare_page import compare_table, render_comparison, verdict
from tasks.compare import Candidate, answer, read_test_set
from tasks.compare import compare as compare_models
from tasks.session import Session, open_session


@flow(name="compare", **HOOKS)
def compare(
    config: Config,
    models: list[str],
    data: str = "",
    text: str = "text",
    label: str = "label",
    promote: str = "",
    rollback: bool = False,
) -> dict:
    """Compare models side by side; promote the last one, or roll the champion back, on request."""
    with open_session(config, "compare") as session:
        if rollback:
            old, new = session.tracker.roll_back(promote or "champion")
            session.console.print(f"the champion is {new} again, no longer {old}", markup=False)
            return {"mlflow_run_id": session.run, "rolled_back_from": old, "champion": new}
        if not data:
            raise UserError("--data is missing; name a folder of shards or a file with labelled documents")
        test = session.call(read_test_set, data, text, label)
        candidates = [session.call(answer, uri, test) for uri in with_champion(session, models, promote)]
        if len(candidates) == 1:  # nothing to be worse than yet
            gate(session, candidates, False, {}, promote, test.digest)
            return {"mlflow_run_id": session.run, promote: candidates[0].uri}
        found, page = session.call(compare_models, test, candidates)
        sentences = {c.name: verdict(page, c.name)[1] for c in candidates[1:]}
        page.verdicts = sentences
        path = session.store.path / "compare" / f"{session.run}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render_comparison(page), encoding="utf-8")
        session.tracker.file(session.run, path)
        session.tracker.tags(
            session.run,
            {"eval.digest": test.digest, **{f"verdict.{key(n)}": s for n, s in sentences.items()}},
        )
        for c in candidates:
            session.tracker.metrics(
                session.run, {f"{key(c.name)}/{k}": v for k, v in c.entry.metrics.items() if "/" not in k}
            )
        session.console.print(compare_table(page))
        result = {
            "mlflow_run_id": session.run,
            "report": str(path),
            "test_digest": test.digest,
            "verdicts": sentences,
        }
        if promote:
            gate(session, candidates, found.worse(candidates[-1].name), sentences, promote, test.digest)
            result |= {promote: candidates[-1].uri}
        return result


def key(name: str) -> str:
    """A model's name as MLflow takes it for a metric or tag: a folder's path may be absolute or long.

    >>> key("/store/../a/model"), key("ftcore/3")
    ('store/a/model', 'ftcore/3')
    """
    return "/".join(p for p in name.split("/") if p not in ("", ".", ".."))[-150:].lstrip("/")


def with_champion(session: Session, models: list[str], promote: str) -> list[str]:
    """The models to compare; for a promotion the current champion stands first, asked for or not."""
    current = session.tracker.alias("champion") if promote else None
    if current is not None:
        champion = f"models:/{session.config.tracking.model_name}/{current}"
        exact = [session.tracker.exact(m) for m in models]
        models = [champion, *[m for m in exact if m != champion]]
    if len(models) < 2 and not (promote and models):
        raise UserError("name at least two models, e.g. models:/ftcore/1 models:/ftcore/2")
    return models


def gate(
    session: Session,
    candidates: list[Candidate],
    worse: bool,
    sentences: dict[str, str],
    alias: str,
    digest: str,
) -> None:
    """Move the alias unless the candidate is significantly worse; the version's tags say which."""
    last = candidates[-1]
    if not last.uri.startswith("models:/"):
        raise UserError(f"{last.uri}: only a registered version can be promoted, e.g. models:/ftcore/2")
    name, version = last.uri.removeprefix("models:/").rsplit("/", 1)
    tracker = session.tracker
    tracker.client.set_model_version_tag(name, version, "gate.status", "refused" if worse else "passed")
    tracker.client.set_model_version_tag(name, version, "eval.digest", digest)
    if worse:
        raise UserError(f"not promoted: {sentences[last.name]} The {alias} stays {candidates[0].uri}.")
    tracker.move_alias(alias, version)
    session.console.print(f"{alias} is now {last.uri}", markup=False)


if __name__ == "__main__":
    from flows.command import main

    main(compare)
