"""`make gpu` needs torch, Triton and what requirements-gpu.txt names: its tests and its benchmark import nothing else."""

import os
import re
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[4]
WITHOUT_THE_REST = """
import sys
from importlib.metadata import packages_distributions

allowed, words = set(sys.argv[1].split()), sys.argv[2:]
of = {name: {one.lower().replace("_", "-") for one in found} for name, found in packages_distributions().items()}

class Absent:
    def find_spec(self, name, path=None, target=None):
        owners = of.get(name.partition(".")[0], allowed)
        if not owners & allowed:
            raise ModuleNotFoundError(f"No module named {name!r} on a bare machine", name=name)

sys.meta_path.insert(0, Absent())
import benchmarks.gpu, pytest
sys.exit(pytest.main(words))
"""


def with_dependencies(names: list[str]) -> set[str]:
    """Names of distributions, and of all that they bring along."""
    from importlib.metadata import PackageNotFoundError, requires

    found: set[str] = set()
    while names:
        name = names.pop().lower().replace("_", "-")
        if name not in found:
            found.add(name)
            try:
                needs = [Requirement(line) for line in requires(name) or []]
            except PackageNotFoundError:
                continue
            names += [one.name for one in needs if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found


def test_a_bare_machine_has_all_that_it_imports():
    named = re.findall(r"^[a-z]\w*", (ROOT / "requirements-gpu.txt").read_text(), re.MULTILINE)
    allowed = with_dependencies(["torch", "triton", *named]) | {"ftcore"}
    line = next(
        one for one in (ROOT / "Makefile").read_text().splitlines() if "engines/cuda/test_kernels" in one
    )
    files = re.findall(r"tests/\S+\.py", line)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_REST, " ".join(allowed), "--collect-only", "-q", "-p", "no:cacheprovider", *files],
        cwd=ROOT, env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert len(files) == 3 and all(file in done.stdout for file in files)
