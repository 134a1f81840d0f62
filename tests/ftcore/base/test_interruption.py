"""Signals as a command takes them: an orderly end, a sure one, and the exit codes of a shell."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import indent

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = """
import ctypes, os, sys, threading, time
import ftcore.base.interruption as module
module.GRACE, module.TIDYING = 0.6, 0.3
signals = module.Interruption().install()
signals.farewell = lambda: "three stages are kept"
signals.tidy.append(lambda: (time.sleep(0.1), os.write(1, b"tidied\\n")))
signals.tidy.append(lambda: 1 / 0)
signals.orderly = True
"""
READY = "os.write(1, b'ready\\n')\n"
WORK = {
    "python": READY + "time.sleep(60)",
    # a lock taken twice: the main thread is in C for good, where Python's handlers do not run
    "compiled": "libc, lock = ctypes.CDLL(None), ctypes.create_string_buffer(64)\n"
    "libc.pthread_mutex_init(lock, None); libc.pthread_mutex_lock(lock)\n" + READY + "libc.pthread_mutex_lock(lock)",
    "swallows it": READY
    + "while True:\n    try: time.sleep(60)\n    except BaseException: pass",
    "waits for a thread": READY + "try: time.sleep(60)\nfinally: time.sleep(60)",
}  # fmt: skip


CATCH = """
try:
{body}
except KeyboardInterrupt:
    print("closed", flush=True); signals.leave()
"""  # what a command does


def as_in_a_terminal() -> None:
    """Whoever runs the tests may ignore signals (nohup), and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def start(body: str, prelude: str = COMMAND) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", prelude + body],
        cwd=ROOT,
        stdout=-1,
        stderr=-1,
        text=True,
        preexec_fn=as_in_a_terminal,
    )
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    time.sleep(0.3)  # into what it does next
    return process


CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("work", WORK)
def test_it_ends_within_the_grace_whatever_it_does(work, number):
    process = start(CATCH.format(body=indent(WORK[work], "    ")))
    begin = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err.strip()) == (CODES[number], "three stages are kept")
    assert out == ("closed\n" if work == "python" else "tidied\n"), "what is open elsewhere is closed first"
    assert time.monotonic() - begin < 4


def test_a_second_one_ends_at_once():
    process = start(WORK["compiled"].replace(READY, "module.GRACE = 60\n" + READY))
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130 and time.monotonic() - begin < 2


def test_the_same_signal_passed_on_by_make_is_no_second_one():
    process = start(
        CATCH.format(body="    " + READY + "    try: time.sleep(60)\n    finally: time.sleep(.4)")
    )
    process.send_signal(signal.SIGTERM)
    time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=20)[0] == "closed\n"


def test_before_any_work_it_ends_at_once():
    process = start(
        "signals.orderly = False\n" + WORK["compiled"].replace(READY, "module.GRACE = 60\n" + READY)
    )
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130


def test_a_job_in_the_background_keeps_ignoring_ctrl_c():
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND + CATCH.format(body="    " + READY + "    time.sleep(60)")],
        cwd=ROOT, stdout=-1, stderr=-1, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )  # fmt: skip
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    assert process.poll() is None, "a shell's background job ignores Ctrl-C"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 143


def test_a_training_ends_its_chunk_first():
    body = (
        "with signals.postponed() as asked:\n    os.write(1, b'ready\\n')\n"
        "    while not asked: time.sleep(.01)\n    print('saved', flush=True)\nsignals.leave()"
    )
    process = start(body)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "saved\n")
