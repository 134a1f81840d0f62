"""Nothing heavier than the job: what a statement or a command imports, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FRAMES = {"pandas", "pyarrow"}
OPTIONS = {"pydantic", "pydantic_core"}
PIPELINE = {"prefect", "mlflow", "sklearn", "rich", "matplotlib", "jinja2", "jieba", "psutil"}
COMPILERS = {"numba", "llvmlite", "scipy", "yaml"}  # there may be some in the environment of another package
SLOW = {"argparse", "hashlib", "json", "pathlib", "urllib"}  # of the standard library; numpy does without
ALL = FRAMES | OPTIONS | PIPELINE | COMPILERS | {"torch", "safetensors"}
TRAIN = ALL
OPEN = 'import ftcore; m = ftcore.load_model("s.bin")'
WORDS = 'import ftcore; m = ftcore.load_model("u.bin")'
STATEMENTS = {  # what must not be imported
    "import ftcore": ALL | {"numpy"},
    "import ftcore.cli": ALL | {"numpy"},
    "import ftcore; ftcore.UserError": ALL | {"numpy"},
    OPEN: ALL,
    f'{OPEN}; m.predict("x y"); m.predict(["x y", "z"] * 9, k=2)': ALL | SLOW,
    f'{OPEN}; m.f.predict("x y\\n", 1, 0.0, "strict")': ALL,
    f'{OPEN}; m.test("train.txt"); m.test_label("train.txt"); m.get_meter("train.txt")': ALL,
    f'{OPEN}; m.save_model("again.bin"); m.get_words(); m.get_labels(); m.words; repr(m)': ALL,
    f'{OPEN}; m.quantize(); m.save_model("again.ftz"); ftcore.load_model("again.ftz").predict("x")': ALL,
    f'{WORDS}; m["x"]; m.get_nearest_neighbors("x"); m.get_sentence_vector("x y"); m.get_subwords("x")': ALL,
    f'{WORDS}; m.save_vectors("again.vec"); m.get_analogies("x", "y", "z")': ALL,
    'import ftcore; ftcore.tokenize("a b")': ALL,
    'import ftcore; m = ftcore.train_supervised("train.txt", dim=4, verbose=0); m.predict("x y")': TRAIN,
    'import ftcore; ftcore.train_supervised("train.txt", dim=4, loss="hs", wordNgrams=2, bucket=99)': TRAIN,
    'import ftcore; ftcore.train_unsupervised("train.txt", dim=4, thread=1)["x"]': TRAIN,
    "from ftcore import FastText": PIPELINE - {"jieba"},
    "from ftcore.inference.classifier import Classifier; from ftcore.formats.directory import read_directory; "
    'Classifier(read_directory("m")).predict(["x y, <b>z</b>", ""])': PIPELINE | {"torch", "pandas"},
    'import ftcore; ftcore.load_model("m").predict("x y")': {"torch", "pandas"} | PIPELINE,
}
COMMANDS = {  # ftcore's words, and what must not be imported
    "": ALL | {"numpy"},
    "--help": ALL | {"numpy"},
    "predict --help": ALL,
    "predict s.bin train.txt": ALL,
    "predict-prob s.bin train.txt 2": ALL,
    "test s.bin train.txt": ALL,
    "test-label s.bin train.txt": ALL,
    "predict m train.txt": {"torch", "pandas"} | PIPELINE,
    "print-word-vectors u.bin": ALL,
    "print-sentence-vectors s.bin": ALL,
    "print-ngrams u.bin word": ALL,
    "nn u.bin": ALL,
    "nn u.bin -k 2 x": ALL,
    "analogies u.bin": ALL,
    "dump u.bin dict": ALL,
    "quantize -input train.txt -output s": ALL,
    "info s.bin": ALL,
    "info": ALL | {"numpy"},
    "supervised -input train.txt -output made -dim 4": TRAIN,
    "skipgram -input train.txt -output made -dim 4": TRAIN,
    "cbow -input train.txt -output made -dim 4 -loss hs": TRAIN,
    "quantize -input train.txt -output s -cutoff 260 -retrain": TRAIN,
}
TELL = "import sys\n{}\nprint('imported', *sorted({{name.split('.')[0] for name in sys.modules}}), file=sys.stderr)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """train.txt, s.bin (labels), u.bin (words), m (a directory, with a tokenizer)."""
    import ftcore

    folder = tmp_path_factory.mktemp("imports")
    lines = [
        f"__label__{'ab'[i % 2]} " + " ".join(f"{w}{i % 200}" for w in "xyz") + " x y z" for i in range(400)
    ]
    (folder / "train.txt").write_text("\n".join(lines) + "\n")
    given = {"dim": 8, "bucket": 300, "minn": 2, "maxn": 3, "verbose": 0, "thread": 1, "epoch": 1}
    ftcore.train_supervised(str(folder / "train.txt"), **given).save_model(folder / "s.bin")
    ftcore.train_unsupervised(str(folder / "train.txt"), **given).save_model(folder / "u.bin")
    texts = ["good film", "dull day"]
    ftcore.FastText.from_texts(texts, ["a", "b"], dim=4).save(folder / "m")
    return folder


def imported(code: str, folder: Path) -> set[str]:
    """The packages that a fresh process has after this code."""
    done = subprocess.run(
        [sys.executable, "-c", TELL.format(code)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        input="x y\nz\n",
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split()[1:])


@pytest.mark.parametrize("code", STATEMENTS)
def test_a_statement_imports_what_it_needs(code: str, folder: Path):
    assert sorted(imported(code, folder) & STATEMENTS[code]) == []


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_imports_what_it_needs(words: str, folder: Path):
    code = f"from ftcore.cli import main\ntry:\n    main({words.split()!r})\nexcept SystemExit:\n    pass"
    assert sorted(imported(code, folder) & COMMANDS[words]) == []


def test_the_test_sees_imports(folder: Path):
    assert "torch" in imported("import ftcore; ftcore.FastText", folder)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads are counted in /proc")
def test_a_command_starts_no_threads_for_numpy(folder: Path):
    """Nor does it leave word of that to processes that it starts; who has chosen a number keeps it."""
    code = (
        "import os, time\nfrom ftcore.cli import main\nmain(['predict', 's.bin', 'train.txt'])\nimport numpy\n"
        "def tasks(): return len(os.listdir('/proc/self/task'))\n"
        "end = time.monotonic() + 5\n"  # a thread that was joined is listed for a moment more
        "while tasks() > 1 and time.monotonic() < end: time.sleep(.02)\n"
        "print('found', tasks(), os.environ.get('OPENBLAS_NUM_THREADS'))"
    )
    for given in ({}, {"OPENBLAS_NUM_THREADS": "2"}):
        env = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"} | given
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, env={**env, "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, timeout=300, check=True,
        )  # fmt: skip
        tasks, told = done.stdout.splitlines()[-1].split()[1:]
        assert told == given.get("OPENBLAS_NUM_THREADS", "None")
        assert given or tasks == "1"
