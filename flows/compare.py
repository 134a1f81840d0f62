"""Models on one frozen test set: ``python -m flows.compare models:/ftcore/1 models:/ftcore/2 --data TESTSET``.

``--promote`` moves the champion alias to the last model named: never to one that is significantly worse than
the champion, and not on a test set that cannot tell (`ftcore.evaluation.promotion`); ``--rollback`` moves it back.
"""

from __future__ import annotations

from flows.arguments import command_line

command_line(__name__)  # wrong words end here, before Prefect, MLflow and torch are imported

from collections import Counter

from flows.decorator import flow
from flows.hooks import HOOKS
from ftcore.config import Config
from ftcore.errors import UserError
from ftcore.evaluation.labels import LabelChange
from ftcore.evaluation.promotion import obstacles
from ftcore.report.compare_page import ComparePage, compare_table, render_comparison, verdict
from tasks.compare import Candidate, answer, compare_models, read_test_set, require_known_labels, speed
from tasks.session import Session, open_session


@flow(name="compare", **HOOKS)
def compare(
    config: Config,
    models: list[str],
    data: str = "",
    text: str = "text",
    label: str = "label",
    promote: str = "",
    allow_changed_labels: bool = False,
    rollback: bool = False,
) -> dict:
    """Compare models side by side; promote the last one, or roll the champion back, on request."""
    with open_session(config, "compare") as session:
        if rollback:
            return roll_back(session, promote or "champion")
        if not data:
            raise UserError("--data is missing; name a folder of shards or a file with labelled documents")
        named = with_champion(session, models, promote)
        if promote and named[-1] == session.tracker.champion():
            session.console.print(f"{named[-1]} is the champion already: nothing to promote", markup=False)
            return {"mlflow_run_id": session.run, "champion": named[-1], "promoted": False}
        test = session.call(read_test_set, data, text, label)
        candidates = [session.call(answer, uri, test) for uri in named]
        require_known_labels(candidates)
        result: dict = {"mlflow_run_id": session.run, "test_digest": test.digest}
        sentence, worse = "", False
        if len(candidates) > 1:
            candidates = session.call(speed, test, candidates)
            found, page = session.call(compare_models, test, candidates)
            page.verdicts = {c.name: verdict(page, c.name)[1] for c in candidates[1:]}
            result |= note(session, page)
            sentence, worse = (
                page.verdicts[named[-1].removeprefix("models:/")],
                found.worse(candidates[-1].name),
            )
        if promote:
            gate(session, candidates, sentence if worse else "", promote, test.digest, allow_changed_labels)
            result |= {promote: candidates[-1].uri, "promoted": True}
        return result


def note(session: Session, page: ComparePage) -> dict:
    """Write the page, log it and its figures, show the table; what the result says of it."""
    path = session.store.path / "compare" / f"{session.run}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_comparison(page), encoding="utf-8")
    tracker, run = session.tracker, session.run
    tracker.file(run, path)
    verdicts = {f"verdict.{key(name)}": sentence for name, sentence in page.verdicts.items()}
    tracker.tags(run, {"eval.digest": page.test_digest, **verdicts})
    for model in page.models:
        scores = {f"{key(model.name)}/{k}": v for k, v in model.metrics.items() if "/" not in k}
        tracker.metrics(run, scores | {f"{key(model.name)}/documents_per_second": model.documents_per_second})
    for warning in page.warnings:
        session.console.print(f"  ! {warning}", markup=False, highlight=False, soft_wrap=True)
    session.console.print(compare_table(page))
    return {
        "report": str(path),
        "verdicts": page.verdicts,
        "changes": {model.name: list(model.changes) for model in page.models[1:]},
        "warnings": list(page.warnings),
    }


def roll_back(session: Session, alias: str) -> dict:
    """Move the alias back; where it replaced no version there is nothing to do, which is no failure."""
    old, new = session.tracker.roll_back(alias)
    if new is None:
        session.console.print(
            f"nothing to roll back: {alias} is version {old}, which replaced none", markup=False
        )
        return {"mlflow_run_id": session.run, "champion": old, "rolled_back_from": None}
    session.console.print(f"the {alias} is {new} again, no longer {old}", markup=False)
    return {"mlflow_run_id": session.run, "rolled_back_from": old, "champion": new}


def key(name: str) -> str:
    """A model's name as MLflow takes it for a metric or tag: a folder's path may be absolute or long.

    Example:
        >>> key("/store/../a/model"), key("ftcore/3")
        ('store/a/model', 'ftcore/3')
    """
    return "/".join(p for p in name.split("/") if p not in ("", ".", ".."))[-150:].lstrip("/")


def with_champion(session: Session, models: list[str], promote: str) -> list[str]:
    """The exact models to compare; for a promotion the current champion stands first, asked for or not.

    The last one named is the one to promote, and stays last.
    """
    exact = [session.tracker.exact(m) for m in models]
    twice = [m for m, n in Counter(exact).items() if n > 1]
    if twice:
        raise UserError(f"the same model twice: {', '.join(exact)}; name different ones")
    if not promote:
        if len(exact) < 2:
            raise UserError("name at least two models, e.g. models:/ftcore/1 models:/ftcore/2")
        return exact
    name = session.config.tracking.model_name
    if not exact:
        raise UserError(f"name the model to promote, e.g. models:/{name}/2")
    _version_of(exact[-1], name)
    champion = session.tracker.champion()
    if champion is None or champion == exact[-1]:
        return exact
    return [champion, *[m for m in exact if m != champion]]


def _version_of(uri: str, name: str) -> str:
    """The version that an alias of the configured model may point to; refuses anything else."""
    if not uri.startswith("models:/"):
        raise UserError(f"{uri}: only a registered version can be promoted, e.g. models:/{name}/2")
    owner, _, version = uri.removeprefix("models:/").rpartition("/")
    if owner != name:
        raise UserError(
            f"{uri}: a version of {owner}, but the aliases are those of {name}; set tracking.model_name={owner}, "
            f"or name a version of {name}"
        )
    return version


def gate(
    session: Session,
    candidates: list[Candidate],
    worse: str,
    alias: str,
    digest: str,
    allow_changed_labels: bool,
) -> None:
    """Move the alias unless something speaks against it; the version's tags say what.

    That is a reason of `ftcore.evaluation.promotion`, or that the model is worse than the champion.
    """
    last, name = candidates[-1], session.config.tracking.model_name
    first = candidates[0] if len(candidates) > 1 else None
    version, tracker = _version_of(last.uri, name), session.tracker
    against = obstacles(
        last.name,
        last.evidence,
        LabelChange.of(first.entry.labels, last.entry.labels) if first else None,
        first.name if first else "",
        allow_changed_labels=allow_changed_labels,
    )
    against += [worse] if worse else []
    status = {"gate.status": "refused" if against else "passed", "gate.reason": " ".join(against) or "none"}
    tracker.version_tags(version, status | {"eval.digest": digest})
    if against:
        held = tracker.alias(alias)
        stays = f"The {alias} stays models:/{name}/{held}." if held else f"There is still no {alias}."
        raise UserError(f"not promoted: {' '.join(against)} {stays}")
    tracker.move_alias(alias, version)
    session.console.print(f"{alias} is now {last.uri}", markup=False)


if __name__ == "__main__":
    from flows.command import main

    main(compare)
