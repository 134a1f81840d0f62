"""One run of a flow: its store, its MLflow run, and the stages it goes through."""

from __future__ import annotations

import contextvars
import functools
import json
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from ftcore.base.files import remove_stale
from ftcore.base.interruption import installed, interrupted
from ftcore.config import Config, digest
from ftcore.errors import UserError
from tasks.live import close_flow_run, close_stale_flow_runs, marked_live
from tasks.members import Members
from tasks.retention import age, users
from tasks.reuse import StageOutput, StageSpec, latest_output, run_stage
from tasks.store import Store
from tasks.tracking import Tracker

if TYPE_CHECKING:
    from prefect import Task
    from prefect.states import State

DEPLOYMENT_WAIT = 12 * 3600  # seconds
USUAL_PAGES = "http://127.0.0.1:4200"  # where `make ui` shows the embedded server's runs
log = logging.getLogger("ftcore")
log.setLevel(logging.INFO)


@dataclass(frozen=True)
class Child:
    """The MLflow run of one stage; what its work logs goes here."""

    tracker: Tracker
    run: str
    name: str

    def params(self, options: Mapping[str, Any]) -> None:
        """Log options as parameters of the run."""
        self.tracker.params(self.run, options)

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Log scores of the run."""
        self.tracker.metrics(self.run, values, step)


Work = Callable[[Path, Path, "Child | None"], dict[str, Any] | None]


class Session:
    """What every task of a flow run gets: configuration, store, tracker, and `stage`.

    A plain class on purpose: Prefect looks into dataclasses for futures at each task call.
    """

    def __init__(self, config: Config, tracker: Tracker | None, run: str, name: str, *, dry: bool = False):
        self.config, self.tracker, self.run, self.name, self.dry = config, tracker, run, name, dry
        self.store = Store(config.store)
        self.outputs: list[StageOutput] = []
        self.members: Members | None = None  # of the stage that is being done in pieces
        self.console = Console(stderr=True)
        self.guard = threading.Lock()
        self.doing: list[str] = []  # stages that were begun
        self.saved: dict[str, str] = {}  # what unfinished ones leave, in words

    def stage(
        self,
        name: str,
        *,
        inputs: Mapping[str, str],
        options: Mapping[str, Any],
        code: tuple[str, ...],
        work: Work,
        tracked: bool = False,
        still_good: Callable[[dict[str, Any]], str] | None = None,
    ) -> StageOutput:
        """Run or reuse one stage (see `tasks.reuse`); a tracked stage that runs gets an MLflow child run."""
        spec = StageSpec(name, inputs, options, code, adapter=work.__module__, configuration=self.config.name)

        def tracked_work(out: Path, scratch: Path) -> dict[str, Any] | None:
            if "/" not in name:
                self.console.print(f"  [cyan]▸[/] {name} …", highlight=False)
            self.doing.append(name)
            if not tracked or self.tracker is None:
                return work(out, scratch, None)
            with self.child(name) as child:
                child.params(options)
                return work(out, scratch, child)

        output = run_stage(self.store, spec, tracked_work, still_good=still_good, dry=self.dry)
        self.note(output)
        return output

    def note(self, output: StageOutput) -> None:
        """Say in the terminal, in the log and in the run's tags how a stage came about.

        A piece of a stage only counts (see `group`).
        """
        if self.members is not None and "/" in output.stage:
            with self.guard:
                said = self.members.add(output) if output.stage.startswith(f"{self.members.name}/") else ""
            if said:
                self.console.print(f"  [dim]▸ {said}[/]", highlight=False)
            return
        with self.guard:
            self.outputs.append(output)
        colour = {"reused": "green", "recomputed": "yellow", "planned": "yellow"}[output.state]
        what = "would run" if output.state == "planned" else output.state
        told = f" {output.told}," if output.told else ""
        self.console.print(
            f"  [{colour}]{'✓' if output.state == 'reused' else '●'}[/] {output.stage}: {what} "
            f"[dim]({escape(output.reason)})[/]{told}"
            + (f" {output.seconds:.1f} s" if output.seconds else ""),
            highlight=False,
            soft_wrap=True,
        )
        log.info("%s: %s (%s)%s", output.stage, what, output.reason, told.rstrip(","))
        if self.tracker is not None and not self.dry:
            self.tracker.tags(self.run, {f"stage.{output.stage}": f"{what}: {output.reason}"})

    @contextmanager
    def group(self, name: str, number: int) -> Iterator[None]:
        """The stages ``name/…`` of the block are one: one line, one row of the summary, the block's time."""
        if number and not self.dry:
            self.console.print(f"  [cyan]▸[/] {name} …", highlight=False)
        members = self.members = Members(name, number)
        try:
            yield
        finally:
            self.members = None
        if number:
            total = members.total()
            if total.state == "recomputed":
                age(self.store, name, [o.stage for o in members.outputs], self.config.name)
            self.note(total)

    @contextmanager
    def child(self, name: str) -> Iterator[Child]:
        """An MLflow run below this one, closed with the outcome of the block."""
        assert self.tracker is not None
        tags = {k: v for k, v in prefect_tags().items() if k == "prefect.flow_run_id"}
        run = self.tracker.start(f"{self.name}/{name}", kind=name, parent=self.run, tags=tags)
        try:
            with self.tracker.system_metrics(run):
                yield Child(self.tracker, run, name)
        except BaseException as error:
            self.tracker.end(run, outcome(error))
            raise
        self.tracker.end(run)

    def call(self, stage_task: Any, *arguments: Any) -> Any:
        """Run a stage task and unwrap its result; in a dry run its plain function, without Prefect."""
        if self.dry:
            return stage_task.plain(self, *arguments)
        return stage_task(self, *arguments, return_state=True).result()

    def map(self, stage_task: Any, items: list[Any], *rest: Any) -> list[Any]:
        """One task run per item; waits for all."""
        if self.dry:
            return [stage_task.plain(self, item, *rest) for item in items]
        from prefect import unmapped

        futures = stage_task.map(unmapped(self), items, *[unmapped(r) for r in rest])
        return [f.result() for f in futures]

    def latest(self, stage: str, made_by: str) -> StageOutput:
        """Output of an earlier flow, for flows that run alone."""
        name = self.config.name
        found = latest_output(self.store, stage, name)
        if found is None:
            others = [user for user in users(self.store.stages / stage) if user != name]
            there = f"; there is one of: {', '.join(others[:5])} (set name=…)" if others else ""
            raise UserError(
                f"{self.store.path}: no output of {stage} by the configuration {name!r} here{there}; run "
                f"`python -m flows.{made_by}` with the same configuration and store first"
            )
        return found

    def kept(self) -> str:
        """What an interruption leaves, and how to go on, in one line."""
        names = [o.stage for o in self.outputs]
        begun = [name.split("/")[0].replace("cut", "prepare") for name in self.doing]  # cut: a part of it
        at = next((name for name in reversed(begun) if name not in names), "")
        what = [*names, *([self.saved[at]] if at in self.saved else [])]
        if self.members is not None and self.members.outputs:
            what.append(f"{len(self.members.outputs):,} of {self.members.number:,} parts of {at or 'it'}")
        if at and any((self.store.scratch / at).glob("*/checkpoint/checkpoint.json")):
            what.append(f"a checkpoint of {at}")
        where = f"interrupted in {at}" if at else "interrupted"
        if not what:
            return f"{where}; nothing was finished and nothing is half written: run the same command again"
        return f"{where}; kept in {self.store.path}: {', '.join(what)}; the same command goes on from there"


