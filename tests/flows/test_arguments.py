"""The command lines: help and refusals come before Prefect, MLflow and torch are imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from flows.arguments import COMMANDS, QUICKSTART, read
from flows.command import pages
from flows.deploy import deployments
from ftcore.config import load_config, parse_config
from ftcore.errors import UserError
from tasks.store import Store

ROOT = Path(__file__).resolve().parent.parent.parent
HEAVY = ("prefect", "mlflow", "torch", "numba", "pandas", "pyarrow")
RUN = """
import json, runpy, sys, io, contextlib
cases, answers = json.loads(sys.argv[1]), []
for name, words in cases:
    sys.argv[:] = [f"flows/{name}.py", *words]
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            runpy.run_module(f"flows.{name}", run_name="__main__", alter_sys=False)
        code = None
    except SystemExit as stop:
        code = stop.code or 0
    except RuntimeError as error:
        code = None
        err.write(str(error))
    answers.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory):
    """Code, stdout and stderr of ``python -m flows.NAME WORDS…`` where the heavy packages cannot be imported."""
    poison = tmp_path_factory.mktemp("poison")
    for name in HEAVY:
        (poison / f"{name}.py").write_text(f"raise RuntimeError('{name} was imported')")

    def call(cases: list[tuple[str, list[str]]]) -> list[list]:
        done = subprocess.run(
            [sys.executable, "-c", RUN, json.dumps(cases)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={"PYTHONPATH": f"{poison}:{ROOT}", "PATH": "", "COLUMNS": "200"},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return call


def test_every_flow_has_a_command_line_and_every_help_answers_before_the_heavy_imports(answer):
    flows = {p.stem for p in (ROOT / "flows").glob("*.py") if 'if __name__ == "__main__"' in p.read_text()} - {
        "embedded", "children",
    }  # fmt: skip
    assert flows == set(COMMANDS)
    for name, (code, out, err) in zip(COMMANDS, answer([(n, ["--help"]) for n in COMMANDS]), strict=True):
        assert code == 0 and err == "", (name, err)
        assert out.startswith(f"usage: python -m flows.{name} ") and COMMANDS[name].about[:40] in out
        assert "--config" in out and "key=value" in out


WRONG = [
    ("pipeline", ["finetune.epochs=3"], 1, "did you mean 'epoch'"),
    ("retrain", ["--config", "none.yaml"], 1, "none.yaml: no such configuration file"),
    ("serve", ["store=what?"], 1, "'?'"),
    ("deploy", ["tracking.model_name=a/b"], 1, "tracking.model_name"),
    ("predict", ["--config", "x.yaml"], 2, "--input"),
    ("retrain", ["--only", "half"], 2, "--only"),
    ("compare", ["--dry-run"], 1, "no dry run"),
    ("ui", ["--port", "1"], 2, "--port"),
]


def test_what_is_wrong_is_said_before_the_heavy_imports(answer):
    answers = answer([(name, words) for name, words, _, _ in WRONG])
    for (name, words, code, said), (found, out, err) in zip(WRONG, answers, strict=True):
        assert found == code and said in err and out == "" and "Traceback" not in err, (name, words, err)


def test_the_first_lines_say_where_it_runs_and_what_has_no_effect(answer, tmp_path: Path):
    ((_, _, err),) = answer([("prepare", [f"store={tmp_path}", "threads=3"])])
    assert f"prepare store {tmp_path}" in err and "threads has no effect" in err
    assert err.index("has no effect") < err.index("was imported")  # it went on to Prefect


def test_plain_words_and_overrides_are_told_apart():
    words = read("compare", ["models:/m/1", "store=x", "models:/m/2", "seed=3", "--promote"])
    assert words.own["models"] == ["models:/m/1", "models:/m/2"] and words.own["promote"] == "champion"
    assert (words.config.store, words.config.seed) == ("x", 3)


def test_the_quick_start_is_found_from_any_folder(monkeypatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    assert read("retrain", []).config.name == "quickstart"


def test_no_dry_run_where_there_are_no_stages():
    with pytest.raises(UserError, match="flows.predict has no dry run"):
        read("predict", ["--dry-run", "--input", "a", "--output", "b"])


# ---------------------------------------------------------------------------------- what is printed
def test_the_pages_command_names_the_store_in_use(tmp_path: Path):
    assert pages(Store(str(ROOT / "runs"))) == "make ui"
    assert pages(Store(str(tmp_path / "a b"))) == f"make ui STORE='{tmp_path}/a b'"


# -------------------------------------------------------------------------------------- schedules
def test_deployments_of_ones_own_configuration(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("name: mine\nstore: runs/mine\nfinetune: {epoch: 3}\n")
    words = read("deploy", ["--config", "mine.yaml", "finetune.lr=0.5", "--cron", "*/5 * * * *"])
    tree = deployments(words.config, words.config_file, words.overrides, **words.own)
    tree = yaml.safe_load(yaml.safe_dump(tree))
    nightly, retrain = tree["deployments"]
    assert (nightly["name"], retrain["name"]) == ("nightly-mine", "retrain-mine")
    assert nightly["schedules"][0]["cron"] == "*/5 * * * *" and retrain["parameters"]["only"] == "all"
    monkeypatch.chdir(ROOT)  # where the worker runs it
    config = parse_config(nightly["parameters"]["config"])
    assert config.store == str(tmp_path / "runs" / "mine") and config.data == str(tmp_path)
    assert (config.finetune.epoch, config.finetune.lr, config.name) == (3, 0.5, "mine")


def test_places_and_members_of_lists_are_written_out(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(
        "name: mine\ningest: {sources: [{path: a.csv, label: y}]}\ntext: {segment: {user_dict: words.txt}}\n"
    )
    words = read("deploy", ["--config", "mine.yaml", "ingest.sources.0.label=z", "text.segment.hmm=false"])
    (nightly, _) = deployments(words.config, words.config_file, words.overrides, **words.own)["deployments"]
    monkeypatch.chdir(ROOT)
    config = parse_config(nightly["parameters"]["config"])
    assert config.ingest.sources[0].label == "z" and config.ingest.sources[0].path == "a.csv"
    assert config.text.segment.user_dict == [str(tmp_path / "words.txt")] and config.text.segment.hmm is False


def test_deployments_of_the_quick_start_keep_their_names():
    words = read("deploy", [])
    tree = deployments(words.config, words.config_file, words.overrides, **words.own)
    assert [d["name"] for d in tree["deployments"]] == ["nightly", "retrain"]
    config = parse_config(tree["deployments"][0]["parameters"]["config"])
    assert config.finetune == load_config(QUICKSTART).finetune


def test_a_dry_run_needs_no_prefect(ready):
    """It says what would run in the time that importing Prefect takes."""
    words = ["--config", str(ready.config), "--dry-run"]
    script = (
        "import json, runpy, sys\n"
        f"sys.argv[:] = ['flows/pipeline.py', *{words!r}]\n"
        "try:\n    runpy.run_module('flows.pipeline', run_name='__main__', alter_sys=False)\n"
        "except SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "print(json.dumps([m for m in ('prefect', 'mlflow', 'torch', 'numba') if m in sys.modules]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ready.config.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *_, stages, loaded = done.stdout.splitlines()
    assert json.loads(loaded) == [] and json.loads(stages)["report"]["would"]
