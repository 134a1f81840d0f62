"""What does pretraining buy on the quick start? The pipeline with and without, over seeds, per language.

``python -m benchmarks.pretraining [--seeds 3] [--config examples/quickstart.yaml] [key=value …]``
The last line of stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.peer import machine, versions

ROOT = Path(__file__).resolve().parent.parent


def run(config: str, store: str, *overrides: str) -> dict[str, float]:
    """One pipeline run in a process of its own; its metrics."""
    command = [sys.executable, "-m", "flows.pipeline", "--config", config, f"store={store}", *overrides]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])["metrics"]


def main() -> None:
    """Alternate with and without pretraining over the seeds; print medians and the gain in points."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="examples/quickstart.yaml")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    given = parser.parse_intermixed_args()
    found: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(given.seeds):
            for kind in ("without", "with"):
                metrics = run(
                    given.config,
                    str(Path(folder) / "store"),
                    f"seed={seed}",
                    f"pretrain.enabled={str(kind == 'with').lower()}",
                    "finetune.dim=50" if kind == "without" else "finetune.dim=null",
                    "tracking.register_model=false",
                    *given.overrides,
                )
                for key, value in metrics.items():
                    if key == "macro_f1" or key.endswith("/macro_f1"):
                        found.setdefault(key, {"without": [], "with": []})[kind].append(value)
                print(seed, kind, {k: round(v[kind][-1], 4) for k, v in found.items()}, file=sys.stderr)
    result = {}
    for key, values in sorted(found.items()):
        medians = {kind: statistics.median(v) for kind, v in values.items()}
        gain = 100 * (medians["with"] - medians["without"])
        print(f"{key:<16} without {medians['without']:.4f}   with {medians['with']:.4f}   {gain:+.1f} points")
        result[key] = {**{k: round(v, 4) for k, v in medians.items()}, "gain_points": round(gain, 2)}
    about = {"date": str(datetime.date.today()), "machine": machine(), "versions": versions(None)}
    print(json.dumps({"benchmark": "pretraining", **about, "seeds": given.seeds, "macro_f1": result}))


if __name__ == "__main__":
    main()
