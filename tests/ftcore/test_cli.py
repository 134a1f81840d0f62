"""The command line: fastText's commands byte for byte as its own binary prints them, and ftcore's own."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import ftcore
from ftcore import cli
from ftcore.cli import CLASSIC, main
from ftcore.training.start import has_linear_head
from tests.reference.peer import run_binary, run_peer

TRAIN = [
    f"__label__{'ab'[i % 2]} " + " ".join(f"{w}{'ab'[i % 2]}" for w in ("x", "y", "z", "面")[: 1 + i % 4])
    for i in range(200)
]
TEXT = "xa hello 面b\n\nzb </s> xa\n__label__a ya\n  tail"


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> SimpleNamespace:
    """train.txt, test.txt, and models of ours: s.bin (labels, all n-grams), u.bin (words), s.ftz."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "train.txt").write_text("\n".join(TRAIN) + "\n", encoding="utf-8")
    (folder / "test.txt").write_text("\n".join([*TRAIN[:20], "__label__a zb", "none", "__label__a xa"]))
    shared = {"dim": 8, "bucket": 300, "minn": 2, "maxn": 3, "verbose": 0, "thread": 1}
    model = ftcore.train_supervised(str(folder / "train.txt"), lr=0.5, wordNgrams=2, **shared)
    model.save_model(folder / "s.bin")
    model.quantize(dsub=2)
    model.save_model(folder / "s.ftz")
    ftcore.train_unsupervised(str(folder / "train.txt"), minCount=1, **shared).save_model(folder / "u.bin")
    return SimpleNamespace(folder=folder, **{p.name.replace(".", "_"): str(p) for p in folder.iterdir()})


@pytest.fixture(scope="module")
def original_models(files, tmp_path_factory) -> Path:
    """The folder of the texts of `files` and of models of the original's: s.bin, u.bin, s.ftz."""
    folder = tmp_path_factory.mktemp("originals")
    run_peer(
        "path, folder = str(given['path']), str(given['into'])\n"
        "shared = {'dim': 6, 'bucket': 300, 'minn': 2, 'maxn': 3, 'verbose': 0, 'thread': 12}\n"
        "model = fasttext.train_supervised(path, lr=0.5, wordNgrams=2, **shared)\n"
        "model.save_model(folder + '/s.bin')\n"
        "model.quantize(dsub=2)\n"
        "model.save_model(folder + '/s.ftz')\n"
        "fasttext.train_unsupervised(path, minCount=1, **shared).save_model(folder + '/u.bin')\n",
        folder,
        path=Path(files.train_txt),
    )
    for name in ("train.txt", "test.txt"):
        shutil.copy(files.folder / name, folder)
    return folder


@pytest.fixture
def originals(original_models, monkeypatch) -> SimpleNamespace:
    """Their names in the folder that is the working one: some commands print them."""
    monkeypatch.chdir(original_models)
    return SimpleNamespace(**{path.name.replace(".", "_"): path.name for path in original_models.iterdir()})


class Standard(io.TextIOWrapper):
    """Standard input or output over bytes."""


