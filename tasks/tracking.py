"""MLflow: runs, curves, artifacts, the model registry. With pyfunc.py the only file that imports it.

Runs are addressed by id, never by MLflow's thread-local active run, so that tasks in threads cannot
open phantom runs. Every run carries its owner (host, boot, pid, start time) from its creation on.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftcore.base.holdings import Holding, size
from ftcore.config import Config
from ftcore.errors import UserError
from ftcore.options import flatten
from tasks.blank import lay
from tasks.code_digest import git_tags
from tasks.moved import settle
from tasks.patience import Patient, patiently, require_answer
from tasks.requirements import serving_requirements
from tasks.store import Owner, Store

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import Run

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault(
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "5"
)  # a minute for a server that starts again, not four

ROOT = Path(__file__).resolve().parent.parent
OWNER = "ftcore.owner"
log = logging.getLogger("ftcore.tracking")
# MLflow's pages open on their GenAI side, whatever the experiment's kind (3.17: main.js reads this parameter,
# else the browser's memory of the last choice, else "genai").
TRAINING_PAGES = "workflowType=machine_learning"
FLUSH_METRICS, FLUSH_SECONDS = 500, 5.0


class Tracker:
    """One MLflow store and one experiment.

    Args:
        config: `config.tracking` names server and experiment; without a server SQLite in the store.

    Example:
        ``Tracker(config).start("run", kind="pipeline")`` returns the new run's id.
    """

    def __init__(self, config: Config):
        import mlflow
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        logging.getLogger("mlflow").setLevel(logging.WARNING)  # its steps are not the user's
        logging.getLogger("mlflow.store.db.utils").setLevel(
            logging.CRITICAL
        )  # nor its tracebacks; see `Patient`
        self.store = Store(config.store)
        self.options = config.tracking
        self.uri = self.options.uri or self.store.mlflow_uri
        self.store.make()
        if not self.options.uri:
            lay("mlflow", self.store.path / "mlflow.db")
        before = "" if self.options.uri else patiently(self.uri, lambda: settle(self.store))
        if before:
            log.warning("this store was in %s; MLflow's addresses now point to %s", before, self.store.path)
        mlflow.set_tracking_uri(self.uri)
        mlflow.set_registry_uri(self.uri)
        require_answer(self.uri)
        self.client = Patient(patiently(self.uri, lambda: MlflowClient(self.uri, self.uri)), self.uri)
        try:
            self.experiment = self._experiment(self.options.experiment)
        except MlflowException as error:
            place = f"tracking.uri {self.uri}"
            raise UserError(
                f"{place}: MLflow does not answer ({error}); start it or leave tracking.uri out"
            ) from None

    def _experiment(self, name: str) -> str:
        found = self.client.get_experiment_by_name(name)
        if found is not None:
            return found.experiment_id
        # Without a location, MLflow writes mlruns/ into the current directory even with SQLite elsewhere.
        place = None if self.options.uri else (self.store.artifacts / name).as_uri()
        kind = {"mlflow.experimentKind": "custom_model_development"}  # opens on the pages for training runs
        return self.client.create_experiment(name, artifact_location=place, tags=kind)

    # ------------------------------------------------------------------------------------ runs
    def start(self, name: str, *, kind: str, parent: str | None = None, tags: Mapping[str, str] = {}) -> str:
        """Create a run, tagged with owner, kind and parent, and return its id."""
        all_tags = {OWNER: str(Owner.me()), "ftcore.kind": kind, **git_tags(), **tags}
        if parent:
            all_tags["mlflow.parentRunId"] = parent
        run = self.client.create_run(self.experiment, run_name=name, tags=all_tags)
        return run.info.run_id

    def record(
        self, name: str, *, kind: str, parent: str, begun: float, ended: float, status: str = "FINISHED",
        params: Mapping[str, Any] = {}, metrics: Mapping[str, float] = {}, tags: Mapping[str, str] = {},
    ) -> str:  # fmt: skip
        """Log a run that is over already, below another; times in seconds since the epoch."""
        from mlflow.entities import Metric, Param

        marks = {OWNER: str(Owner.me()), "ftcore.kind": kind, "mlflow.parentRunId": parent, **tags}
        at, end = int(1000 * begun), int(1000 * ended)
        run = self.client.create_run(self.experiment, start_time=at, run_name=name, tags=marks).info.run_id
        self.client.log_batch(
            run,
            metrics=[Metric(legal(k), float(v), end, 0) for k, v in metrics.items()],
            params=[Param(k, str(v)[:6000]) for k, v in flatten(params).items()],
        )
        self.client.set_terminated(run, status, end)
        return run

    def end(self, run: str, status: str = "FINISHED") -> None:
        """Close a run with FINISHED, FAILED or KILLED."""
        self.client.set_terminated(run, status)

    def tags(self, run: str, tags: Mapping[str, Any]) -> None:
        """Set tags on a run."""
        from mlflow.entities import RunTag

        self.client.log_batch(run, tags=[RunTag(k, str(v)[:5000]) for k, v in tags.items()])

    def params(self, run: str, options: Mapping[str, Any]) -> None:
        """Log a (nested) tree of options as parameters with dotted names."""
        from mlflow.entities import Param

        self._log(run, 100, "params", [Param(k, str(v)[:6000]) for k, v in flatten(options).items()])

    def metrics(self, run: str, values: Mapping[str, float], step: int = 0) -> None:
        """Log a set of numbers at one step; names MLflow would refuse are mended."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        numbers = [Metric(legal(k), float(v), now, step) for k, v in values.items() if v is not None]
        self._log(run, 1000, "metrics", numbers)

    def curves(self, run: str, curves: Mapping[str, Sequence[tuple[float, float]]]) -> None:
        """Log whole curves, name -> (step, value); MLflow draws them as one chart each."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        points = [
            Metric(legal(name), float(value), now, int(step))
            for name, curve in curves.items()
            for step, value in curve
        ]
        self._log(run, 1000, "metrics", points)

    def _log(self, run: str, most: int, kind: str, found: list[Any]) -> None:
        """Log a list of one kind, as many a call as MLflow takes."""
        for at in range(0, len(found), most):
            self.client.log_batch(run, **{kind: found[at : at + most]})

    def made_model(self, run: str, name: str, version: str) -> None:
        """Show a registered version on the page of a run that did not log it itself: the pipeline's."""
        from mlflow.entities import LoggedModelOutput
        from mlflow.exceptions import MlflowException

        source = self.client.get_model_version(name, version).source or ""  # models:/m-0123…
        if source.startswith("models:/m-"):
            try:
                self.client.log_outputs(run, [LoggedModelOutput(source.removeprefix("models:/"), step=0)])
            except MlflowException as error:  # an older server: no reason to fail a run that is done
                log.info("%s/%s is not shown on the run's page: %s", name, version, error)

    def dataset(self, run: str, name: str, manifest_digest: str, source: str, context: str) -> None:
        """Log a data set by the digest of its manifest, not by its content."""
        from mlflow.data.filesystem_dataset_source import FileSystemDatasetSource  # noqa: F401
        from mlflow.entities import Dataset, DatasetInput, InputTag

        entity = Dataset(name, manifest_digest[:36], "local", f'{{"uri": "{Path(source).as_uri()}"}}')
        self.client.log_inputs(run, [DatasetInput(entity, [InputTag("mlflow.data.context", context)])])

    def file(self, run: str, path: Path | str, folder: str | None = None) -> None:
        """Log a file or a whole directory as an artifact."""
        log = self.client.log_artifacts if Path(path).is_dir() else self.client.log_artifact
        log(run, str(path), folder)

    def table(self, run: str, frame: pd.DataFrame, name: str) -> None:
        """Log a DataFrame as an MLflow table."""
        self.client.log_table(run, frame, name)

    @contextmanager
    def system_metrics(self, run: str) -> Iterator[None]:
        """Sample CPU, memory, disk and GPU of this machine into the run while the block runs."""
        if not self.options.system_metrics:
            yield
            return
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        monitor = SystemMetricsMonitor(run, sampling_interval=2, tracking_uri=self.uri)
        monitor.start()
        try:
            yield
        finally:
            monitor.finish()

    def link(self, run: str) -> str:
        """Address of the run's page: on the server, or on the pages that `make ui` opens."""
        base = self.uri if self.uri.startswith("http") else "http://127.0.0.1:5000"
        return f"{base.rstrip('/')}/#/experiments/{self.experiment}/runs/{run}?{TRAINING_PAGES}"

    def close_stale(self) -> list[str]:
        """Close runs left RUNNING by processes known to be gone, in every experiment of the store.

        A live or foreign run is left alone.
        """
        closed = []
        experiments = [found.experiment_id for found in self.client.search_experiments()]
        running = "attributes.status = 'RUNNING'"
        for run in every(partial(self.client.search_runs, experiments, running)):
            owner = Owner.parse(run.data.tags.get(OWNER, ""))
            if owner is not None and owner.is_gone():
                self.client.set_tag(run.info.run_id, "ftcore.reconciled", "its process is gone")
                self.end(run.info.run_id, "KILLED")
                closed.append(run.info.run_id)
        return closed

    def close_flow_run(self, flow_run: str, status: str) -> None:
        """Close what a crashed or cancelled Prefect flow run left open here."""
        query = f"tags.`prefect.flow_run_id` = '{flow_run}' and attributes.status = 'RUNNING'"
        for run in self.client.search_runs([self.experiment], query):
            self.end(run.info.run_id, status)

    # -------------------------------------------------------------------------------- registry
    def register(
        self,
        run: str,
        model: Path,
        *,
        tags: Mapping[str, str],
        example: list[str],
        several: bool = False,
        beside: Sequence[Path] = (),
    ) -> dict:
        """Log the model as a models-from-code pyfunc that carries ftcore with it, and register it.

        Args:
            several: it answers with a list of labels, too.
            beside: files that go with it.

        Returns:
            ``{"model_uri": "models:/name/3", "version": "3", "name": "name"}``
        """
        import mlflow
        import pandas as pd
        from mlflow.models import ModelSignature
        from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
        from mlflow.types.schema import Array

        outputs = [ColSpec(DataType.string, "label"), ColSpec(DataType.double, "probability")]
        if several:
            outputs.append(ColSpec(Array(DataType.string), "labels"))
        flags = [ParamSpec(name, DataType.boolean, True) for name in ("abstain", "rules")]
        signature = ModelSignature(
            inputs=Schema([ColSpec(DataType.string, "text")]),
            outputs=Schema(outputs),
            params=ParamSchema([ParamSpec("k", DataType.long, 1), *flags]),
        )
        name = self.options.model_name
        with mlflow.start_run(run_id=run):
            info = Patient(mlflow.pyfunc, self.uri).log_model(
                name="model",
                python_model=str(ROOT / "tasks" / "pyfunc.py"),
                # a bare path with a % in it is taken for an URI
                artifacts={"model": model.resolve().as_uri()}
                | {path.stem: path.resolve().as_uri() for path in beside},
                code_paths=[str(ROOT / "ftcore")],
                signature=signature,
                input_example=pd.DataFrame({"text": example}),
                pip_requirements=serving_requirements(),
            )
            with redirect_stdout(sys.stderr):  # it prints; stdout is for the result
                version = Patient(mlflow, self.uri).register_model(
                    info.model_uri, name, tags={k: str(v) for k, v in tags.items()}
                )
        uri = f"models:/{name}/{version.version}"
        return {"name": name, "version": str(version.version), "model_uri": uri}

    def version_exists(self, name: str, version: str) -> bool:
        """Whether a registered version is still there."""
        from mlflow.exceptions import MlflowException

        try:
            self.client.get_model_version(name, version)
            return True
        except MlflowException:
            return False

    def version_there(self, uri: str) -> bool:
        """`version_exists` by ``models:/name/3``."""
        return self.version_exists(*uri.removeprefix("models:/").rsplit("/", 1))

    def logged_models(self) -> list[Holding]:
        """The models' folders among the artifacts, each with the versions that it is registered as."""
        versions: dict[str, list[str]] = {}
        for version in every(self.client.search_model_versions):
            name = str(version.source).removeprefix("models:/")
            versions.setdefault(name, []).append(f"models:/{version.name}/{version.version}")
        folders = sorted(self.store.artifacts.glob("*/models/m-*"))
        return [Holding(f, "model", size(f), "; ".join(versions.get(f.name, []))) for f in folders]

    def alias(self, alias: str) -> str | None:
        """Version that an alias of the configured model points to, or None.

        A registry that does not answer is no None: a champion that cannot be seen is not a missing one.
        """
        from mlflow.exceptions import MlflowException

        try:
            found = self.client.get_model_version_by_alias(self.options.model_name, alias)
            return str(found.version)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise

    def run(self, run: str) -> Run | None:
        """A run with its parameters, metrics, tags and data sets; None if it is not there."""
        from mlflow.exceptions import MlflowException

        try:
            return self.client.get_run(run)
        except MlflowException:
            return None

    def move_alias(self, alias: str, version: str, tags: Mapping[str, str] = {}) -> None:
        """Point an alias to a version, noting on it which version it replaced."""
        name = self.options.model_name
        replaced = self.alias(alias)
        if replaced is not None and replaced != version:
            self.version_tags(version, {_replaced(alias): replaced})
        self.version_tags(version, tags)
        self.client.set_registered_model_alias(name, alias, version)

    def champion(self) -> str | None:
        """Address of the configured model's champion, or None."""
        version = self.alias("champion")
        return f"models:/{self.options.model_name}/{version}" if version else None

    def version_tags(self, version: str, tags: Mapping[str, Any]) -> None:
        """Set tags on a version of the configured model."""
        for key, value in tags.items():
            self.client.set_model_version_tag(self.options.model_name, version, key, str(value)[:5000])

    def roll_back(self, alias: str = "champion") -> tuple[str, str | None]:
        """Move an alias back to the version that the current one replaced: (from, to); to None if there is none."""
        name, current = self.options.model_name, self.alias(alias)
        if current is None:
            raise UserError(f"{name}@{alias}: there is no such alias; promote a version first")
        if not (previous := self.client.get_model_version(name, current).tags.get(_replaced(alias))):
            return current, None
        if not self.version_exists(name, previous):
            raise UserError(f"{name}@{alias}: version {previous}, which {current} replaced, has been deleted")
        self.client.set_registered_model_alias(name, alias, previous)
        return current, previous

    def download(self, uri: str) -> tuple[Path, str]:
        """Fetch a model by ``models:/name/3``, ``models:/name@champion``, ``runs:/id`` or a local directory.

        Returns:
            directory of the ftcore model, and the address with its version spelled out.
        """
        import mlflow
        from mlflow.exceptions import MlflowException

        if not uri.startswith(("models:/", "runs:/")):
            path = Path(uri)
            if not (path / "model.json").is_file():
                raise UserError(
                    f"{uri}: not a model; give models:/NAME/VERSION, models:/NAME@ALIAS, runs:/ID "
                    "or a directory with model.json"
                )
            return path, uri
        try:
            exact = self.exact(uri)
            get = Patient(mlflow.artifacts, self.uri).download_artifacts
            path = Path(get(exact, tracking_uri=self.uri))
        except (MlflowException, OSError) as error:
            raise UserError(f"{uri}: cannot be fetched from {self.uri}: {error}") from None
        if not (found := sorted(path.rglob("model.json"))):
            raise UserError(f"{uri}: holds no ftcore model (model.json)")
        return found[0].parent, exact

    def exact(self, uri: str) -> str:
        """The address with aliases and runs resolved to a version, where there is one."""
        from mlflow.exceptions import MlflowException

        try:
            return self._exact(uri)
        except MlflowException as error:
            newest = self.newest(uri.removeprefix("models:/").split("@")[0]) if "@" in uri else None
            why = (
                f"no version has this alias yet; promote one, or name the newest, {newest}"
                if newest
                else error
            )
            raise UserError(f"{uri}: not found in {self.uri}: {why}") from None

    def _exact(self, uri: str) -> str:
        if uri.startswith("runs:/"):
            run = uri.removeprefix("runs:/").split("/")[0]
            for version in self.client.search_model_versions(f"run_id = '{run}'"):
                return f"models:/{version.name}/{version.version}"
            tags = self.client.get_run(run).data.tags
            if "model_uri" in tags:  # the parent of the run that logged it
                return tags["model_uri"]
            return uri if uri.count("/") > 1 else f"{uri}/model"
        if "@" in uri:
            name, alias = uri.removeprefix("models:/").split("@", 1)
            version = self.client.get_model_version_by_alias(name, alias).version
            return f"models:/{name}/{version}"
        return uri

    def newest(self, name: str = "") -> str | None:
        """Address of the newest version of a registered model (default: the configuration's), or None."""
        name = name or self.options.model_name
        versions = [int(v.version) for v in self.client.search_model_versions(f"name = '{name}'")]
        return f"models:/{name}/{max(versions)}" if versions else None


