"""Reuse that explains itself: when a stage's earlier output may stand, and if not, why.

A stage's key is the digest of (digests of its inputs, its options, the sources it imports). Its
output folder ends with ``stage.json``, written last, which lists every file with its SHA-256. The
output is reused if the key is the same and the files still are; otherwise the stage runs again and
says what differs from the last time that the same configuration ran it.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ftcore.base.files import atomic_write_json, explain_full_disk, sha256_file
from ftcore.config import digest
from tasks.code_digest import sources_of
from tasks.retention import RECORD, use, used
from tasks.store import Store
from tasks.why import explain

ABOUT = "about/"  # files below such a folder tell of the run (curves, speed); they are no part of the output's identity
TOLD = "told"  # in a result: what the work says of itself beside the reason
SEAL = "seal"  # in the record: the digest of all else in it


@dataclass(frozen=True)
class StageOutput:
    """What a stage leaves behind, and how it came about. Travels between tasks instead of data.

    `digest` covers the content of the output's files: a recomputation that yields the same bytes
    leaves the stages after it untouched.
    """

    stage: str
    path: str
    digest: str
    state: str  # reused, recomputed or planned
    reason: str
    seconds: float = 0.0
    result: dict[str, Any] = field(default_factory=dict)

    def file(self, name: str) -> Path:
        """Path of one of the output's files."""
        return Path(self.path) / name

    @property
    def reused(self) -> bool:
        """Whether the output stood and nothing was computed."""
        return self.state == "reused"

    @property
    def told(self) -> str:
        """What the work that was just done says of itself; "" where nothing was done."""
        return str(self.result.get(TOLD, "")) if self.state == "recomputed" else ""


@dataclass(frozen=True)
class StageSpec:
    """One stage to run: who it is and what it depends on.

    Args:
        name: folder below ``stages/``; mapped stages append ``/`` and a slug.
        inputs: name -> digest of everything that is read.
        options: the slice of the configuration that matters to it, JSON-able.
        code: entry modules whose transitive sources count.
        adapter: the module of the task itself; its own file counts, not what it imports.
        configuration: name of the configuration that runs it; what it is compared with, not part of the key.
    """

    name: str
    inputs: Mapping[str, str]
    options: Mapping[str, Any]
    code: tuple[str, ...]
    adapter: str = ""
    configuration: str = "ftcore"

    def sources(self) -> dict[str, str]:
        """Digests of the source files that the stage runs, by path."""
        return sources_of(*self.code, adapter=self.adapter)

    def key(self, sources: Mapping[str, str]) -> str:
        """Digest of inputs, options and sources: the same key, the same output."""
        value = {"inputs": dict(self.inputs), "options": dict(self.options), "code": dict(sources)}
        return digest(value)


Work = Callable[[Path, Path], dict[str, Any] | None]
"""``work(out, scratch)`` fills `out` and returns a small JSON-able result; `scratch` outlives a crash."""


def run_stage(
    store: Store,
    spec: StageSpec,
    work: Work,
    *,
    still_good: Callable[[dict[str, Any]], str] | None = None,
    dry: bool = False,
) -> StageOutput:
    """Reuse the stage's output if nothing has changed, else run `work` and record it.

    Args:
        still_good: further check of a recorded result; returns what is wrong, or "".
        dry: only say what would happen (state ``planned`` where it would run).
    """
    sources = spec.sources()
    key = spec.key(sources)
    home = store.stages / spec.name / key[:16]
    record = _read_record(home)
    if record is not None:
        wrong = verify(home, record) or (still_good(record["result"]) if still_good else "")
        if not wrong:
            if not dry:
                use(home, spec.configuration)
            short = f"inputs {_short(spec.inputs)}, options {digest(dict(spec.options))[:7]}"
            reason = f"{short}, code {digest(sources)[:7]} unchanged"
            return StageOutput(
                spec.name, str(home), record["digest"], "reused", reason, 0.0, record["result"]
            )
        reason = wrong
    elif (home / RECORD).exists():
        reason = f"output {RECORD} has changed on disk"
    else:
        reason = _why(store, spec, sources)
    if dry:
        return StageOutput(spec.name, str(home), f"unknown until {spec.name} has run", "planned", reason)
    return _execute(store, spec, sources, home, key, reason, work)


def _execute(
    store: Store, spec: StageSpec, sources: dict, home: Path, key: str, reason: str, work: Work
) -> StageOutput:
    begin = time.perf_counter()
    scratch = store.scratch / spec.name / key[:16]
    out = scratch / "out"
    shutil.rmtree(out, ignore_errors=True)  # half an output of a killed run; checkpoints stay
    out.mkdir(parents=True)
    with explain_full_disk(out):
        result = work(out, scratch) or {}
    files = {p.relative_to(out).as_posix(): sha256_file(p) for p in sorted(out.rglob("*")) if p.is_file()}
    identity = {name: sha for name, sha in files.items() if f"/{ABOUT}" not in f"/{name}"}
    record = {
        "stage": spec.name,
        "key": key,
        "inputs": dict(spec.inputs),
        "options": dict(spec.options),
        "code": sources,
        "files": files,
        "digest": digest(identity) if identity else digest(result),
        "result": result,
    }
    atomic_write_json(out / RECORD, record | {SEAL: digest(record)})
    home.parent.mkdir(parents=True, exist_ok=True)
    if home.exists():
        shutil.rmtree(home)
    out.rename(home)
    use(home, spec.configuration)
    shutil.rmtree(scratch, ignore_errors=True)
    seconds = time.perf_counter() - begin
    return StageOutput(spec.name, str(home), record["digest"], "recomputed", reason, seconds, result)


def latest_output(store: Store, name: str, configuration: str) -> StageOutput | None:
    """The output that a configuration's last run of a stage used, verified; None if there is none."""
    home = _latest_home(store, name, configuration)
    record = _read_record(home) if home else None
    if record is None or verify(home, record):
        return None
    return StageOutput(name, str(home), record["digest"], "reused", "latest output", 0.0, record["result"])


def verify(home: Path, record: Mapping[str, Any]) -> str:
    """What no longer matches the record, in words; "" if all files are as they were written."""
    for name, expected in record["files"].items():
        path = home / name
        if not path.is_file():
            return f"output {name} is missing"
        if sha256_file(path) != expected:
            return f"output {name} has changed on disk"
    return ""


def _why(store: Store, spec: StageSpec, sources: Mapping[str, str]) -> str:
    """Why a stage runs: what changed since the same configuration ran it last."""
    home = _latest_home(store, spec.name, spec.configuration)
    last = _read_record(home) if home else None
    if last is None:
        return "no earlier output"
    reason = explain(last, spec.inputs, dict(spec.options), sources)
    return reason or "an earlier output of other inputs was in use"


def _short(inputs: Mapping[str, str]) -> str:
    return digest(dict(inputs))[:7]


def _read_record(home: Path) -> dict[str, Any] | None:
    try:
        record = json.loads((home / RECORD).read_text(encoding="utf-8"))
        seal = record.pop(SEAL)
        return record if seal == digest(record) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _latest_home(store: Store, name: str, configuration: str) -> Path | None:
    names = used(store.stages / name, configuration)
    home = store.stages / name / names[0] if names else None
    return home if home is not None and home.is_dir() else None


def as_dict(output: StageOutput) -> dict[str, Any]:
    """JSON-able form, for the summary and the report."""
    return asdict(replace(output, result={}))