def run(arguments: list[str], monkeypatch, given: str = "") -> tuple[int, bytes]:
    """Exit code and standard output of `main`."""
    out = Standard(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", Standard(io.BytesIO(given.encode()), encoding="utf-8"))
    monkeypatch.setattr(sys, "stdout", out)
    code = main(arguments)
    out.flush()
    return code, out.buffer.getvalue()


def numbers_alike(ours: bytes, theirs: bytes) -> None:
    """The same text but for a last digit: the two add float32 numbers in different orders."""
    a, b = ours.decode().split("\n"), theirs.decode().split("\n")
    assert len(a) == len(b)
    for left, right in zip(a, b, strict=True):
        if left != right:
            words = list(zip(left.split(" "), right.split(" "), strict=True))
            for x, y in words:
                assert x == y or float(x) == pytest.approx(float(y), rel=2e-5, abs=2e-7), (left, right)


COMMANDS = [
    "test {s_bin} {test_txt}",
    "test {s_bin} {test_txt} 2",
    "test {s_bin} {test_txt} -1 0.4",
    "test {s_ftz} {test_txt}",
    "test-label {s_bin} {test_txt}",
    "test-label {s_bin} {test_txt} 1 0.999999",
    "predict {s_bin} -",
    "predict {s_bin} {test_txt} 2",
    "predict-prob {s_bin} - 2 0.1",
    "predict-prob {s_ftz} {test_txt} -1",
    "print-word-vectors {s_bin}",
    "print-word-vectors {u_bin}",
    "print-sentence-vectors {s_bin}",
    "print-sentence-vectors {u_bin}",
    "nn {u_bin}",
    "nn {u_bin} 3",
    "nn {s_bin} 2",
    "dump {s_bin} args",
    "dump {u_bin} args",
    "dump {s_bin} dict",
    "dump {s_bin} input",
    "dump {u_bin} output",
    "dump {s_ftz} args",
]


def as_paths(words: list[str]) -> list[str | Path]:
    return [Path(word) if os.path.isabs(word) or os.path.isfile(word) else word for word in words]


@pytest.mark.parametrize("command", COMMANDS)
def test_output_is_the_originals(originals, monkeypatch, command: str):
    words = command.format(**vars(originals)).split()
    given = "" if "test_txt" in command else TEXT
    if "predict" not in command:  # the original aborts where it is asked for a label's vector
        given = given.replace("__label__a", "other")
    theirs = run_binary(as_paths(words), given)
    code, shown = run(words, monkeypatch, given)
    assert code == 0
    numbers_alike(shown, theirs)


def test_analogies_are_the_originals_up_to_the_end_of_input(originals, monkeypatch):
    words = ["analogies", originals.u_bin, "3"]
    given = "xa xb yb\nza zb unknown\n"
    code, shown = run(words, monkeypatch, given)
    assert code == 0
    theirs = run_binary(as_paths(words), given, most=1000)  # it goes on with the last triple for ever
    lines = shown.split(b"\n")
    assert len(lines) > 6 and lines[-1] == b"Query triplet (A - B + C)? "
    numbers_alike(b"\n".join(lines[:-1]), b"\n".join(theirs.split(b"\n")[: len(lines) - 1]))


@pytest.mark.parametrize("command", ["supervised", "skipgram", "cbow"])
def test_training_writes_what_the_original_writes(files, monkeypatch, tmp_path, command: str):
    """But for the numbers, which hang on the machine: options and dictionary as it prints those of its own model."""
    (tmp_path / "ours").mkdir()
    output = tmp_path / "ours/m"
    words = [command, "-input", files.train_txt, "-output", str(output), "-dim", "6", "-epoch", "2", "-bucket", "50",
             "-thread", "1", "-verbose", "0", "-saveOutput", "-minCount", "1", "-t", "0.001", "-wordNgrams", "2"]  # fmt: skip
    assert run(words, monkeypatch)[0] == 0
    assert sorted(path.name for path in output.parent.iterdir()) == ["m.bin", "m.output", "m.vec"]
    theirs = tmp_path / "theirs"
    again = [str(theirs) if word == str(output) else word for word in [*words, "-thread", "12"]]
    run_binary(as_paths(again), into=tmp_path)
    for what in ("args", "dict"):
        expected = run_binary(["dump", Path(f"{theirs}.bin"), what])
        if command != "supervised":  # word n-grams have no part in word vectors: we note none
            expected = expected.replace(b"wordNgrams 2", b"wordNgrams 1")
        assert run(["dump", f"{output}.bin", what], monkeypatch)[1] == expected
    head, _, body = output.with_suffix(".vec").read_bytes().partition(b"\n")
    assert head.decode().split(" ") == [str(body.count(b"\n")), "6"]
    asked = "\n".join(line.split(" ")[0] for line in body.decode().splitlines())
    assert run(["print-word-vectors", f"{output}.bin"], monkeypatch, asked)[1] == body
    rows = output.with_suffix(".output").read_text().splitlines()
    model = ftcore.load_model(f"{output}.bin")
    assert rows[0] == f"{len(model.get_labels())} 6"
    assert [row.split(" ")[0] for row in rows[1:]] == model.get_labels()
    shown = np.array([row.split(" ")[1:-1] for row in rows[1:]], float)
    np.testing.assert_allclose(shown, model.get_output_matrix(), rtol=1e-4, atol=1e-9)


def test_quantize_writes_the_originals_file(files, monkeypatch, tmp_path):
    lines = [f"__label__{i % 3} " + " ".join(f"w{(7 * i + j) % 400}" for j in range(8)) for i in range(900)]
    (tmp_path / "t.txt").write_text("\n".join(lines) + "\n")
    train = [
        "supervised",
        "-input",
        tmp_path / "t.txt",
        "-output",
        tmp_path / "m",
        "-dim",
        "4",
        "-verbose",
        "0",
    ]
    run_binary(train, into=tmp_path)
    for flags in (["-qnorm"], ["-cutoff", "300", "-dsub", "3"]):
        words = ["quantize", "-input", str(tmp_path / "t.txt"), "-output", str(tmp_path / "m"), *flags]
        assert run(words, monkeypatch)[0] == 0
        ours = (tmp_path / "m.ftz").read_bytes()
        (tmp_path / "m.ftz").unlink()
        run_binary(as_paths(words), into=tmp_path, reads=[tmp_path / "m.bin"])
        theirs = (tmp_path / "m.ftz").read_bytes()
        assert len(ours) == len(theirs)
        if "-cutoff" not in flags:  # the original shuffles the pairs of a pruned dictionary
            assert ours == theirs
    retrained = [*words, "-retrain", "-verbose", "0"]
    assert run(retrained, monkeypatch)[0] == 0
    code, shown = run(["test", str(tmp_path / "m.ftz"), str(tmp_path / "t.txt")], monkeypatch)
    assert code == 0 and shown.startswith(b"N\t900\n")


def test_formats_worked_by_hand(files, monkeypatch):
    code, shown = run(["test", files.s_bin, files.test_txt], monkeypatch)
    assert (code, shown) == (0, b"N\t22\nP@1\t0.955\nR@1\t0.955\n")
    lines = run(["test-label", files.s_bin, files.test_txt], monkeypatch)[1].decode().splitlines()
    label = r"F1-Score : \d\.\d{6}  Precision : \d\.\d{6}  Recall : \d\.\d{6}   __label__[ab]"
    assert all(re.fullmatch(label, line) for line in lines[:2])
    assert lines[2:] == ["N\t22", "P@1\t0.955", "R@1\t0.955"]
    lines = run(["test-label", files.s_bin, files.test_txt, "1", "2"], monkeypatch)[1].decode().splitlines()
    assert lines[0] == "F1-Score : 0.000000  Precision : --------  Recall : 0.000000   __label__a"
    assert lines[-2:] == ["P@1\tnan", "R@1\t0.000"]
    assert (
        run(["predict", files.s_bin, "-"], monkeypatch, "xa ya\n\nxb\n")[1].split(b"\n")[0] == b"__label__a"
    )
    shown = run(["predict-prob", files.s_bin, "-", "2"], monkeypatch, "xa ya")[1].decode()
    assert re.fullmatch(r"__label__a 0\.\d+ __label__b 0\.\d+\n", shown)
    assert run(["predict", files.s_bin, "-", "1", "2"], monkeypatch, "xa\nxb\n")[1] == b"\n\n"
    shown = run(["nn", files.u_bin, "2"], monkeypatch, "xa\n")[1].decode()
    assert re.fullmatch(r"Query word\? (\S+ -?\d\.?\S*\n){2}Query word\? ", shown)


def test_print_ngrams_are_rows(files, monkeypatch):
    shown = run(["print-ngrams", files.u_bin, "xa"], monkeypatch)[1].decode().splitlines()
    model = ftcore.load_model(files.u_bin)
    names, rows = model.get_subwords("xa")
    assert [line.split(" ")[0] for line in shown] == names
    values = np.array([line.split(" ")[1:-1] for line in shown], float)
    np.testing.assert_allclose(values, [model.get_input_vector(row) for row in rows], rtol=1e-4)


@pytest.mark.parametrize(
    "words,message",
    [
        (["supervised", "-input", "x"], "error: Empty input or output path."),
        (["supervised", "input", "x"], "error: Provided argument without a dash: 'input'! Usage:"),
        (["skipgram", "-foo", "1"], "error: Unknown argument: -foo"),
        (["cbow", "-input"], "error: -input is missing an argument"),
        (["cbow", "-dim", "1e3"], "error: -dim 1e3: not a whole number"),
        (["supervised", "-loss", "mse"], "error: Unknown loss: mse"),
        (["supervised", "-lr", "quick"], "error: -lr quick: not a number"),
        (["supervised", "-input", "{train_txt}", "-output", "{folder}/o", "-head", "auto"], "error: head = auto: give autotuneValidationFile"),
        (["supervised", "-input", "x", "-output", "{folder}/o", "-class-weights", "{{a: 1"], "error: -class-weights:1: not valid YAML"),
        (["supervised", "-input", "x", "-output", "{folder}/o", "-strength", "much"], "error: strength = 'much': Input should be a valid number"),
        (["cbow", "-input", "x", "-output", "{folder}/o", "-head", "linear"], "error: unexpected keyword argument 'head'"),
        (["quantize", "-h"], "error: Here is the help! Usage:"),
        (["supervised", "-input", "/nowhere.txt", "-output", "{folder}/o"], "error: /nowhere.txt cannot be opened for training!"),
        (["supervised", "-input", "x", "-output", "/nowhere/o"], "error: /nowhere/o.bin cannot be opened for saving!"),
        (["skipgram", "-input", "x", "-output", "{folder}/o", "-autotune-duration", "1"], "error: unexpected keyword argument 'autotuneDuration'"),
        (["quantize", "-input", "x", "-output", "{folder}/nothing"], "error: {folder}/nothing.bin"),
        (["test"], "error: usage: ftcore test <model> <test-data> [<k>] [<th>]"),
        (["test", "{s_bin}", "/nowhere"], "error: Test file cannot be opened!"),
        (["test", "{s_bin}", "{test_txt}", "0"], "error: k needs to be 1 or higher!"),
        (["test", "{s_bin}", "{test_txt}", "two"], "error: 'two' is not a whole number"),
        (["predict", "{s_bin}", "/nowhere"], "error: Input file cannot be opened!"),
        (["predict", "{u_bin}", "{test_txt}"], "error: Model needs to be supervised for prediction!"),
        (["predict", "/nowhere.bin", "-"], "error: /nowhere.bin cannot be opened for loading!"),
        (["predict", "{train_txt}", "-"], "error: {train_txt} has wrong file format!"),
        (["nn"], "error: usage: ftcore nn <model> [<k>]"),
        (["nn", "{u_bin}", "0"], "error: k needs to be 1 or higher!"),
        (["analogies", "{u_bin}", "-2"], "error: k needs to be 1 or higher!"),
        (["print-ngrams", "{u_bin}"], "error: usage: ftcore print-ngrams <model> <word>"),
        (["dump", "{u_bin}", "everything"], "error: usage: ftcore dump <model> <option>"),
    ],
)  # fmt: skip
def test_errors_are_one_line_and_exit_code_1(files, capsys, words: list[str], message: str):
    names = {**vars(files), "folder": str(files.folder)}
    assert main([word.format(**names) for word in words]) == 1
    assert capsys.readouterr().err.startswith(message.format(**names))


def test_what_is_ours_alone_has_flags_too(files, capsys, tmp_path):
    def trained(*words: str) -> ftcore.compat._FastText:
        given = ["-input", files.train_txt, "-output", str(tmp_path / "m"), "-verbose", "0"]
        assert main(["supervised", *given, *words]) == 0, capsys.readouterr().err
        return ftcore.load_model(tmp_path / "m.bin")

    (tmp_path / "words.yaml").write_text("a: [splendid]\nb: [awful]\n")
    more = [
        "-strength",
        "3",
        "-class-weights",
        "{a: 2}",
        "-refit",
        "-lexicon-weight",
        "2",
        "-lexicon",
        str(tmp_path / "words.yaml"),
    ]
    model = trained("-head", "linear", "-valid", files.test_txt, *more)
    assert has_linear_head(model.classic)
    named = {
        "strength": 3,
        "class_weights": {"a": 2},
        "refit": True,
        "lexicon_weight": 2,
        "lexicon": tmp_path / "words.yaml",
    }
    same = ftcore.train_supervised(files.train_txt, head="linear", valid=files.test_txt, verbose=0, **named)
    assert np.array_equal(model.get_input_matrix(), same.get_input_matrix())
    assert model.predict("splendid")[0] == ("__label__a",)
    more = trained("-head", "linear", "-init-model", str(tmp_path / "m.bin"))
    assert "splendid" in more.words
    found = trained("-head", "auto", "-autotune-validation", files.test_txt, "-autotune-duration", "1")
    assert found.predict("xa ya")[0] == ("__label__a",)


def test_a_quantised_model_has_no_matrix_to_dump(files, capsys):
    assert main(["dump", files.s_ftz, "input"]) == 0
    assert capsys.readouterr().err == "Not supported for quantized models.\n"


def test_no_failed_command_leaves_an_empty_model(files, capsys, tmp_path):
    assert main(["supervised", "-input", "/nowhere", "-output", str(tmp_path / "m")]) == 1
    assert not list(tmp_path.iterdir())


def test_words_on_the_command_line_and_k(files, capsys):
    assert main(["nn", files.u_bin, "xa", "面b", "-k", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["xa", "面b"] and len(lines) == 6


def test_models_of_ours_take_raw_text(tmp_path, monkeypatch, capsys):
    model = ftcore.FastText.from_texts(
        ["好看的电影"] * 3 + ["boring film"] * 3, ["good"] * 3 + ["bad"] * 3, dim=8
    )
    model.fit([("好看的电影", "good"), ("boring film", "bad")] * 20, lr=0.5, epochs=10)
    model.save(tmp_path / "m")
    path = str(tmp_path / "m")
    texts = ["这电影好看。", "Boring FILM!"]
    shown = run(["predict", path, "-"], monkeypatch, "\n".join(texts))[1].decode().splitlines()
    assert shown == [found.labels[0] for found in model.predict(texts)] == ["good", "bad"]
    shown = run(["predict-prob", path, "-", "2"], monkeypatch, texts[0])[1].decode().split()
    assert float(shown[1]) == pytest.approx(model.predict(texts[0])[0].probabilities[0] + 1e-5, abs=1e-5)
    labelled = "__label__good 好看的电影\n__label__bad Boring FILM\n"
    assert run(["test", path, "-"], monkeypatch, labelled)[1] == b"N\t2\nP@1\t1\nR@1\t1\n"
    about = json.loads(run(["info", path], monkeypatch)[1])
    assert about["kind"] == "supervised" and set(about["labels"]) == {"good", "bad"} and about["tokenizer"]


def test_info_of_what_is_installed(monkeypatch):
    from ftcore import native

    about = json.loads(run(["info"], monkeypatch)[1])
    assert about["ftcore"] == ftcore.__version__ and about["processor"] == native.PROCESSOR
    assert about["processors"] == {n: "supported" if here else "not here" for n, here in native.PROCESSORS}
    assert about["processors"][about["processor"]] == "supported" and about["cores"] >= 1
    import torch

    assert (
        about["torch"].split("+")[0] == torch.__version__.split("+")[0]
        and about["cuda"] == torch.version.cuda
    )


def test_info_of_a_file(files, monkeypatch):
    about = json.loads(run(["info", files.s_ftz], monkeypatch)[1])
    assert (
        about["quantized"] is True and about["labels"] == ["__label__a", "__label__b"] and about["dim"] == 8
    )


def test_own_commands(monkeypatch, tmp_path):
    code, shown = run(["options"], monkeypatch)
    assert code == 0 and b"pretrain.dim = 100" in shown
    (tmp_path / "t.txt").write_text("我爱北京\nGood film\n", encoding="utf-8")
    assert run(["tokenize", str(tmp_path / "t.txt")], monkeypatch)[1].decode() == "我 爱 北京\ngood film\n"


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in CLASSIC) and "tokenize" in shown


@pytest.mark.parametrize("command", [*CLASSIC, *cli.COMMANDS])
def test_every_command_has_a_help_that_is_no_error(capsys, command: str):
    try:
        code = main([command, "--help"])
    except SystemExit as stop:  # argparse's
        code = stop.code or 0
    out, err = capsys.readouterr()
    assert code == 0 and err == "" and out.startswith(f"usage: ftcore {command.removesuffix('-prob')}")
    assert len(out.splitlines()) > 1
