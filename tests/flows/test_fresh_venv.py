"""A registered model answers in a fresh environment, from another directory, without this checkout.

The environment borrows the third-party packages of this one by path (installing torch takes minutes and
gigabytes); ftcore it must take from the model. Which packages it may use is checked against what the
model says it requires.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.flow
ROOT = Path(__file__).resolve().parents[2]

ASK = """
import json, re, sys
from importlib.metadata import distribution, packages_distributions, PackageNotFoundError

uri, tracking = sys.argv[1:]
import mlflow, pandas
mlflow.set_tracking_uri(tracking)
before = set(sys.modules)
model = mlflow.pyfunc.load_model(uri)
answer = model.predict(pandas.DataFrame({"text": ["the striker won the match", "这部手机的电池和屏幕很好"]}))
import ftcore

def closure(lines):
    seen, todo = set(), [re.split(r"[^A-Za-z0-9._-]", line)[0] for line in lines]
    while todo:
        name = todo.pop().lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        try:
            needs = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        todo += [re.split(r"[^A-Za-z0-9._-]", n)[0] for n in needs if "extra ==" not in n]
    return seen

required = closure(open(mlflow.pyfunc.get_model_dependencies(uri)).read().splitlines())
owners = packages_distributions()
used = {d.lower().replace("_", "-") for m in set(sys.modules) - before for d in owners.get(m.split(".")[0], [])}
print(json.dumps({
    "labels": answer["label"].tolist(), "probabilities": answer["probability"].tolist(),
    "ftcore": ftcore.__file__, "path": sys.path, "undeclared": sorted(used - required),
    "heavy": sorted(m for m in ("prefect", "tasks", "flows", "matplotlib", "tensorboard") if m in sys.modules),
}))
"""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment in which ftcore is not installed."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    site = next(folder.glob("lib/python*/site-packages"))
    # as a plain path: the .pth files in it, which lead to the checkout, are not read
    (site / "third_party.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return python


def ask(python: Path, folder: Path, code: str, *arguments: object) -> subprocess.CompletedProcess:
    folder.mkdir(exist_ok=True)
    keep = ("PATH", "LANG", "DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY")
    environment = {k: os.environ[k] for k in keep if k in os.environ} | {"HOME": str(folder)}
    words = [python, "-c", code, *map(str, arguments)]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def test_the_environment_has_no_ftcore(fresh, tmp_path):
    done = ask(fresh, tmp_path / "elsewhere", "import ftcore")
    assert done.returncode != 0 and "No module named 'ftcore'" in done.stderr
    assert ask(fresh, tmp_path / "elsewhere", "import torch, mlflow").returncode == 0


def test_a_registered_model_answers_there(ready, first_run, fresh, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    done = ask(fresh, elsewhere, ASK, first_run.summary["model_uri"], f"sqlite:///{ready.store}/mlflow.db")
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert found["labels"] == ["sport", "tech"] and all(0.3 < p <= 1 for p in found["probabilities"])
    assert Path(found["ftcore"]).is_relative_to(ready.store / "artifacts"), "ftcore comes with the model"
    assert not any(Path(p or ".").resolve() == ROOT for p in found["path"])
    undeclared = set(found["undeclared"]) - {"ftcore", "colorama"}  # the latter is used where it is there
    assert not undeclared, "packages that the model uses and does not require"
    assert found["heavy"] == [], "what serving does not need is not imported"
    kept = {"matplotlib", "ftcore"}  # folders of caches: fonts, and the lexicon of jieba's dictionary
    assert not [
        p for p in elsewhere.rglob("*") if p.is_file() and not (".cache" in p.parts and kept & {*p.parts})
    ]


@pytest.mark.slow
def test_a_copied_model_folder_answers_there(ready, fresh, tmp_path):
    """Without the store: the folder alone, moved to another place."""
    (mlmodel,) = (ready.store / "artifacts").rglob("MLmodel")
    target = tmp_path / "moved"
    mlmodel.parent.rename(target)
    done = ask(fresh, tmp_path / "elsewhere", ASK, target, f"sqlite:///{tmp_path}/none.db")
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert found["labels"] == ["sport", "tech"]
    assert Path(found["ftcore"]).is_relative_to(target)
    assert sys.version_info >= (3, 11)