class StageTask:
    """A function that returns a `StageOutput` (or any value), and the Prefect task around it.

    The task is made at the first call: a dry run calls `plain` and never imports Prefect. Prefect's own cache is
    off (`tasks.reuse` decides); the state on the page is named Reused or Recomputed and carries the reason.
    """

    def __init__(self, plain: Callable[..., Any], name: str, policy: Mapping[str, Any]) -> None:
        functools.update_wrapper(self, plain)
        self.plain, self.name, self.policy = plain, name, policy

    @functools.cached_property
    def task(self) -> Task:
        """The Prefect task, made when it is first called: importing Prefect takes a second."""
        from prefect import task
        from prefect.cache_policies import NO_CACHE
        from prefect.states import Completed

        @functools.wraps(self.plain)
        def body(*arguments: Any, **keywords: Any) -> State:
            value = self.plain(*arguments, **keywords)
            outputs = [
                v for v in (value if isinstance(value, list) else [value]) if isinstance(v, StageOutput)
            ]
            if not outputs:
                return Completed(data=value)
            all_reused = all(o.reused for o in outputs)
            reasons = "; ".join(dict.fromkeys(f"{o.state}: {o.reason}" for o in outputs))
            return Completed(
                name="Reused" if all_reused else "Recomputed", message=reasons[:1000], data=value
            )

        return task(body, name=self.name, cache_policy=NO_CACHE, persist_result=False, **self.policy)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Run it as a Prefect task."""
        return self.task(*arguments, **keywords)

    def map(self, *arguments: Any, **keywords: Any) -> Any:
        """Prefect's own: a future for each item."""
        return self.task.map(*arguments, **keywords)


def stage_task(name: str, **policy: Any) -> Callable[[Callable[..., Any]], StageTask]:
    """A `StageTask` around a function. policy: retries and the like, as `prefect.task` takes them."""
    return lambda plain: StageTask(plain, name, policy)


