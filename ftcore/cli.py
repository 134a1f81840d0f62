"""The `ftcore` command: fastText's own commands, and a look into text and models without a pipeline.

``ftcore supervised -input F -output M`` and the other commands of fastText are in `ftcore.compat.command_line`;
``options`` lists every option of the pipeline, ``tokenize`` and ``info`` work on text and models, ``prepare``,
``inspect`` and ``store`` on corpora; ``zero-shot`` makes a classifier of seed words, ``explain`` says why a text got its
label, ``robustness`` what noise costs, ``audit`` whether a model is biased, ``label-next`` which texts to
label; ``align`` puts vectors of two languages into one space, ``retrofit`` draws them to those of related words;
``augment`` makes more documents out of a file's, ``merge`` one model of a task's adapter and its table.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from ftcore.errors import UserError

_HELP = """fastText models for Chinese and English

fastText's commands:
  supervised              train a supervised classifier
  quantize                quantize a model to reduce the memory usage
  test                    evaluate a supervised classifier
  test-label              print labels with precision and recall scores
  predict                 predict most likely labels
  predict-prob            predict most likely labels with probabilities
  skipgram                train a skipgram model
  cbow                    train a cbow model
  print-word-vectors      print word vectors given a trained model
  print-sentence-vectors  print sentence vectors given a trained model
  print-ngrams            print ngrams given a trained model and word
  nn                      query for nearest neighbors
  analogies               query for analogies
  dump                    dump arguments,dictionary,input/output vectors
"""
CLASSIC = tuple(line.split()[0] for line in _HELP.splitlines()[3:])


# by name: the module of `ftcore.commands` that has it, and what of it; only the one asked for is imported
COMMANDS = {
    "options": ("looks", "show_options"),
    "tokenize": ("looks", "show_tokens"),
    "info": ("looks", "show_info"),
    "prepare": ("corpora", "run_prepare"),
    "inspect": ("corpora", "run_inspect"),
    "store": ("corpora", "run_store"),
    "zero-shot": ("few_labels", "run_zero_shot"),
    "label-next": ("few_labels", "run_label_next"),
    "align": ("few_labels", "run_align"),
    "retrofit": ("few_labels", "run_retrofit"),
    "augment": ("few_labels", "run_augment"),
    "merge": ("adapters", "run_merge"),
    "explain": ("trust", "run_explain"),
    "robustness": ("trust", "run_robustness"),
    "audit": ("bias", "run_audit"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; exit code 0, or 1 after a one-line error (and the usage where words are wrong).

    Example:
        ``echo 我爱北京 | ftcore tokenize`` prints ``我 爱 北京``.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words and words[0] in CLASSIC:
            _numpy_alone()
            from ftcore.compat.command_line.commands import help_of, run

            if "--help" in words[1:]:
                print(help_of(words[0]))
            else:
                run(words[0], words[1:])
            sys.stdout.flush()
        else:
            from importlib import import_module

            from ftcore.commands.parser import command_parser

            given = command_parser(_HELP).parse_args(words)
            module, function = COMMANDS[given.command]
            getattr(import_module(f"ftcore.commands.{module}"), function)(given)
    except UserError as error:
        sys.stdout.flush()
        print(f"error: {error}", file=sys.stderr)
        if help := getattr(error, "help", ""):
            print(help, file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader has gone; nothing is to be written to it at exit either
        sys.stdout = None
        return 130
    except KeyboardInterrupt:
        return 130
    return 0


def _numpy_alone() -> None:
    """Import numpy without the threads of its linear algebra, which no command uses: .04 CPU s of .2."""
    name = "OPENBLAS_NUM_THREADS"
    if "numpy" in sys.modules or name in os.environ:
        return
    os.environ[name] = "1"
    try:
        import numpy  # noqa: F401
    finally:
        del os.environ[name]


if __name__ == "__main__":
    sys.exit(main())
