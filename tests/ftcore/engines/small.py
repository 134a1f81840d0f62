"""A small Chinese and English corpus and the objects made of it, for the tests of engines and training."""

import numpy as np
import torch

from ftcore import config
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import as_batch, documents, encode_bags, encode_tokens
from ftcore.dictionary.init import initial_rows
from ftcore.engines.cpu.draws import Centres
from ftcore.engines.draws import chunk_generator, context_pairs, draw_negatives, draw_windows
from ftcore.model.module import TwoTables

ZH = [
    "我 爱 北京 天安门",
    "今天 天气 很 好",
    "北京 的 天气 今天 不 好",
    "我 不 爱 这 部 电影",
    "这 部 电影 很 好",
]
EN = ["the film is very good", "i do not like the weather", "the weather is good today", "i like beijing"]
LABELS = [["地点"], ["天气"], ["天气", "地点"], ["电影"], ["电影"], ["电影"], ["天气"], ["天气"], ["地点"]]


def corpus_lines(lines: int, seed: int = 0) -> tuple[list[str], list[list[str]]]:
    """Lines drawn from ZH and EN with some words swapped, and their labels."""
    rng = np.random.default_rng(seed)
    base, texts, labels = ZH + EN, [], []
    for _ in range(lines):
        k = int(rng.integers(len(base)))
        words = base[k].split()
        words[int(rng.integers(len(words)))] = base[int(rng.integers(len(base)))].split()[0]
        texts.append(" ".join(words))
        labels.append(LABELS[k])
    return texts, labels


def tables_for(
    dictionary: Dictionary, outputs: int, dim: int = 6, seed: int = 0, head: float = 0.0
) -> TwoTables:
    """Initial tables; `head` > 0 gives the output rows values, so that gradients reach the input."""
    output = torch.from_numpy(initial_rows(seed + 99, np.arange(outputs), dim)) * dim * head
    return TwoTables(torch.from_numpy(initial_rows(seed, dictionary.numbers(), dim)), output)


def pretraining(lines: int = 40, **options):
    """(dictionary, corpus, options) with every word in the vocabulary."""
    chosen = {"dim": 6, "min_count": 1, "minn": 1, "maxn": 3, "ws": 3, "t": 0.01, "bucket": 5000, **options}
    settings = config.Pretrain(**chosen)
    batch = [as_batch(corpus_lines(lines)[0])]
    dictionary = Dictionary.build(documents(batch), settings)
    return dictionary, encode_tokens(batch, dictionary), settings


def finetuning(lines: int = 60, seed: int = 0, single: bool = False, **options):
    """(dictionary, bags, options); `single` keeps the first label of each document."""
    settings = config.Finetune(
        **{"dim": 6, "word_ngrams": 2, "minn": 1, "maxn": 2, "bucket": 5000, **options}
    )
    texts, labels = corpus_lines(lines, seed)
    batch = [as_batch(texts, [label[:1] if single else label for label in labels])]
    dictionary = Dictionary.build(documents(batch), settings)
    return dictionary, encode_bags(batch, dictionary, grow=True), settings


def constant(rate: float):
    """A learning rate that does not fall."""
    return lambda done: rate


def drawn_as_the_reference(corpus, options, setup, seed):
    """(centres, negatives) of pretraining for the cpu engine, in the reference's order of draws."""
    rng = chunk_generator(seed, "pretrain", 0, 0)
    windows = draw_windows(corpus.ids, corpus.offsets, setup.keep, options.ws, rng)
    centre, context = context_pairs(windows)
    targets = windows.words[np.unique(centre) if options.model == "cbow" else context]
    negatives = None
    if options.loss == "ns":
        negatives = draw_negatives(setup.targets.negatives, targets, options.neg, rng)
    arrays = (windows.words, windows.place, windows.first, windows.last)
    return Centres(*(np.asarray(array, np.int32) for array in arrays)), negatives
