"""The article's program (§5.2) made real: train on three sentences, save, load, fine-tune, predict.

Run it from the repository: ``python examples/first_model.py`` (a few seconds).
What the article writes and what it must be is explained in ``docs/walkthrough.md``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from ftcore import FastText, TextDataset

# The three sentences of §4.3 and their labels.
texts = ["Python是一门编程语言", "C++是一种高级语言", "Java是一个面向对象的编程语言"]
labels = [1, 1, 2]
test_text = "Python是一种动态语言"


def train(seed: int = 0) -> FastText:
    """An ordinary torch loop: Dataset, DataLoader, Adam, loss.backward()."""
    dataset = TextDataset(texts, labels)
    model = FastText.from_texts(texts, labels, seed=seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(10):
        for text, label in DataLoader(dataset, batch_size=2):
            optimizer.zero_grad()
            output = model.log_prob(text)  # raw strings in, log-probabilities [2, 2] out
            loss = model.nll_loss(output, label)
            loss.backward()
            optimizer.step()
    return model


def main(seed: int = 0) -> dict:
    """The whole program; returns what it printed, for the tests."""
    model = train(seed)
    trained = model.predict(texts, k=2)
    for text, prediction in zip(texts, trained, strict=True):
        print(f"{text} -> {prediction.labels[0]}  P = {prediction.probabilities[0]:.3f}")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        model.save(path)
        model = FastText.load(path)

    before = model.predict([test_text], k=2)[0]
    model.fit(TextDataset(["Ruby是一种解释型编程语言"], [1]), epochs=5, batch_size=2)
    after = model.predict([test_text], k=2)[0]
    p_before, p_after = (dict(zip(p.labels, p.probabilities, strict=True))[1] for p in (before, after))
    print(
        f"{test_text} -> {after.labels[0]}  P(1) = {p_before:.3f} before the Ruby sentence, {p_after:.3f} after"
    )
    return {"trained": trained, "before": before, "after": after, "p_before": p_before, "p_after": p_after}


if __name__ == "__main__":
    main()
