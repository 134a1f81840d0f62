"""Are our word vectors as good as the original's? Similarity and analogies over seeds, subwords on and off.

``python -m benchmarks.vectors [--data ../shared/data] [--megabytes 100] [--models skipgram,cbow]
[--languages en,zh] [--seeds 3] [--epoch 1] [--updates auto] [--subwords on,off] [--work FOLDER]``

Same text, same options, in turn. Similarity: Spearman's correlation on WS-353, SimLex-999, RW; wordsim-240 and 297.
Analogies: 3CosAdd over the 30,000 most frequent words, Google's and CA8's sets. Coverage: the share of a similarity
set's pairs with two vectors; without subwords a word out of the vocabulary has none. The original takes no
seed here: its runs differ by its 12 threads. The last line of stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.corpora import SUBWORDS, wikipedia, work_folder
from benchmarks.peer import THREADS, machine, peer_python, versions
from ftcore.evaluation.similarity import analogies, read_pairs, word_similarity

SIMILARITY = {
    "en": {
        "WS-353": "en/EN-WS-353-ALL.txt",
        "SimLex": "en/EN-SIMLEX-999.txt",
        "RW": "en/EN-RW-STANFORD.txt",
    },
    "zh": {"wordsim-240": "zh/wordsim-240.txt", "wordsim-297": "zh/wordsim-297.txt"},
}
ANALOGIES = {
    "en": {"Google": "en/questions-words.txt"},
    "zh": {"CA8 morphological": "zh/morphological.txt", "CA8 semantic": "zh/semantic.txt"},
}
FREQUENT = 30_000  # words searched for an analogy's answer, as word2vec's compute-accuracy
SYNTACTIC = "gram"  # how the names of Google's syntactic sections begin

PEER = """
import fasttext, json, sys, numpy as np
spec = json.loads(sys.argv[1])
fasttext.FastText.eprint = lambda *a, **k: None
model = fasttext.train_unsupervised(**spec["arguments"])
words = model.get_words(on_unicode_error="replace")
others = spec["others"]
np.savez(spec["out"], words=np.array(words), vectors=np.stack([model.get_word_vector(w) for w in words]),
         others=np.array(others), other_vectors=np.stack([model.get_word_vector(w) for w in others]))
"""


class Vectors:
    """Vectors of a vocabulary, and of other words where subwords give them some."""

    def __init__(self, file: Path, subwords: bool) -> None:
        with np.load(file, allow_pickle=False) as made:
            self.words, self.vectors = made["words"].tolist(), made["vectors"]
            self.by_word = dict(zip(made["others"].tolist(), made["other_vectors"], strict=True))
        known = set(self.words)
        if not subwords:
            self.by_word = {word: vector for word, vector in self.by_word.items() if word in known}

    def scores(self, language: str, data: Path) -> dict[str, float]:
        """Every set's score, the means, and the coverage of the similarity sets."""
        found: dict[str, float] = {}
        used = pairs = 0
        for name, file in SIMILARITY[language].items():
            result = word_similarity(self.by_word.get, data / file, normalize=str.lower)
            found[name] = result.spearman
            used, pairs = used + result.used, pairs + result.pairs
        found["similarity"] = statistics.mean(found.values())
        right = answered = 0
        for name, file in ANALOGIES[language].items():
            result = analogies(self.words, self.vectors, data / file, normalize=str.lower, limit=FREQUENT)
            found[name] = result.accuracy
            right, answered = right + result.correct, answered + result.answered
            if language == "en":
                table = result.sections.assign(kind=result.sections["section"].str.startswith(SYNTACTIC))
                sums = table.groupby("kind")[["correct", "answered"]].sum()
                found["semantic"], found["syntactic"] = (sums["correct"] / sums["answered"]).tolist()
        found["analogies"] = right / answered
        found["coverage"] = used / pairs
        return found


def train_ours(spec: dict) -> None:
    """In this process: train and write vectors, as PEER does."""
    from ftcore import config
    from ftcore.dictionary.dictionary import Dictionary
    from ftcore.dictionary.encode import read_tokens
    from ftcore.dictionary.lines import Lines
    from ftcore.engines.choice import choose_engine
    from ftcore.fasttext import FastText
    from ftcore.text.tokenizer import Tokenizer
    from ftcore.training.recipe import Conditions, Prepared, fit

    chosen = dict(spec["arguments"])
    path, seed = chosen.pop("input"), chosen.pop("seed")
    options = config.Pretrain(**chosen)
    dictionary = Dictionary.read(Lines(path), options)
    corpus = read_tokens(Lines(path), dictionary)
    model = FastText.untrained(
        Tokenizer(), dictionary, dim=options.dim, kind=options.model, loss="ns", seed=seed
    )
    choice = choose_engine(spec["engine"], "cpu")
    conditions = Conditions(choice, seed, deterministic=False, whole=True)
    fit(model.tables, Prepared(dictionary, corpus), options, conditions)
    others = spec["others"]
    np.savez(
        spec["out"],
        words=np.array(model.words),
        vectors=model.word_vectors(),
        others=np.array(others),
        other_vectors=np.stack([model.word_vector(word) for word in others]),
    )


