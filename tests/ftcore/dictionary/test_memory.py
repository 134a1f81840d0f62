"""Peak memory of preparation must not grow with the corpus, but for 32 bytes a document.

As a script it is the measured process: ``python test_memory.py FOLDER`` prints one JSON object.
"""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

MB = 1 << 20


def generate(path, megabytes):
    """Labelled jsonl, half Chinese by bytes, with copies and broken lines; returns its lines."""
    rng = random.Random(7)
    chinese = (
        "我们今天去北京看长城的时候天气很好大家都觉得这本书写得不错中国历史文化经济发展研究生命起源于海洋"
    )
    english = [
        "the",
        "history",
        "of",
        "a",
        "small",
        "town",
        "by",
        "the",
        "sea",
        "where",
        "people",
        "make",
        "books",
        "and",
        "music",
        "for",
        "each",
        "other",
    ]

    def document():
        if rng.random() < 0.6:
            return "".join(rng.choice(chinese) for _ in range(rng.randrange(10, 300))) + "。"
        return " ".join(rng.choice(english) for _ in range(rng.randrange(10, 200)))

    bodies = [document() for _ in range(3000)]
    written = lines = 0
    with open(path, "w", encoding="utf-8", buffering=MB) as file:
        while written < megabytes * MB:
            word = f"w{rng.randrange(1 << 40):x}"  # a vocabulary without end
            text = f"{rng.choice(bodies)} {word}"
            line = json.dumps({"text": text, "label": f"l{lines % 10}"}, ensure_ascii=False) + "\n"
            if lines % 50 == 0:
                line += line  # a copy
            elif lines % 100 == 1:
                line = "{broken\n"
            file.write(line)
            written += len(line.encode())
            lines += 1 + (lines % 50 == 0)
    return lines


def resident(field):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise AssertionError(field)


def measure(folder):
    """Run list, cut, prepare, dedup and commit in this process; the bytes above what imports take."""
    import pandas  # noqa: F401 - pyarrow imports it when it first converts an array

    from ftcore.config import parse_config
    from ftcore.reading.sources import cut_file, list_files
    from ftcore.shards.commit import CommitOptions, commit_shards
    from ftcore.shards.copies import drop_copies
    from ftcore.shards.prepare import prepare_parts

    source = {"path": "a.jsonl", "label": "label"}
    options = CommitOptions.of(parse_config({"data": str(folder), "ingest": {"sources": [source]}}))
    imports, peaks = resident("VmRSS"), {}
    parts = [
        part for file in list_files(options.ingest, str(folder)) for part in cut_file(file, options.ingest)
    ]
    peaks["cut"] = resident("VmHWM") - imports
    prepared = prepare_parts(parts, options, folder / "parts", workers=1)
    peaks["prepare"] = resident("VmHWM") - imports
    drop_copies([Path(part.path) for part in prepared], folder / "duplicates", folder)
    peaks["dedup"] = resident("VmHWM") - imports
    shards = commit_shards(prepared, folder / "duplicates", options, folder / "shards")
    peaks["commit"] = resident("VmHWM") - imports
    return {"imports": imports, "peaks": peaks, "parts": len(parts), "rows": shards.rows}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.timeout(5400)
@pytest.mark.parametrize(
    "megabytes", [20, pytest.param(200, marks=pytest.mark.slow), pytest.param(1000, marks=pytest.mark.slow)]
)
def test_peak_memory(tmp_path, megabytes):
    documents = generate(tmp_path / "a.jsonl", megabytes)
    child = subprocess.run([sys.executable, __file__, str(tmp_path)], capture_output=True, text=True)
    assert child.returncode == 0, child.stderr
    figures = json.loads(child.stdout.splitlines()[-1])
    shown = {step: f"{peak / MB:.0f} MB" for step, peak in figures["peaks"].items()}
    print(f"{megabytes} MB, {documents:,} lines, imports {figures['imports'] / MB:.0f} MB, above: {shown}")
    assert max(figures["peaks"].values()) < 200 * MB + 32 * documents


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]))))
