"""How fast is the whole data stage? Raw Wikipedia to shards, ours against the same steps written the usual way.

Both read the zstd archive, take pages apart, strip HTML, normalise (NFC, full-width letters, lower case), turn
traditional characters into simplified ones, cut Chinese with jieba's HMM, drop punctuation and stopwords, drop exact
copies, and write Parquet. Ours is `prepare_corpus` in one process, as `ftcore prepare` with one worker runs it, on the
whole file; the usual way is a plain Python loop over pages with re, opencc, jieba and pyarrow, on the beginning of the
file, since it takes minutes for all. MB are of the unpacked file. Each side is a process of its own, in turn; what it
loads (packages, dictionaries) stands apart and does not count. Peak memory is that of the whole process.

With ``--memory`` the file is repeated with other ids and titles up to so many MB, and prepared by ``--workers``
processes: the peak must not grow with the input.

    python -m benchmarks.prepare [--rounds 3] [--usual-mb 3] [--data FOLDER] [--memory 10 2000] [--workers 2]

The last line is one JSON object; it is written to benchmarks/results/ too, and marked where the machine was busy.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import zstandard

from benchmarks.corpora import FILES
from benchmarks.peer import conclude, load

TARGETS = {"zh": 12.0, "en": 30.0}  # MB a CPU-second of the whole stage
TIMES = 10.0  # of the usual way, Chinese
PEAK = 1500.0  # MB of memory
_COMMON = """
import json, resource, sys, time
def peak():
    own, all = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_maxrss / 1e3, all.ru_maxrss / 1e3
def spent():
    own, all = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + all.ru_utime + all.ru_stime
path, out, workers, loading = sys.argv[1], sys.argv[2], int(sys.argv[3]), time.perf_counter()
"""
OURS = (
    _COMMON
    + """
from ftcore.base.strings import leave_pandas_out
from ftcore.config import load_config
from ftcore.shards.whole import prepare_corpus
from ftcore.text.tokenizer import Tokenizer
options = load_config(None, [
    "ingest.sources=[{path: " + path + ", format: wiki}]", "text.normalize.simplify=true",
    "text.stopwords.mode=on", f"workers={workers}",
])
leave_pandas_out()  # as the command does
Tokenizer(options.text).tokenize(["我们是", "hello"])
loaded = time.perf_counter() - loading
cpu, wall = spent(), time.perf_counter()
rows = prepare_corpus(options, out).rows
cpu, wall = spent() - cpu, time.perf_counter() - wall
own, children = peak()
print(json.dumps({"cpu": cpu, "wall": wall, "loading": loaded, "documents": rows, "peak_mb": own + workers * children}))
"""
)
USUAL = (
    _COMMON
    + """
import hashlib, html, io, re, unicodedata
import jieba, opencc, pyarrow as pa, pyarrow.parquet as pq, zstandard
from stopwordsiso import stopwords
jieba.setLogLevel(60)
jieba.initialize()
stop = stopwords("zh") | stopwords("en")
simplify = opencc.OpenCC("t2s").convert
narrow = {c: c - 0xFEE0 for a, b in ((0xFF10, 0xFF1A), (0xFF21, 0xFF3B), (0xFF41, 0xFF5B)) for c in range(a, b)}
tag, space, word, han = re.compile("<[^>]+>"), re.compile(r"\\s+"), re.compile(r"\\w"), re.compile("[\\u4e00-\\u9fff]")
english = re.compile(r"[\\w'&.+#-]*\\w[+#]*")
def pages():
    body = None
    with open(path, "rb") as raw:
        for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(raw), encoding="utf-8"):
            if line.startswith("<doc "):
                body = []
            elif line.startswith("</doc>"):
                if len(body) > 1 and "".join(body[1:]).strip():
                    yield "".join(body).strip()
            elif body is not None:
                body.append(line)
def tokens(text):
    text = html.unescape(tag.sub(" ", text))
    text = simplify(space.sub(" ", unicodedata.normalize("NFC", text).translate(narrow)))
    found = jieba.lcut(text) if han.search(text) else english.findall(text)
    return text.lower(), [t for t in (t.strip().lower() for t in found) if word.search(t) and t not in stop]
schema = pa.schema([("id", pa.string()), ("language", pa.string()), ("tokens", pa.string())])
loaded = time.perf_counter() - loading
cpu, wall = spent(), time.perf_counter()
seen, rows, n = set(), [], 0
with pq.ParquetWriter(out, schema, compression="zstd") as writer:
    def flush():
        writer.write_table(pa.table(list(map(list, zip(*rows))), schema=schema))
        rows.clear()
    for text in pages():
        clean, found = tokens(text)
        key = hashlib.md5(clean.encode()).hexdigest()
        if key in seen or not found:
            continue
        seen.add(key)
        n += 1
        rows.append((key, "zh" if han.search(clean) else "en", " ".join(found)))
        if len(rows) == 10_000:
            flush()
    if rows:
        flush()
