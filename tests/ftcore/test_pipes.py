"""Text and models from pipes, as shells hand them over: read once, used as often as a training needs."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import ftcore as fasttext
from ftcore.cli import main
from ftcore.dictionary.spool import Spool, is_stream, spooled
from ftcore.text.live import live_lines

ROOT = Path(__file__).resolve().parents[2]
TEXT = "".join(f"__label__{'ab'[n % 2]} word{n % 2} common x{n % 7}\n" for n in range(60)).encode()


@pytest.fixture
def pipe(tmp_path: Path):
    """``pipe(content)``: a named pipe that gives these bytes to its first reader, once."""
    number = iter(range(100))

    def make(content: bytes, suffix: str = "") -> str:
        path = tmp_path / f"pipe{next(number)}{suffix}"
        os.mkfifo(path)
        threading.Thread(target=lambda: path.write_bytes(content), daemon=True).start()
        return str(path)

    return make


def test_a_pipe_becomes_a_file_and_the_file_goes_with_it(pipe):
    path = pipe(TEXT)
    assert is_stream(path) and is_stream("/dev/null") and not is_stream(__file__) and not is_stream("none")
    kept = spooled(path)
    assert isinstance(kept, Spool) and Path(kept).read_bytes() == TEXT == Path(kept).read_bytes()
    name = str(kept.file.name)
    del kept
    assert not Path(name).exists()
    assert spooled(__file__) == __file__ and spooled(["a", "b"]) == ["a", "b"] and spooled(None) is None


def test_training_from_a_pipe_is_training_from_the_file(pipe, tmp_path: Path):
    (tmp_path / "a.txt").write_bytes(TEXT)
    options = {"thread": 1, "dim": 5, "verbose": 0, "epoch": 2}
    expected = fasttext.train_supervised(str(tmp_path / "a.txt"), **options)
    model = fasttext.train_supervised(pipe(TEXT), **options)
    assert (model.get_input_matrix() == expected.get_input_matrix()).all()
    packed = fasttext.train_supervised(pipe(gzip.compress(TEXT), ".gz"), **options)
    assert (packed.get_input_matrix() == expected.get_input_matrix()).all()
    assert model.test(pipe(TEXT)) == expected.test(str(tmp_path / "a.txt"))


def test_vectors_and_models_from_pipes(pipe, tmp_path: Path):
    options = {"thread": 1, "dim": 3, "verbose": 0, "epoch": 1}
    model = fasttext.train_supervised([*TEXT.decode().splitlines()], **options)
    model.save_model(str(tmp_path / "m.bin"))
    binary = (tmp_path / "m.bin").read_bytes()
    assert fasttext.load_model(pipe(binary)).predict("word0 x1") == model.predict("word0 x1")
    vectors = b"2 3\nword0 1 2 3\nnew 4 5 6\n"
    for given in (pipe(vectors), pipe(vectors, ".vec")):
        made = fasttext.train_supervised(
            TEXT.decode().splitlines(), pretrainedVectors=given, **{**options, "lr": 0}
        )
        assert made.get_word_vector("new").tolist() == [4, 5, 6] and len(made.words) == len(model.words) + 1


def test_a_search_reads_both_pipes_again_and_again(pipe):
    model = fasttext.train_supervised(
        pipe(TEXT), autotuneValidationFile=pipe(TEXT), autotuneDuration=2, dim=4, verbose=0, thread=1
    )
    assert model.test(TEXT.decode().splitlines())[1] > 0.9


def test_the_command_line_reads_a_shells_pipe(tmp_path: Path):
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(TEXT))
    words = f"exec {sys.executable} -m ftcore.cli supervised -input <(gzip -dc a.txt.gz) -output m -dim 4 -thread 1"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", words], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert main(["test", str(tmp_path / "m.bin"), str(tmp_path / "a.txt.gz")]) in (0, 1)
    assert len(fasttext.load_model(str(tmp_path / "m.bin")).words) == 11  # </s>, common, 2 words, 7 x


# --------------------------------------------------------------------------------------- tokenize
def test_tokenize_answers_line_by_line_to_a_program_that_waits():
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "ftcore.cli", "tokenize"]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=ROOT
    ) as other:
        for line, answer in [("hello, world", "hello world"), ("我爱北京", "我 爱 北京"), ("bye", "bye")]:
            other.stdin.write(f"{line}\n".encode())
            other.stdin.flush()
            assert other.stdout.readline().decode() == f"{answer}\n"
        other.stdin.close()
        assert other.wait(20) == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_tokenize_reads_what_the_pipeline_reads(tmp_path: Path, capsys, encoding: str, pack):
    text = "plain first\n东京是日本的首都，人口一千四百万。\r\nlast line"
    path = tmp_path / "text"
    path.write_bytes(pack(text.encode(encoding)))
    assert main(["tokenize", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (
        lines[0] == "plain first" and lines[1].startswith("东京 是 日本 的 首都") and lines[2] == "last line"
    )


def test_tokenize_says_what_it_cannot_read(tmp_path: Path, capsys):
    for path, words in [(tmp_path, "is a folder"), (tmp_path / "none", "no such file")]:
        assert main(["tokenize", str(path)]) == 1
        assert words in capsys.readouterr().err
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"a line\n" * 9999)[:-20])
    assert main(["tokenize", str(tmp_path / "cut.gz")]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("line\n" * 10) or out.startswith("a line\n" * 10)
    assert "truncated archive" in err


def test_a_file_of_one_endless_line_is_read_in_one_pass():
    raw = io.BufferedReader(io.BytesIO(b"word " * 2_000_000))
    (lines,) = live_lines(raw)
    assert lines == ["word " * 2_000_000]
