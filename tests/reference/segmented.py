"""What jieba itself makes of texts, and texts on which others fall: for tests of what cuts as it does."""

from __future__ import annotations

import csv
import io
import os
import random
from collections.abc import Iterator
from pathlib import Path

import jieba
from jieba import finalseg

# everyday words and names, rare and unknown characters, what jieba's block patterns treat apart
FRAGMENTS = [
    "我",
    "的",
    "是",
    "在",
    "了",
    "中国",
    "北京",
    "清华大学",
    "研究生命",
    "起源",
    "南京市长江大桥",
    "王小明",
    "他来到",
    "网易杭研大厦",
    "结婚的和尚未结婚的",
    "杭",
    "研",
    "東京",
    "語言",
    "龘",
    "㐀",
    "𠀀",
    "豈",
    "〇",
    "马云",
    "李雷",
    "鿕",
    "鿖",
    "一",
    "γ射线",
    "abc",
    "Python",
    "C++",
    "c#",
    ".NET",
    "3.5",
    "2024-12-31",
    "1,000",
    "50%",
    "don't",
    "a_b",
    "&",
    "#",
    "+",
    ".",
    "%",
    "-",
    "_",
    "，",
    "。",
    "！",
    "（",
    "）",
    "…",
    "—",
    "😀",
    "é",
    "あ",
    "한",
    "T恤",
    "卡拉OK",
    "tv.cctv.com",
    "1.5%",
    "a.b",
    "3.",
    "·",
]
FRAGMENTS += [" ", "\n", "\r", "\r\n", "\t", "\u3000", "\x1c", "\x85", "\0", "\u200b", "\u2028"]


def tokenizer() -> jieba.Tokenizer:
    """A new one of jieba's own dictionary."""
    jieba.setLogLevel(60)
    made = jieba.Tokenizer()
    made.initialize()
    return made


def copied(given: jieba.Tokenizer) -> jieba.Tokenizer:
    """Another with the same words, which may be changed."""
    made = jieba.Tokenizer()
    made.FREQ, made.total, made.initialized = dict(given.FREQ), given.total, True
    return made


def of_words(frequencies: dict[str, int]) -> jieba.Tokenizer:
    """One of these entries alone."""
    made = jieba.Tokenizer()
    made.FREQ, made.total, made.initialized = frequencies, max(sum(frequencies.values()), 1), True
    return made


def viterbi(obs, states, start_p, trans_p, emit_p):
    """`jieba.finalseg.viterbi` with back-pointers: what it answers, in a time that grows with the text, not its square."""
    best = {y: start_p[y] + emit_p[y].get(obs[0], finalseg.MIN_FLOAT) for y in states}
    back = []
    for char in obs[1:]:
        found = {
            y: max(
                (
                    best[y0]
                    + trans_p[y0].get(y, finalseg.MIN_FLOAT)
                    + emit_p[y].get(char, finalseg.MIN_FLOAT),
                    y0,
                )
                for y0 in finalseg.PrevStatus[y]
            )
            for y in states
        }
        best = {y: prob for y, (prob, _) in found.items()}
        back.append({y: state for y, (_, state) in found.items()})
    prob, state = max((best[y], y) for y in "ES")
    path = [state]
    for step in reversed(back):
        path.append(step[path[-1]])
    return prob, path[::-1]


def fuzz_lines(seed: int, count: int) -> Iterator[str]:
    """Lines of what is everyday and what is not, always the same ones."""
    rng = random.Random(seed)
    for _ in range(count):
        kind = rng.random()
        if kind < 0.6:
            yield "".join(rng.choices(FRAGMENTS, k=rng.randrange(12)))
        elif kind < 0.8:
            yield "".join(chr(rng.randrange(0x4E00, 0x9FD8)) for _ in range(rng.randrange(1, 12)))
        elif kind < 0.9:
            yield "".join(rng.choices("aZ09.%-+#&_,:人中 ", k=rng.randrange(20)))
        else:
            codes = (
                rng.choice((0x80, 0x3000, 0xD800, 0x10000, 0x110000)) for _ in range(rng.randrange(1, 9))
            )
            yield "".join(chr(rng.randrange(most)) for most in codes).encode("utf-8", "ignore").decode()


def folder() -> Path:
    """Where real data lies, if it does."""
    return Path(os.environ.get("FTCORE_DATA") or Path(__file__).parents[3] / "shared" / "data")


CORPORA = ("zhwiki", "thucnews_titles", "chn_sentiment", "sighan2005")


def corpus(name: str) -> Iterator[str]:
    """Every line of a corpus, or every field where it is csv."""
    for path in sorted((folder() / name).iterdir()):
        if path.suffix == ".zst":
            import zstandard

            with zstandard.open(path, "rt", encoding="utf-8", newline="\n") as file:
                yield from (line.removesuffix("\n") for line in file)
        elif path.suffix == ".csv":
            for row in csv.reader(
                io.StringIO(path.read_text(encoding="utf-8", errors="replace"), newline="")
            ):
                yield from row
        elif path.suffix in (".txt", ".utf8") and path.name != "class.txt":
            yield from path.read_text(encoding="utf-8").split("\n")
