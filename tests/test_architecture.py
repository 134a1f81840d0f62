"""The house of docs/architecture.md, enforced: imports point one way, files stay small, no pickle."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from contextlib import chdir
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from setuptools import find_packages

ROOT = Path(__file__).resolve().parent.parent
HOUSES = ("ftcore", "tasks", "flows")  # each may import itself and those before it
PLAN = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
# The rooms of ftcore from top to bottom, as the plan lists them.
TREE = next(block for block in PLAN.split("```")[1::2] if block.startswith("\nftcore/"))
ROOMS = tuple(re.findall(r"^  ([a-z_]+)(?:\.py|/) ", TREE.split("\ntasks/")[0], re.M))


def sources(*folders: str) -> list[Path]:
    return sorted(p for f in folders for p in (ROOT / f).rglob("*.py"))


def imports(path: Path) -> list[tuple[int, str]]:
    """(line, module) of every import, those inside functions and TYPE_CHECKING included."""
    found = []
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [base])])
            found.append((node.lineno, base))
            found += [(node.lineno, f"{base}.{alias.name}") for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in (
            "import_module",
            "__import__",
        ):
            words = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            found += [(node.lineno, w) for w in words]
    return found


def at(path: Path, line: int, module: str) -> str:
    return f"{path.relative_to(ROOT)}:{line} imports {module}"


def test_the_plan_names_every_room():
    assert ROOMS[:4] == ("native", "errors", "base", "options") and len(ROOMS) >= 11, (
        "the tree in docs/architecture.md is not read"
    )
    found = {
        p.stem
        for p in (ROOT / "ftcore").iterdir()
        if (p.suffix == ".py" and p.stem != "__init__") or (p / "__init__.py").is_file()
    }
    assert found == set(ROOMS), "docs/architecture.md and ftcore/ differ in their rooms"


@pytest.mark.parametrize("house", HOUSES)
def test_imports_point_one_way(house: str):
    allowed = HOUSES[: HOUSES.index(house) + 1]
    wrong = [
        at(path, line, module)
        for path in sources(house)
        for line, module in imports(path)
        if module.split(".")[0] in (*HOUSES, "tests", "benchmarks", "examples")
        and module.split(".")[0] not in allowed
    ]
    assert not wrong, wrong


def test_rooms_import_only_rooms_above_them():
    wrong = []
    for path in sources("ftcore"):
        parts = path.relative_to(ROOT / "ftcore").with_suffix("").parts
        if parts == ("__init__",):
            continue
        own = ROOMS.index(parts[0]) if parts[0] in ROOMS else len(ROOMS)
        for line, module in imports(path):
            names = module.split(".")
            below = (
                names[0] == "ftcore" and len(names) > 1 and names[1] in ROOMS and ROOMS.index(names[1]) > own
            )
            if below:
                wrong.append(at(path, line, module))
    assert not wrong, wrong


def test_the_check_sees_imports_inside_functions_and_relative_ones(tmp_path: Path, monkeypatch):
    folder = tmp_path / "ftcore" / "text"
    folder.mkdir(parents=True)
    (folder / "bad.py").write_text(
        "from ..model import losses\ndef f():\n    import mlflow.entities\n    import_module('prefect')\n"
    )
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    found = {module for _, module in imports(folder / "bad.py")}
    assert {"ftcore.model", "ftcore.model.losses", "mlflow.entities", "prefect"} <= found


def test_only_tracking_and_pyfunc_import_mlflow():
    allowed = {"tasks/tracking.py", "tasks/pyfunc.py"}
    wrong = [
        at(path, line, module)
        for path in sources(*HOUSES)
        for line, module in imports(path)
        if module.split(".")[0] == "mlflow" and path.relative_to(ROOT).as_posix() not in allowed
    ]
    assert not wrong, wrong
    for name in allowed:
        assert any(m.split(".")[0] == "mlflow" for _, m in imports(ROOT / name)), (
            f"{name} is no exception any more"
        )


def test_ftcore_imports_neither_prefect_nor_mlflow():
    wrong = [
        at(path, line, module)
        for path in sources("ftcore")
        for line, module in imports(path)
        if module.split(".")[0] in ("prefect", "mlflow")
    ]
    assert not wrong, wrong


def test_no_file_over_500_lines():
    folders = (*HOUSES, "tests", "examples", "benchmarks")
    long = {
        p.relative_to(ROOT).as_posix(): n
        for p in sources(*folders)
        if (n := p.read_bytes().count(b"\n")) > 500
    }
    assert not long, long


def defined(*folders: str) -> dict[str, list[str]]:
    """Public class of module level -> the files that define it."""
    found: dict[str, list[str]] = {}
    for path in sources(*folders):
        for node in ast.parse(path.read_bytes()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    return found


def test_one_word_is_one_class():
    """A reader who meets the name of a public class knows which one is meant."""
    found = defined(*HOUSES)
    assert len(found) > 150, "the classes are not read"
    twice = {name: files for name, files in found.items() if len(files) > 1}
    assert not twice, f"rename one of each: {twice}"


def test_a_flow_and_its_tasks_have_names_of_their_own():
    """`flows.finetune` runs tasks; the function of a task says what it does, not which flow it is of."""

    def functions(folder: str, *decorators: str) -> set[str]:
        return {
            node.name
            for path in sources(folder)
            for node in ast.parse(path.read_bytes()).body
            if isinstance(node, ast.FunctionDef)
            and any(ast.unparse(d).split("(")[0] in decorators for d in node.decorator_list)
        }

    flows, tasks = functions("flows", "flow"), functions("tasks", "stage_task", "task")
    assert {"finetune", "pretrain", "evaluate"} <= flows and len(tasks) >= 8, "flows or tasks are not read"
    assert not flows & tasks


def test_no_pickle():
    """Nothing that runs code while loading: models are safetensors and JSON."""
    wrong = []
    for path in sources(*HOUSES):
        tree = ast.parse(path.read_bytes())
        wrong += [
            at(path, line, m)
            for line, m in imports(path)
            if m.split(".")[0] in ("pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal")
        ]
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            words = {k.arg: ast.unparse(k.value) for k in node.keywords}
            if called in ("torch.load", "torch.save", "pd.read_pickle") or called.endswith(".to_pickle"):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} calls {called}")
            if words.get("allow_pickle") == "True":
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} allows pickle")
    assert not wrong, wrong


def test_nothing_is_compiled_at_run_time():
    """The kernels are C++; Numba and llvmlite are neither asked for nor used."""
    for path in sorted((ROOT / "ftcore").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & {"numba", "llvmlite"}, path
    for name in ("pyproject.toml", "constraints.txt"):
        assert not re.search(r"numba|llvmlite", (ROOT / name).read_text()), name


def test_tests_mirror_the_tree_without_packages():
    assert not list((ROOT / "tests").rglob("__init__.py")), "tests have no __init__.py (importlib mode)"
    for room in (ROOT / "tests" / "ftcore").iterdir():
        if room.is_dir() and room.name != "__pycache__":
            assert (ROOT / "ftcore" / room.name).is_dir(), f"tests/ftcore/{room.name} mirrors nothing"


def test_wheel_holds_only_ftcore():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    finder = project["tool"]["setuptools"]["packages"]["find"]
    packages = find_packages(str(ROOT), include=finder["include"], exclude=finder.get("exclude", ()))
    assert packages and {name.split(".")[0] for name in packages} == {"ftcore"}
    folders = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "ftcore").rglob("*.py")}
    assert folders == set(packages), "a room without __init__.py is left out of the wheel"
    assert "py-modules" not in project["tool"]["setuptools"]
    pages = {p.suffix for p in (ROOT / "ftcore").rglob("*") if p.suffix in (".html", ".css")}
    shipped = project["tool"]["setuptools"]["package-data"]["ftcore.report"]
    assert {f"*{suffix}" for suffix in pages} <= set(shipped), "templates that the wheel would leave out"


def test_an_editable_install_is_a_path(tmp_path: Path):
    """A finder would lose to a folder of that name beside the user's script: a clone is called ftcore."""
    import setuptools.build_meta

    copy = tmp_path / "ftcore"  # the build writes beside what it builds
    shutil.copytree(ROOT / "ftcore", copy / "ftcore", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    with chdir(copy):
        wheel = setuptools.build_meta.build_editable(str(tmp_path))
    with zipfile.ZipFile(tmp_path / wheel) as archive:
        paths = {
            n: archive.read(n).decode().strip() for n in archive.namelist() if n.endswith((".pth", ".py"))
        }
    assert list(paths.values()) == [str(copy)], paths
    script = tmp_path / "mine.py"
    script.write_text(f"import sys; sys.path.append({str(copy)!r})\nimport ftcore; print(ftcore.__version__)")
    done = subprocess.run(
        [sys.executable, "-S", script], capture_output=True, text=True, cwd=tmp_path, env={}
    )
    assert done.returncode == 0 and done.stdout.strip() == version("ftcore"), done.stderr


def test_versions_in_use_are_those_that_are_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert sys.version_info >= (3, 11)
    for line in project["project"]["dependencies"]:
        wanted = Requirement(line)
        assert wanted.specifier.contains(version(wanted.name), prereleases=True), line
    fastapi = next(Requirement(d) for d in project["project"]["dependencies"] if d.startswith("fastapi"))
    assert not fastapi.specifier.contains("0.165"), "it kills Prefect's first flow"


@pytest.mark.flow
def test_a_trivial_flow_runs_under_the_pinned_fastapi(prefect_api: str):
    from prefect import flow, task
    from prefect.client.orchestration import get_client
    from prefect.runtime import flow_run

    @task
    def double(n: int) -> int:
        return 2 * n

    @flow
    def trivial(n: int = 1) -> tuple[int, str]:
        return double(n), flow_run.id

    value, run = trivial(n=21)
    assert value == 42
    with get_client(sync_client=True) as client:
        assert client.read_flow_run(run).state.is_completed()
