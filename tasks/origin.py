"""Where a model comes from: the run that made it, with its options, data and code, and what it was trained on."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pyarrow as pa
import pyarrow.compute as pc

from ftcore.errors import UserError
from ftcore.shards.shards import ShardSet, iter_batches
from tasks.tracking import Tracker
from tasks.why import changed_options

# options that do not shape a model: places, names, and how it was looked at
ASIDE = (
    "data",
    "store",
    "name",
    "extends",
    "workers",
    "runner",
    "runner_address",
    "checkpoint_seconds",
    "tracking.",
    "evaluate.",
)


@dataclass(frozen=True)
class Origin:
    """What MLflow holds of the run that made a model; empty where it holds nothing."""

    run: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    shards: str = ""  # folder of the shards, if it was noted
    model_digest: str = ""  # of the model's files

    @property
    def data(self) -> str:
        """Digest of the shards that it was trained on."""
        return self.tags.get("data.digest", "")


def origin_of(tracker: Tracker, exact: str) -> Origin:
    """The run behind ``models:/name/3`` or ``runs:/id/model``; a folder has none."""
    digest = ""
    if exact.startswith("models:/"):
        name, _, version = exact.removeprefix("models:/").rpartition("/")
        found = tracker.client.get_model_version(name, version)
        run = found.tags.get("pipeline_run") or found.run_id
        digest = found.tags.get("model.digest", "")
    elif exact.startswith("runs:/"):
        run = exact.removeprefix("runs:/").split("/")[0]
    else:
        return Origin()
    known = tracker.run(run) if run else None
    if known is None:  # deleted since, or of another store
        return Origin(model_digest=digest)
    parent = known.data.tags.get("mlflow.parentRunId")
    if parent and "data.digest" not in known.data.tags:
        known = tracker.run(parent) or known
    return Origin(
        known.info.run_id,
        _told_once(known.data.params),
        known.data.tags,
        known.data.metrics,
        _shards(known),
        digest,
    )


def _told_once(params: Mapping[str, str]) -> dict[str, str]:
    """Without what ``auto`` settled on where the option itself says it."""
    return {
        key: value
        for key, value in params.items()
        if not key.startswith("settled.") or params.get(key.replace("settled", "finetune", 1)) == "auto"
    }


def _shards(run: Any) -> str:
    for given in run.inputs.dataset_inputs if run.inputs else ():
        try:
            uri = json.loads(given.dataset.source)["uri"]
        except (ValueError, KeyError, TypeError):
            continue
        if str(uri).startswith("file:"):
            return unquote(urlparse(uri).path)
    return ""


def differences(first: Origin, other: Origin) -> list[str]:
    """What the two were made with differently: options by name, then data, then code.

    Example:
        >>> a = Origin("1", {"seed": "0", "finetune.lr": "1.0"}, {"data.digest": "ab" * 32})
        >>> b = Origin("2", {"seed": "0", "finetune.lr": "0.5"}, {"data.digest": "cd" * 32})
        >>> differences(a, b)
        ['finetune.lr: 1.0 → 0.5', 'data abababab → cdcdcdcd']
    """
    if not (first.run and other.run):
        return []
    if first.model_digest and first.model_digest == other.model_digest:
        return ["nothing: both are the very same model"]
    found = []
    old, new = _options(first), _options(other)
    if old and new:
        found += changed_options(old, new)
    if first.data != other.data:
        found.append(f"data {first.data[:8] or 'unknown'} → {other.data[:8] or 'unknown'}")
    if _code(first) != _code(other):
        found.append(f"code {_code_name(first, other)} → {_code_name(other, first)}")
    return found


def _options(origin: Origin) -> dict[str, Any]:
    return {name: _value(value) for name, value in origin.options.items() if not _aside(name)}


def _aside(name: str) -> bool:
    return any(name == known or known.endswith(".") and name.startswith(known) for known in ASIDE)


def _value(text: str) -> Any:
    """A list or mapping that MLflow keeps as text; anything else as it stands."""
    if text[:1] in "[{":
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError):  # cut off by MLflow's limit
            return text
    return text


def _code(origin: Origin) -> str:
    return origin.tags.get("code.digest") or origin.tags.get("git.sha", "")


def _code_name(origin: Origin, beside: Origin) -> str:
    """The commit; where both have the same one, the digest of the modified sources."""
    sha = origin.tags.get("git.sha", "")
    changed = " with changes" if origin.tags.get("git.dirty") == "true" else ""
    if sha and sha != beside.tags.get("git.sha", ""):
        return f"{sha[:8]}{changed}"
    return (_code(origin)[:8] or "unknown") + changed


def trained_on(origin: Origin, ids: Sequence[str]) -> set[str] | None:
    """Those of the documents (`id` of shards) that are in the model's training split; None: cannot be told."""
    if not (origin.shards and origin.data and (Path(origin.shards) / "manifest.json").is_file()):
        return None
    wanted, found = pa.array(sorted(set(ids)), pa.string()), set()
    try:
        shards = ShardSet.open(origin.shards, verify=False)
        if shards.digest != origin.data:
            return None
        for batch in iter_batches(shards, ["train"], columns=["id"]):
            column = batch.column("id")
            found.update(column.filter(pc.is_in(column, value_set=wanted)).to_pylist())
    except UserError:  # pruned or damaged since
        return None
    return found
