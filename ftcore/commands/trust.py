"""``ftcore explain`` and ``robustness``: why a text got its label, and what noise costs; in the terminal or as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from ftcore.base.files import atomic_file
from ftcore.base.strings import leave_pandas_out
from ftcore.errors import UserError
from ftcore.formats.opening import read_model
from ftcore.inference.classifier import Classifier
from ftcore.trust.explanation import Explanation, Mark, explain

_FOR, _AGAINST = ((194, 112, 33, 27), (223, 216, 209, 202))  # backgrounds from pale to strong: blue, orange
_OVER = 2.0  # a token weighs as much as this, on average of all tokens, before it is coloured strongly


def run_explain(given: argparse.Namespace) -> None:
    """Explain one text, or each line of standard input."""
    leave_pandas_out()
    if given.parts < 0:
        raise UserError(f"--parts {given.parts}: give a number of features from 0 up")
    classifier = Classifier(read_model(given.model))
    prefix = classifier.model.args.label
    wanted = [name and name.removeprefix(prefix) for name in (given.label, given.against)]
    texts = [line.rstrip("\r\n") for line in sys.stdin] if given.text == "-" else [given.text]
    found = (explain(classifier, text, *wanted) for text in texts)
    if given.json:
        for one in found:
            print(json.dumps(one.state(), ensure_ascii=False), flush=True)
    elif given.html:
        from ftcore.report.explanation_page import render_explanations

        with atomic_file(given.html) as file:
            file.write(render_explanations(list(found)).encode())
        print(given.html)
    else:
        for one in found:
            print(described(one, given.parts, colours=sys.stdout.isatty()), flush=True)


def run_robustness(given: argparse.Namespace) -> None:
    """The accuracy under each kind of noise, as a table or as JSON."""
    from dataclasses import asdict

    from ftcore.trust.robustness import SHARES, robustness

    leave_pandas_out()
    classifier = Classifier(read_model(given.model))
    texts, labels = labelled(given.file, given.text, given.label, classifier.model.args.label)
    found = robustness(
        classifier, texts, labels, shares=given.share or SHARES, kinds=given.kind, seed=given.seed
    )
    if given.json:
        print(json.dumps([asdict(row) for row in found]))
        return
    print(f"{'noise':12}{'share':>7}{'changed':>9}{'accuracy':>10}{'lost':>8}")
    for row in found:
        print(f"{row.kind:12}{row.share:7.2f}{row.changed:9.3f}{row.accuracy:10.4f}{row.lost:8.4f}")


def labelled(
    file: str, text: str, label: str, prefix: str, option: str = "--text"
) -> tuple[list[str], list[list[str]]]:
    """The texts of a file and the labels of each.

    Args:
        file: a table with two such columns; or .txt in fastText's format, labels first with their prefix.
        prefix: of a label in such lines; default fastText's own.
        option: that names the first column.

    Raises:
        UserError: a missing file or column, no text.
    """
    from ftcore.model.model import PREFIX
    from ftcore.reading.rows import open_rows

    prefix = prefix or PREFIX
    if file.removesuffix(".gz").endswith(".txt"):
        texts, labels = [], []
        for some in open_rows(file, ["text"]).read():
            for line in some.texts:
                words = line.split()
                labels.append([word.removeprefix(prefix) for word in words if word.startswith(prefix)])
                texts.append(" ".join(word for word in words if not word.startswith(prefix)))
    else:
        texts, names = (
            [t for some in open_rows(file, [column], option=named).read() for t in some.texts]
            for column, named in ((text, option), (label, "--label"))
        )
        labels = [[name] if name else [] for name in names]
    if not any(labels):
        raise UserError(
            f"{file}: no text has a label; name its column with --label, or write {prefix}LABEL in front"
        )
    return texts, labels


def described(one: Explanation, parts: int, *, colours: bool) -> str:
    """An explanation for the terminal: the label, the text with its words coloured, the strongest features.

    Example:
        >>> lines = described(explain(classifier, "a good film"), 1, colours=False).splitlines()
        >>> lines[0].split()[:2], lines[1].count("["), lines[-1].split()[1:]
        (['good', 'probability'], 3, ['no', 'word', 'the', 'end', 'of', 'line'])
    """
    name = str(one.label) if one.against is None else f"{one.label} rather than {one.against}"
    lines = [f"{name}  probability {one.probability:.3f}  score {one.score:+.3f}"]
    lines += [f"no answer is given: {one.silent}"] if one.silent else []
    lines += [f"a rule says: {rule}" for rule in one.rules]
    lines.append(_coloured(one.marks()) if colours else _bracketed(one.marks()))
    lines += [
        f"  {part.value:+.3f}  {part.kind:10}  {part.name}"
        for part in one.strongest(parts)
        if part.kind != "end"
    ]
    lines.append(f"  {one.rest:+.3f}  {'no word':10}  the end of line")
    return "\n".join(lines)


def _bracketed(marks: Sequence[Mark]) -> str:
    return "".join(mark.text + (f"[{mark.value:+.2f}]" if mark.value else "") for mark in marks)


def _coloured(marks: Sequence[Mark]) -> str:
    weights = [abs(mark.value) for mark in marks if mark.value]
    strong = _OVER * sum(weights) / len(weights) if weights else 1.0
    made = []
    for mark in marks:
        shades = _FOR if mark.value > 0 else _AGAINST
        shade = int(len(shades) * abs(mark.value) / strong)  # 0: no colour
        if shade:
            colour = shades[min(shade, len(shades)) - 1]
            made.append(f"\x1b[48;5;{colour};38;5;16m{mark.text}\x1b[0m")
        else:
            made.append(mark.text)
    return "".join(made)
