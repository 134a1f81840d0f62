import errno
import json
import os
import subprocess
import sys

import pytest

from ftcore.base import files
from ftcore.errors import UserError


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_atomic_write_replaces_whole_files_and_leaves_no_temporary(tmp_path):
    target = tmp_path / "deep" / "a.bin"
    files.atomic_write_bytes(target, b"one")
    files.atomic_write_bytes(target, b"two")
    assert target.read_bytes() == b"two"
    assert names(target.parent) == ["a.bin"]


def test_an_error_while_writing_keeps_the_old_file(tmp_path):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with pytest.raises(RuntimeError), files.atomic_file(target) as file:
        file.write(b"half")
        raise RuntimeError
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_json_is_canonical(tmp_path):
    files.atomic_write_json(tmp_path / "a.json", {"b": 1, "a": "中"})
    files.atomic_write_json(tmp_path / "b.json", {"a": "中", "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert json.loads((tmp_path / "a.json").read_bytes()) == {"a": "中", "b": 1}


def test_atomic_directory_appears_whole_and_replaces(tmp_path):
    target = tmp_path / "out"
    for value in ("1", "2"):
        with files.atomic_directory(target) as folder:
            assert not (target / f"new{value}").exists()
            (folder / "sub").mkdir()
            (folder / "sub" / f"new{value}").write_text(value)
    assert names(target / "sub") == ["new2"]
    assert names(tmp_path) == ["out"]


def test_atomic_directory_keeps_the_old_one_on_error(tmp_path):
    target = tmp_path / "out"
    with files.atomic_directory(target) as folder:
        (folder / "a").write_text("1")
    with pytest.raises(KeyboardInterrupt), files.atomic_directory(target) as folder:
        (folder / "b").write_text("2")
        raise KeyboardInterrupt
    assert names(target) == ["a"] and names(tmp_path) == ["out"]


def test_atomic_directory_puts_the_old_one_back_when_the_rename_fails(tmp_path, monkeypatch):
    target = tmp_path / "out"
    with files.atomic_directory(target) as folder:
        (folder / "a").write_text("1")
    real, calls = os.rename, []

    def rename(source, destination):
        calls.append(source)
        if len(calls) == 2:
            raise OSError(errno.EIO, "broken")
        real(source, destination)

    monkeypatch.setattr(files.os, "rename", rename)
    with pytest.raises(OSError, match="broken"), files.atomic_directory(target) as folder:
        (folder / "b").write_text("2")
    assert names(target) == ["a"] and names(tmp_path) == ["out"]


def test_kill_9_leaves_only_temporaries_which_remove_stale_sweeps(tmp_path):
    code = f"""
import os
from pathlib import Path
from ftcore.base import files
with files.atomic_directory(Path({str(tmp_path)!r}) / "x" / "out") as folder:
    (folder / "half").write_text("half")
    other = files.atomic_file(Path({str(tmp_path)!r}) / "a.bin")
    file = other.__enter__()
    file.write(b"half")
    os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    assert not (tmp_path / "x" / "out").exists() and not (tmp_path / "a.bin").exists()
    (tmp_path / "x" / "mine").write_text("stays")
    assert len(files.remove_stale(tmp_path)) == 2
    assert names(tmp_path) == ["x"] and names(tmp_path / "x") == ["mine"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_explained(tmp_path, number):
    with pytest.raises(UserError) as caught, files.atomic_directory(tmp_path / "out"):
        raise OSError(number, os.strerror(number))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'out'}: disk")
    assert "bytes are free" in message and "store=" in message
    assert names(tmp_path) == []


def test_other_errors_pass_unchanged(tmp_path):
    with pytest.raises(PermissionError), files.explain_full_disk(tmp_path):
        raise PermissionError(errno.EACCES, "no")


def test_a_really_full_device_is_explained(monkeypatch, tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    monkeypatch.setattr(files, "open_sink", lambda path: open("/dev/full", "wb"))  # noqa: SIM115
    with pytest.raises(UserError, match="a.bin: disk full"):
        files.atomic_write_bytes(tmp_path / "a.bin", b"x")
    assert names(tmp_path) == []


def test_free_bytes_of_a_place_that_does_not_exist_yet(tmp_path):
    assert files.free_bytes(tmp_path / "not" / "yet") > 0


def test_sha256_of_a_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert files.sha256_file(tmp_path / "a").startswith("ba7816bf8f01cfea")
