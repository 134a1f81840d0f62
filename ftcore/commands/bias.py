"""``ftcore audit``: associations of words, rates by group, swapped words; and the model without a direction, at what cost."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ftcore.base.strings import leave_pandas_out
from ftcore.commands.trust import labelled
from ftcore.errors import UnreadableFile, UserError
from ftcore.formats.binary import write_binary
from ftcore.formats.directory import write_directory
from ftcore.formats.opening import read_model
from ftcore.inference.classifier import Classifier
from ftcore.model.model import Model
from ftcore.trust.associations import audit_associations
from ftcore.trust.groups import group_rates, groups_by_words, swap_effect
from ftcore.trust.projection import pair_direction, without_direction
from ftcore.trust.word_sets import PAIRS, TESTS

_KEYS = {"tests", "pairs", "groups"}


def run_audit(given: argparse.Namespace) -> None:
    """Audit a model, and the one without the pairs' direction where it is asked for."""
    leave_pandas_out()
    words = read_words(given.words)
    model = read_model(given.model)
    texts = None
    if given.file:
        texts = labelled(given.file, given.text, given.label, model.args.label)
    column = None
    if given.group:
        if not given.file:
            raise UserError(f"--group {given.group}: name the file whose column it is")
        names = labelled(given.file, given.group, given.label, "", "--group")[0]
        column = [[name] if name else [] for name in names]
    found = audit(model, words, texts, column, given.seed)
    if given.without:
        clean = without_direction(model, pair_direction(model, words["pairs"]))
        after = audit(clean, words, texts, column, given.seed)
        if given.without.endswith(".bin"):
            write_binary(clean if clean.tokenizer is None else clean.with_prefix(), given.without)
        else:
            write_directory(given.without, clean)
        found["without"] = after | {"written": given.without}
    if given.json:
        print(json.dumps(found, ensure_ascii=False))
        return
    print("\n".join(described(found)))


def read_words(path: str | None) -> dict[str, Any]:
    """The words of an audit: those of a file, and our own for what it leaves out.

    Raises:
        UserError: a missing file, other keys, lists of another shape.
    """
    pairs = [pair for some in PAIRS.values() for pair in some]
    made: dict[str, Any] = {"tests": TESTS, "pairs": pairs, "groups": {}}
    if path is not None:
        try:
            own = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise UnreadableFile(f"{path}: cannot be read ({error.strerror})") from None
        except ValueError as error:
            raise UnreadableFile(f"{path}: this is no JSON ({error})") from None
        if not isinstance(own, dict) or not set(own) <= _KEYS:
            raise UserError(f"{path}: give an object with some of {', '.join(sorted(_KEYS))}")
        made |= own
    wrong = [name for name, lists in made["tests"].items() if len(lists) != 4]
    wrong += [str(pair) for pair in made["pairs"] if len(pair) != 2]
    if wrong:
        raise UserError(f"{path}: {wrong[0]}: a test has four lists of words, a pair two words")
    if not made["groups"]:
        made["groups"] = {
            "words of the first kind": [a for a, _ in made["pairs"]],
            "words of the second kind": [b for _, b in made["pairs"]],
        }
    return made


def audit(
    model: Model,
    words: Mapping[str, Any],
    texts: tuple[list[str], list[list[str]]] | None,
    groups: Sequence[Sequence[str]] | None,
    seed: int,
) -> dict[str, Any]:
    """What the tests, the groups and the swaps say of a model, as JSON holds it.

    Args:
        words: of `read_words`.
        texts: labelled ones, with the labels of each.
        groups: of each text; default by the words.
    """
    tests, left_out = audit_associations(model, words["tests"], seed)
    found: dict[str, Any] = {"associations": [asdict(test) for test in tests], "unknown": left_out}
    if texts is None:
        return found
    classifier = Classifier(model)
    lines, gold = texts
    groups = groups_by_words(lines, words["groups"]) if groups is None else groups
    overall = group_rates(classifier, lines, gold, [["all"]] * len(lines))
    rates = group_rates(classifier, lines, gold, groups)
    effect = swap_effect(classifier, lines, words["pairs"])
    return found | {
        "accuracy": overall[0].accuracy,
        "groups": [asdict(rate) for rate in rates],
        "gap": max((r.accuracy for r in rates), default=0.0) - min((r.accuracy for r in rates), default=0.0),
        "swaps": asdict(effect),
    }


def described(found: Mapping[str, Any]) -> list[str]:
    """The audit as lines for the terminal; of the model without the direction beside it."""
    after = found.get("without", {})
    lines = ["associations: effect (-2 to 2), p of chance" + ("; without the direction" if after else "")]
    others = {test["name"]: test for test in after.get("associations", [])}
    for test in found["associations"]:
        other = others.get(test["name"])
        beside = f"  ->  {other['effect']:+.2f}, p {other['p']:.3f}" if other else ""
        lines.append(f"  {test['effect']:+.2f}, p {test['p']:.3f}  {test['name']}{beside}")
    if found["unknown"]:
        lines.append(f"  too few known words: {', '.join(found['unknown'])}")
    for title, some in (("", found), ("without the direction: ", after)):
        if "accuracy" not in some:
            continue
        lines.append(f"{title}accuracy {some['accuracy']:.4f}")
        lines += [
            f"  {rate['group']}: {rate['accuracy']:.4f} ± {rate['bound']:.4f} of {rate['documents']:,}"
            for rate in some["groups"]
        ]
        swaps = some["swaps"]
        lines.append(
            f"  swapped words: {swaps['texts']:,} texts have some, {swaps['changed']:.2%} of them then get another "
            f"label; the probability moves by {swaps['shift']:.4f}"
        )
        lines += [
            f"    {a} -> {b}: {before[:60]!r} / {later[:60]!r}"
            for before, later, a, b in swaps["examples"][:3]
        ]
    if after:
        lines.append(f"written: {after['written']}")
    return lines
