"""A lexicon on disk: as good as one that is built, and never trusted where it is not whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ftcore import native
from ftcore.text import kept_lexicon as room
from ftcore.text.kept_lexicon import cache_folder, kept_lexicon
from ftcore.text.lexicon import lexicon_of

WORDS = {"我": 5, "我们": 2, "们": 1, "清华": 0, "清华大学": 3}


@pytest.fixture
def made(monkeypatch, tmp_path):
    """What makes a lexicon, with how often it was asked; a cache folder of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "dict.txt").write_text("x")
    calls: list[int] = []

    def get() -> tuple[native.Lexicon, int]:
        def make() -> tuple[native.Lexicon, int]:
            calls.append(1)
            return lexicon_of(WORDS, 11), 11

        return kept_lexicon([tmp_path / "dict.txt"], make)

    get.calls = calls  # type: ignore[attr-defined]
    get.dictionary = tmp_path / "dict.txt"  # type: ignore[attr-defined]
    return get


def cut(lexicon):
    return lexicon.cut("我们在清华大学", True, False)


def test_the_second_one_is_read(made):
    first, total = made()
    second, again = made()
    assert len(made.calls) == 1 and total == again == 11
    assert cut(first) == cut(second) and second.count("清华") == 0 and second.count("无") == -1
    assert first.log_total == second.log_total
    second.set("在清", 9.0, 2.0, True)  # what is read grows like what is made, and the file stays
    assert cut(made()[0]) == cut(first) != cut(second)


def test_other_sources_are_another_file(made):
    made()
    made.dictionary.write_text("y")
    made()
    assert len(made.calls) == 2 and len(list(cache_folder().glob("lexicon-*.bin"))) == 2


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "foreign", "grown", "head"])
def test_what_is_not_whole_is_built_anew(made, damage):
    first, _ = made()
    (file,) = cache_folder().glob("lexicon-*.bin")
    raw = file.read_bytes()
    middle = len(raw) // 2
    file.write_bytes(
        {
            "cut": raw[:middle],
            "empty": b"",
            "flipped": raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :],
            "foreign": b"\x80\x04" + raw[2:],
            "grown": raw + b"\0",
            "head": raw[:20],
        }[damage]
    )
    assert cut(made()[0]) == cut(first) and len(made.calls) == 2
    assert file.read_bytes() == raw, "and written again"
    made()
    assert len(made.calls) == 2


def test_bytes_that_are_whole_but_no_lexicon_are_built_anew(made):
    made()
    (file,) = cache_folder().glob("lexicon-*.bin")
    body = bytes(64)
    file.write_bytes(room._MAGIC + room.xxhash.xxh3_128(body).digest() + body)
    assert cut(made()[0]) and len(made.calls) == 2


def test_a_folder_that_cannot_be_written_keeps_nothing(made, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert cut(made()[0]) == cut(made()[0]) and len(made.calls) == 2


def test_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # the specification says: to be ignored
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "ftcore"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "c"))
    assert cache_folder() == tmp_path / "c" / "ftcore"


def test_jiebas_own_is_kept_and_read_in_a_new_process(tmp_path):
    code = (
        "import time; from ftcore.text.lexicon import plain_words; begin = time.process_time();"
        "words = plain_words(); print(time.process_time() - begin, *words.lexicon.cut('我来到北京清华大学', True, False))"
    )
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    seconds = []
    for _ in range(3):
        run = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        first, *tokens = run.stdout.split()
        assert tokens == ["我", "来到", "北京", "清华大学"]
        seconds.append(float(first))
    assert len(list(Path(tmp_path / "ftcore").iterdir())) == 1
    assert min(seconds[1:]) < seconds[0] / 3