def _replaced(alias: str) -> str:
    """The tag that notes which version an alias pointed to before; each alias has a history of its own."""
    return "replaced_version" if alias == "champion" else f"{alias}.replaced_version"


class CurveWriter:
    """A progress listener that writes curves to a run in batches (an MLflow call takes 3 to 100 ms)."""

    def __init__(self, tracker: Tracker, run: str):
        self.tracker, self.run = tracker, run
        self.waiting: list[Any] = []
        self.flushed = time.monotonic()
        self.guard = threading.Lock()

    def __call__(self, progress: Any) -> None:
        """Take one `ftcore.training.progress.Progress`."""
        from mlflow.entities import Metric

        values = {
            "loss": progress.loss,
            "lr": progress.lr,
            "words_per_second": progress.words_per_second,
            **{f"valid_{k}": v for k, v in (progress.validation or {}).items()},
        }
        values = {f"{progress.stage}/{k}": v for k, v in values.items() if v is not None}
        now = int(time.time() * 1000)
        with self.guard:
            self.waiting += [Metric(legal(k), float(v), now, int(progress.step)) for k, v in values.items()]
        if len(self.waiting) >= FLUSH_METRICS or time.monotonic() - self.flushed > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Send what waits."""
        with self.guard:
            batch, self.waiting = self.waiting, []
        for at in range(0, len(batch), 1000):
            self.tracker.client.log_batch(self.run, metrics=batch[at : at + 1000])
        self.flushed = time.monotonic()


def legal(name: str) -> str:
    """A metric name with the characters that MLflow allows: word characters, ``/ . -`` and space."""
    return "".join(c if c.isalnum() or c in "_/.- " else "_" for c in name)


def every(search: Callable[..., Any]) -> Iterator[Any]:
    """What one of MLflow's searches finds, page after page."""
    page = None
    while True:
        found = search(page_token=page)
        yield from found
        page = found.token
        if not page:
            return