cpu, wall = spent() - cpu, time.perf_counter() - wall
print(json.dumps({"cpu": cpu, "wall": wall, "loading": loaded, "documents": n, "peak_mb": peak()[0]}))
"""
)


def run(code: str, file: Path, out: Path, workers: int = 1) -> dict[str, float]:
    """One side in a process of its own."""
    command = [sys.executable, "-c", code, str(file), str(out), str(workers)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{file}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def beginning(file: Path, size: int, out: Path) -> int:
    """The first pages of a corpus, packed again; how many bytes they have."""
    with open(file, "rb") as raw:
        text = zstandard.ZstdDecompressor().stream_reader(raw).read(size)
    text = text[: text.rindex(b"</doc>\n") + 7]
    out.write_bytes(zstandard.compress(text))
    return len(text)


def repeated(file: Path, size: int, out: Path) -> None:
    """A corpus again and again, plain, up to a size: ids differ, and a number stands before each page's text."""
    with open(file, "rb") as raw:
        text = zstandard.ZstdDecompressor().stream_reader(raw).read()
    written = number = 0
    with out.open("wb") as sink:
        while written < size:
            copy = text.replace(b'">\n', b'">\n%d ' % number).replace(b'<doc id="', b'<doc id="%d-' % number)
            if len(copy) > size - written:
                copy = copy[: copy.rindex(b"</doc>\n", 0, max(size - written, 10_000)) + 7]
            sink.write(copy)
            written, number = written + len(copy), number + 1


def unpacked(file: Path) -> int:
    """Bytes of an archive's content."""
    size = 0
    with open(file, "rb") as raw:
        for block in zstandard.ZstdDecompressor().read_to_iter(raw):
            size += len(block)
    return size


def medians(runs: list[dict[str, float]], mb: float) -> dict[str, float]:
    """Of each figure, and the speed."""
    row = {key: round(statistics.median(one[key] for one in runs), 3) for key in runs[0]}
    return {
        "mb": round(mb, 2),
        **row,
        "mb_per_cpu_second": round(mb / row["cpu"], 2),
        "mb_per_second": round(mb / row["wall"], 2),
    }


def speeds(data: Path, rounds: int, usual_mb: float, folder: Path) -> dict[str, dict]:
    """Both languages, ours and the usual way in turn."""
    results: dict[str, dict] = {}
    for language, name in FILES.items():
        file, part = data / name, folder / f"{language}.txt.zst"
        size, part_size = unpacked(file) / 1e6, beginning(file, int(usual_mb * 1e6), part) / 1e6
        ours, usual = [], []
        for number in range(rounds):
            ours.append(run(OURS, file, folder / f"{language}-{number}"))
            usual.append(run(USUAL, part, folder / "usual.parquet"))
        rows = {"ours": medians(ours, size), "usual": medians(usual, part_size)}
        times = rows["ours"]["mb_per_cpu_second"] / rows["usual"]["mb_per_cpu_second"]
        for side, row in rows.items():
            print(
                f"{language} {side:6}{row['mb']:8.1f} MB {row['mb_per_cpu_second']:8.2f} MB/s of CPU "
                f"{row['mb_per_second']:8.2f} by the clock   peak {row['peak_mb']:.0f} MB   loading {row['loading']:.2f} s"
            )
        print(f"{language} ours is {times:.1f} x the usual way; target {TARGETS[language]} MB/s")
        results[language] = {**rows, "times_usual": round(times, 1), "target": TARGETS[language]}
    results["zh"]["target_times_usual"] = TIMES
    return results


def memory(data: Path, sizes: list[float], workers: int, folder: Path) -> dict[str, dict]:
    """Peak memory of a small and a large input."""
    found = {}
    for mb in sizes:
        file = folder / "repeated.txt"
        repeated(data / FILES["zh"], int(mb * 1e6), file)
        row = run(OURS, file, folder / "memory", workers)
        found[f"{mb:g}"] = {key: round(value, 2) for key, value in row.items()} | {"target": PEAK}
        print(f"{mb:g} MB with {workers} workers: peak {row['peak_mb']:.0f} MB, {mb / row['wall']:.1f} MB/s")
    return found


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--usual-mb", type=float, default=3, help="of the file, for the usual way")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--memory", type=float, nargs="*", default=[], help="MB of repeated input")
    parser.add_argument("--workers", type=int, default=2, help="for --memory")
    given = parser.parse_args()
    loads, results = [load()], {}
    with tempfile.TemporaryDirectory() as folder:
        if given.rounds:
            results |= speeds(given.data.resolve(), given.rounds, given.usual_mb, Path(folder))
        if given.memory:
            results["memory"] = memory(given.data.resolve(), given.memory, given.workers, Path(folder))
    conclude("prepare", {"rounds": given.rounds}, loads, [], results, bool(given.rounds))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