def run(side: str, python: Path | None, spec: dict) -> None:
    """One training in a process of its own, unless its vectors are there."""
    if Path(spec["out"]).exists():
        return
    if side == "original":
        command = [str(python), "-c", PEER, json.dumps(spec)]
    else:
        command = [sys.executable, "-m", "benchmarks.vectors", "--train", json.dumps(spec)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{side} failed:\n{done.stderr[-3000:]}")


def words_of(language: str, data: Path) -> list[str]:
    """All words of a language's similarity sets, in lower case."""
    pairs = [pair for file in SIMILARITY[language].values() for pair in read_pairs(data / file)]
    return sorted({word.lower() for pair in pairs for word in pair[:2]})


def compare(
    given: argparse.Namespace, language: str, model: str, subwords: bool, peer: Path | None
) -> dict[str, dict]:
    """Scores of both sides: mean and values by seed."""
    data, work = Path(given.data), work_folder(given.work)
    text = wikipedia(language, given.megabytes, data, work)
    minn, maxn = SUBWORDS[language] if subwords else (0, 0)
    sides = {"ours": given.updates} | ({"original": ""} if peer is not None else {})
    found: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    for seed in range(given.seeds):
        for side, updates in sides.items():
            arguments = {
                "input": str(text), "model": model, "minn": minn, "maxn": maxn, "epoch": given.epoch, "dim": given.dim,
            }  # fmt: skip
            kind = f"{side}{f'_{updates}_{given.engine}' if updates else ''}"
            name = f"{language}_{given.megabytes:g}mb_{model}_{minn}-{maxn}_e{given.epoch}_d{given.dim}_{kind}_{seed}"
            if side == "ours":
                arguments |= {"updates": updates, "seed": seed}
            else:
                arguments |= {"thread": THREADS, "verbose": 0}
            out = work / f"{name}.npz"
            others = words_of(language, data / "wordvec_eval")
            run(
                side,
                peer,
                {"arguments": arguments, "out": str(out), "others": others, "engine": given.engine},
            )
            found[side].append(Vectors(out, subwords).scores(language, data / "wordvec_eval"))
            if not given.keep:
                out.unlink()
            shown = {key: round(value, 3) for key, value in found[side][-1].items()}
            print(
                language,
                model,
                "subwords" if subwords else "words",
                side,
                seed,
                shown,
                file=sys.stderr,
                flush=True,
            )
    return {
        side: {key: {"mean": round(statistics.mean(s[key] for s in scores), 4),
                     "values": [round(s[key], 4) for s in scores]} for key in scores[0]}
        for side, scores in found.items()
    }  # fmt: skip


def rows(results: dict[str, dict]) -> Iterator[str]:
    """A table for people: means, ours and the original's."""
    for name, sides in results.items():
        yield name
        for key in sides["ours"]:
            means = [f"{side} {scores[key]['mean']:.3f}" for side, scores in sides.items()]
            yield f"   {key:<20}{'   '.join(means)}"


def main() -> None:
    """Every language, model and kind of subwords; means, then JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--work", help="where texts and vectors are kept (default: the temporary folder)")
    parser.add_argument("--keep", action="store_true", help="keep vectors, and use those that are there")
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--models", default="skipgram,cbow")
    parser.add_argument("--languages", default="en,zh")
    parser.add_argument("--subwords", default="on,off")
    parser.add_argument("--updates", default="auto", choices=("auto", "exact", "shared"))
    parser.add_argument("--engine", default="cpu", help="of ours")
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--epoch", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--train", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.train:
        train_ours(json.loads(given.train))
        return
    peer = peer_python()
    results = {
        f"{language} {model} {'subwords' if kind == 'on' else 'words'}": compare(
            given, language, model, kind == "on", peer
        )
        for language in given.languages.split(",")
        for model in given.models.split(",")
        for kind in given.subwords.split(",")
    }
    print("\n".join(rows(results)))
    print(
        json.dumps(
            {
                "benchmark": "vectors",
                "date": datetime.date.today().isoformat(),
                "machine": machine(),
                "versions": versions(peer),
                "options": {
                    key: getattr(given, key) for key in ("megabytes", "epoch", "dim", "updates", "seeds")
                },
                "results": results,
            }
        )
    )


if __name__ == "__main__":
    main()
