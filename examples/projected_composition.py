"""The article's own composition of words (§4.1, §4.2), as one module over ftcore's dictionary.

For the words x_1 … x_n of a document, with the vector ũ_i of a word's n-grams (the sum of their rows)
and ṽ_i of the word as a whole (its own row):

    h_i = H ũ_i        g_i = G ṽ_i        w_i = w_{i-1} + U h_i + V g_i,   w_0 = 0
    logits = W w_n + b

w_i is a running sum, so its last value w_n stands for the document. What fastText does is the special
case H = G = U = V = identity with every row weighted by 1 / (number of features): the increments then
add up to the mean of all rows, and nothing of the recurrence is left (``bag_weights=True``).

Compare it with the default on two files of ``text<TAB>label`` lines::

    python examples/projected_composition.py train.tsv test.tsv

Shape suffixes: B documents, N features of all documents, T words of all documents, D row size,
P size of h and g, E size of w, C classes.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ftcore import FastText, TextDataset
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.init import initial_rows
from ftcore.model.module import Bags


class ProjectedComposition(nn.Module):
    """w_i = w_{i-1} + U H ũ_i + V G ṽ_i over the rows of a `Dictionary`.

    Args:
        dictionary: numbers the rows; those below ``nwords`` are whole words, the others n-grams.
        classes: C. dim: D. projected: P, default D. composed: E, default D.
        bag_weights: weight every row by 1 / (features of its document) instead of 1.
        seed: of the rows' initial values, as in `FastText`.

    The four matrices start as identities (where they are square), the classifier at zero.

    Example: ``ProjectedComposition(model.dictionary, 2, 100)(model.encode(["好 书"]))`` -> logits [1, 2].
    """

    def __init__(
        self,
        dictionary: Dictionary,
        classes: int,
        dim: int,
        projected: int | None = None,
        composed: int | None = None,
        bag_weights: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        projected, composed = projected or dim, composed or dim
        self.nwords, self.bag_weights = dictionary.nwords, bag_weights
        self.rows = nn.Parameter(torch.from_numpy(initial_rows(seed, dictionary.numbers(), dim)))
        self.H = nn.Parameter(torch.eye(projected, dim))
        self.G = nn.Parameter(torch.eye(projected, dim))
        self.U = nn.Parameter(torch.eye(composed, projected))
        self.V = nn.Parameter(torch.eye(composed, projected))
        self.W = nn.Parameter(torch.zeros(classes, composed))
        self.b = nn.Parameter(torch.zeros(classes))

    def increments(self, bags: Bags) -> tuple[Tensor, Tensor]:
        """U h + V g of every feature [N + absent, E] and its document [N + absent].

        The projections are linear, so each row can be projected by itself: the sum over a word's rows
        is the projection of their sum.
        """
        ends = torch.cat([bags.offsets[1:], bags.offsets.new_tensor([len(bags.ids)])])
        document = torch.repeat_interleave(torch.arange(len(bags.offsets)), ends - bags.offsets)
        row = F.embedding(bags.ids, self.rows)
        word = (bags.ids < self.nwords).unsqueeze(1)
        if bags.absent is not None:  # n-grams without a row in the table
            row = torch.cat([row, bags.absent.rows.to(row)])
            word = torch.cat([word, word.new_zeros(len(bags.absent.bag), 1)])
            document = torch.cat([document, bags.absent.bag])
        if self.bag_weights:
            row = row / torch.bincount(document, minlength=len(bags.offsets))[document].unsqueeze(1)
        h = row @ self.H.T
        g = row @ self.G.T
        return torch.where(word, g @ self.V.T, h @ self.U.T), document

    def states(self, bags: Bags) -> list[Tensor]:
        """w_1 … w_n of each document: B tensors [T_b, E]. A whole word's row begins the next word; n-grams
        of a word outside the vocabulary count to the word before."""
        assert bags.absent is None, "the words of absent n-grams are not known any more; use forward"
        step, document = self.increments(bags)
        found = []
        for b in range(len(bags.offsets)):
            of_b = document == b
            number = (bags.ids[of_b] < self.nwords).cumsum(0).sub(1).clamp(min=0)  # which word i
            w = step.new_zeros(int(number.max()) + 1 if len(number) else 0, step.shape[1])
            found.append(w.index_add(0, number, step[of_b]).cumsum(0))  # w_i = w_{i-1} + …
        return found

    def composed(self, bags: Bags) -> Tensor:
        """w_n of each document: [B, E]."""
        step, document = self.increments(bags)
        return step.new_zeros(len(bags.offsets), step.shape[1]).index_add(0, document, step)

    def forward(self, bags: Bags) -> Tensor:
        """Logits [B, C]."""
        return self.composed(bags) @ self.W.T + self.b


# ------------------------------------------------------------------------------------ a comparison
def train(
    module: Callable[[Bags], Tensor],
    parameters: list[Tensor],
    batches: list,
    epochs: int,
    lr: float,
    seed: int,
) -> None:
    """Adam on cross-entropy over encoded batches, in a new order each epoch."""
    optimizer = torch.optim.Adam(parameters, lr=lr)
    order = list(batches)
    shuffle = random.Random(seed).shuffle
    for _ in range(epochs):
        shuffle(order)
        for bags, targets in order:
            optimizer.zero_grad()
            F.cross_entropy(module(bags), targets).backward()
            optimizer.step()


@torch.no_grad()
def accuracy(module: Callable[[Bags], Tensor], batches: list) -> float:
    """Share of right first answers."""
    right = sum(int((module(bags).argmax(1) == targets).sum()) for bags, targets in batches)
    return right / sum(len(targets) for _, targets in batches)


def compare(
    train_set: TextDataset, test_set: TextDataset, *, dim: int = 100, epochs: int = 3, lr: float = 0.003,
    batch: int = 64, seed: int = 0, **dictionary: int,
) -> dict[str, float]:  # fmt: skip
    """Test accuracy of the article's composition and of fastText's, trained alike."""
    default = FastText.from_texts(train_set.texts, train_set.labels, dim=dim, seed=seed, **dictionary)
    article = ProjectedComposition(default.dictionary, len(default.labels), dim, seed=seed)

    def batches(data: TextDataset) -> list:
        pairs = [data[i] for i in random.Random(seed).sample(range(len(data)), len(data))]
        return [default.collate(pairs[i : i + batch]) for i in range(0, len(pairs), batch)]

    learned, held_out = batches(train_set), batches(test_set)
    scores = {}
    for name, module in {"projected composition": article, "fastText": default}.items():
        train(module, list(module.parameters()), learned, epochs, lr, seed)
        scores[name] = accuracy(module, held_out)
    return scores


def read(path: str) -> TextDataset:
    """``text<TAB>label`` lines."""
    rows = [
        line.rsplit("\t", 1) for line in Path(path).read_text(encoding="utf-8").split("\n") if "\t" in line
    ]
    return TextDataset([text for text, _ in rows], [label for _, label in rows])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    for name, score in compare(read(sys.argv[1]), read(sys.argv[2]), minn=1, maxn=2).items():
        print(f"{name:24}{score:.4f}")