def only_io(_task: Any, _run: Any, state: State) -> bool:
    """Retry condition: the disk or the network failed, not the data, the code or the user."""
    if interrupted():
        return False
    try:
        state.result()
    except OSError as error:  # ConnectionError and TimeoutError are among them
        return not isinstance(error, UserError)
    except BaseException:
        return False
    return False


IO_RETRIES: dict[str, Any] = {
    "retries": 2,
    "retry_delay_seconds": [1, 5],
    "retry_condition_fn": only_io,
}


@contextmanager
def open_session(config: Config, kind: str, **tags: str) -> Iterator[Session]:
    """Lock the store, close what dead runs left open, start the MLflow run; end it with the outcome."""
    from prefect.runtime import deployment, flow_run

    store = Store(config.store)
    # A deployment's run waits for the one before it. Prefect's own limit would count a killed run for minutes.
    wait = DEPLOYMENT_WAIT if deployment.id else 0
    with marked_live(store), warnings_shown(Console(stderr=True)), store.lock(kind, wait=wait):
        if deployment.id:
            close_stale_flow_runs(store, embedded=False)
        for folder in (store.stages, store.scratch):
            remove_stale(folder)
        tracker = Tracker(config)
        tracker.close_stale()
        name = flow_run.name or f"{kind}-{config.name}"
        run = tracker.start(name, kind=kind, tags={**prefect_tags(), "config.digest": digest(config), **tags})
        session = Session(config, tracker, run, name)
        _end_on_signals(session)
        try:
            _link_from_prefect(tracker.link(run))
            yield session
        except BaseException as error:
            tracker.tags(run, {"error": f"{type(error).__name__}: {error}"})
            tracker.end(run, outcome(error))
            raise
        tracker.end(run)


def outcome(error: BaseException) -> str:
    """How an MLflow run ended: KILLED by whoever stopped the command, else FAILED."""
    return "FAILED" if isinstance(error, Exception) and not interrupted() else "KILLED"


def _end_on_signals(session: Session) -> None:
    """Make signals the command's own again, in a command.

    Prefect takes SIGTERM for each flow run. What stays open in Prefect and MLflow is closed even where the run
    itself does not come to it.
    """
    global _newest
    _newest = session
    signals = installed()
    if signals is None:
        return
    from prefect.runtime import flow_run

    if threading.current_thread() is threading.main_thread():
        signals.take(signal.SIGTERM)
    context = contextvars.copy_context()  # Prefect's settings, the server's address among them
    run, tracker = str(flow_run.id), session.tracker
    assert tracker is not None

    def close_prefect() -> None:
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            close_flow_run(client, run, "interrupted")

    signals.tidy += [lambda: tracker.close_flow_run(run, "KILLED"), lambda: context.run(close_prefect)]


_newest: Session | None = None


def kept() -> str:
    """One line for whoever interrupts a command: what stays, and how to go on."""
    if _newest is None:
        return "interrupted before any work was done; run the same command again"
    return _newest.kept()


def prefect_tags() -> dict[str, str]:
    """Where this run comes from: Prefect's flow run and deployment, and what triggered it."""
    from prefect.runtime import deployment, flow_run
    from prefect.settings import PREFECT_UI_URL

    if not flow_run.id:
        return {"trigger": "python"}
    return {
        "prefect.flow_run_id": str(flow_run.id),
        "prefect.flow_run_name": str(flow_run.name),
        "prefect.page": f"{PREFECT_UI_URL.value() or USUAL_PAGES}/runs/flow-run/{flow_run.id}",
        "prefect.deployment": str(deployment.name or "none"),
        "trigger": "deployment" if deployment.id else "command",
    }


@contextmanager
def warnings_shown(console: Console) -> Iterator[None]:
    """Show the library's warnings in the terminal, where Prefect's own log is kept off."""

    class Show(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            console.print(f"  ! {record.getMessage()}", markup=False, highlight=False, soft_wrap=True)

    handler = Show(logging.WARNING)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


def _link_from_prefect(url: str) -> None:
    """A link to the MLflow run on the flow run's page; its failure is no reason to stop."""
    from prefect.artifacts import create_link_artifact
    from prefect.runtime import flow_run

    if not flow_run.id:
        return

    try:
        create_link_artifact(key="mlflow-run", link=url, link_text="MLflow run", description="MLflow run")
    except Exception as error:
        log.warning("no link on Prefect's page: %s", error)


def table_artifact(key: str, rows: list[dict[str, Any]], description: str) -> None:
    """A table on the flow run's page (plain values only: Prefect rejects numpy's)."""
    from prefect.artifacts import create_table_artifact
    from prefect.runtime import flow_run

    if not flow_run.id:
        return

    try:
        create_table_artifact(
            key=key, table=json.loads(json.dumps(rows, default=str)), description=description
        )
    except Exception as error:
        log.warning("no table on Prefect's page: %s", error)
