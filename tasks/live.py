"""Which Prefect flow runs live: a note of the process of each, and the end of those whose process is gone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tasks.store import Owner, Store


@contextmanager
def marked_live(store: Store) -> Iterator[None]:
    """Note which process runs this Prefect flow run, for the reconciliation after a crash."""
    from prefect.runtime import flow_run

    if not flow_run.id:
        yield
        return
    path = store.path / "live" / f"{flow_run.id}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"owner": str(Owner.me())}))
    try:
        yield
    except BaseException as error:
        if not type(error).__module__.startswith("httpx"):  # Prefect's server is gone: the next run tells it
            path.unlink(missing_ok=True)
        raise
    path.unlink(missing_ok=True)


def close_stale_flow_runs(store: Store, *, embedded: bool) -> list[str]:
    """Mark flow runs of dead processes as crashed.

    On a shared server only runs whose owner this store noted and whose process is known to be gone;
    on the embedded server, whose lock the caller holds, all that are not in a final state.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
    from prefect.client.schemas.objects import StateType
    from prefect.exceptions import ObjectNotFound

    closed: list[str] = []
    with get_client(sync_client=True) as client:
        ids: list[str] = []
        for path in sorted((store.path / "live").glob("*.json")):
            with suppress(OSError, ValueError, KeyError):
                owner = Owner.parse(json.loads(path.read_text())["owner"])
                if owner is not None and owner.is_gone():
                    ids.append(path.stem)
                    path.unlink()
        if embedded:
            open_states = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
            query = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=open_states)))
            found = client.read_flow_runs(flow_run_filter=query)
            # a deployment's run waits in PENDING while its worker starts it: not ours to judge
            ids += [str(r.id) for r in found if not (r.deployment_id and r.state.is_pending())]
        for run in dict.fromkeys(ids):
            with suppress(ObjectNotFound):
                if close_flow_run(client, run, "its process is gone; closed by the next run on this store"):
                    closed.append(run)
    return closed


def close_flow_run(client: Any, run: str, why: str) -> bool:
    """Mark a flow run that is open, and its task runs, as crashed; whether it was open."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
    from prefect.states import Crashed

    was_open = _is_open(client.read_flow_run(run))
    if was_open:
        client.set_flow_run_state(run, Crashed(message=why), force=True)
    for found in client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run]))):
        if _is_open(found):
            client.set_task_run_state(found.id, Crashed(message=why), force=True)
    return was_open


def _is_open(run: Any) -> bool:
    """Whether a run has not ended; a server killed between two writes leaves one without any state."""
    return run.state is None or not run.state.is_final()
