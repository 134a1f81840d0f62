"""Classifiers from seed words: by prototypes, sharpened on documents without labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ftcore import cli, config
from ftcore.engines.choice import choose_engine
from ftcore.errors import UserError
from ftcore.fewshot.seeds import checked_seeds, read_seeds
from ftcore.fewshot.zero_shot import by_prototypes, zero_shot
from ftcore.formats.opening import read_model
from ftcore.formats.vec import write_vec
from ftcore.inference.predict import Predictor
from ftcore.training.conditions import Conditions
from ftcore.training.documents import Tokenized
from ftcore.training.start import Fresh, FromVectors

HOW = Conditions(choose_engine("cpu", "cpu"))
OPTIONS = config.Finetune(head="linear")
SEEDS = {"sport": ["t0w0", "t0w1"], "film": ["t1w0"]}


def drawn(count: int, seed: int) -> tuple[list[str], list[str]]:
    draw = np.random.default_rng(seed)
    topics = draw.integers(2, size=count).tolist()
    lines = [
        " ".join(
            draw.permutation(
                [
                    *(f"t{t}w{w}" for w in draw.integers(60, size=5)),
                    *(f"w{w}" for w in draw.integers(40, size=4)),
                ]
            )
        )
        for t in topics
    ]
    return lines, [("sport", "film")[t] for t in topics]


def vectors() -> tuple[list[bytes], np.ndarray]:
    """Words of a topic lie near one another, more or less."""
    draw = np.random.default_rng(3)
    words = [f"t{t}w{w}" for t in (0, 1) for w in range(60)] + [f"w{w}" for w in range(40)]
    made = draw.normal(size=(len(words), 8)).astype(np.float32)
    made[:60, 0] += 1.0
    made[60:120, 0] -= 1.0
    return [word.encode() for word in words], made


LINES, _ = drawn(500, 0)
TEST, TRUE = drawn(300, 1)


def accuracy(model) -> float:
    predictor = Predictor(model)
    said = [predictor.names[i] for i in predictor.predict(TEST).labels]
    return float(np.mean([a.removeprefix("__label__") == b for a, b in zip(said, TRUE, strict=True)]))


def test_self_training_sharpens_what_seeds_say():
    start = FromVectors(*vectors())
    model, _ = zero_shot(LINES, SEEDS, start, OPTIONS, HOW)
    documents = Tokenized.of(
        [*LINES, *(" ".join(own) for own in SEEDS.values())],
        [[] for _ in LINES] + [[label] for label in SEEDS],
    )
    first = by_prototypes(
        start.dictionary(documents, OPTIONS.model_copy(update={"dim": 8})), SEEDS, start, OPTIONS
    )
    assert accuracy(model) > accuracy(first) + 0.1 and accuracy(model) > 0.85


def test_a_prototype_is_the_mean_of_its_seeds_directions():
    words, table = vectors()
    start = FromVectors(words, table)
    documents = Tokenized.of(["t0w0 t0w1", "t1w0"], [["sport"], ["film"]])
    dictionary = start.dictionary(documents, OPTIONS)
    model = by_prototypes(dictionary, SEEDS, start, OPTIONS)
    unit = {
        word: row / np.linalg.norm(row) for word, row in zip(words, table.astype(np.float64), strict=True)
    }
    sport = unit[b"t0w0"] + unit[b"t0w1"]
    wanted = sport / np.linalg.norm(sport) - unit[b"t1w0"]
    weighed = start.pretrained_rows(dictionary, OPTIONS, 0)
    row = dictionary.word_ids([b"w7"])[0]
    scores = model.input[row] @ model.output.T
    ahead = scores[model.labels.index("sport")] - scores[model.labels.index("film")]
    assert ahead == pytest.approx(weighed[row] @ wanted, rel=1e-4)


def test_no_vectors_and_no_known_seed_are_refused():
    with pytest.raises(UserError, match="seed words need vectors"):
        zero_shot(LINES, SEEDS, Fresh(), OPTIONS, HOW)
    with pytest.raises(UserError, match=r"no seed word of label 'film' has a vector \(zzz\)"):
        zero_shot(LINES, {"sport": ["t0w0"], "film": ["zzz"]}, FromVectors(*vectors()), OPTIONS, HOW)


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ({"a": ["x"]}, "two labels at least"),
        ({"a": ["x"], "b": []}, "label 'b' has"),
        ({"a": ["x"], "b": [3]}, "label 'b' has"),
        ({"a": ["x"], "b": ["y", "x"]}, "'x' is a seed of 'a' and of 'b'"),
    ],
)
def test_seeds_that_make_no_sense(seeds: dict, said: str):
    with pytest.raises(UserError, match=said):
        checked_seeds(seeds)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture):
    (tmp_path / "seeds.yaml").write_text("sport: [t0w0, t0w1]\nfilm: t1w0\n")
    assert read_seeds(tmp_path / "seeds.yaml") == {"sport": ["t0w0", "t0w1"], "film": ["t1w0"]}
    (tmp_path / "texts.txt").write_text("\n".join(LINES) + "\n")
    write_vec(tmp_path / "v.vec", *vectors())
    words = [
        "zero-shot", str(tmp_path / "texts.txt"), "--seeds", str(tmp_path / "seeds.yaml"),
        "--vectors", str(tmp_path / "v.vec"), "--tokens", "--word-ngrams", "1",
    ]  # fmt: skip
    for output in ("m.bin", "m"):
        assert cli.main([*words, "--output", str(tmp_path / output)]) == 0
        counts = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
        assert sum(map(int, counts.values())) == len(LINES) and set(counts) == {"sport", "film"}
        assert accuracy(read_model(tmp_path / output)) > 0.85
    (tmp_path / "texts.txt").write_text("\n")
    assert cli.main([*words, "--output", "x.bin"]) == 1 and "holds no text" in capsys.readouterr().err


def test_rounds_after_a_linear_head_that_needs_fewer_buckets():
    """All trainings number n-grams alike, whatever of the default number of buckets is left."""
    options = OPTIONS.model_copy(update={"head": "linear", "word_ngrams": 2, "bucket": 2_000_000})
    model, _ = zero_shot(LINES, {"sport": ["t0w0"], "film": ["t1w0"]}, FromVectors(*vectors()), options, HOW)
    assert model.dictionary.bucket < 2_000_000 and set(model.labels) == {"sport", "film"}
