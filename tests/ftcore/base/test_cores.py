"""How many cores may be used: affinity and the limits of control groups, both versions."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ftcore.base import cores


def limit(folder: Path, groups: str, files: dict[str, str]) -> float | None:
    (folder / "cgroup").write_text(groups)
    for name, content in files.items():
        (folder / "mounts" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "mounts" / name).write_text(content)
    cores._limit.cache_clear()
    return cores._limit(str(folder / "cgroup"), str(folder / "mounts"))


V1 = "12:memory:/a\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/x\n0::/docker/abc\n"


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/\n", {}, None),
        # the tightest on the way down
        ("0::/a/b\n", {"a/cpu.max": "200000 100000", "a/b/cpu.max": "max 100000"}, 2),
        ("0::/a/b\n", {"a/cpu.max": "200000 100000", "a/b/cpu.max": "50000 100000"}, 0.5),
        ("0::/not/here\n", {"cpu.max": "300000 100000"}, 3),  # the host's path, seen from a container
        ("0::/../../up\n", {"cpu.max": "300000 100000"}, 3),
        (V1, {"cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "250000\n", "cpu,cpuacct/docker/abc/cpu.cfs_period_us": "100000\n"}, 2.5),
        (V1, {"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "50000\n"}, 2),
        (V1, {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        (V1, {"unified/cpu.max": "100000 100000"}, 1),  # both versions mounted
        ("0::/\n", {"cpu.max": "0 0"}, None),
        ("0::/\n", {"cpu.max": "nonsense"}, None),
        ("", {"cpu.max": "100000 100000"}, None),
    ],
)  # fmt: skip
def test_limits_of_control_groups(tmp_path, groups, files, expected):
    assert limit(tmp_path, groups, files) == expected


def test_no_control_groups(tmp_path):
    cores._limit.cache_clear()
    assert cores._limit(str(tmp_path / "none"), str(tmp_path)) is None


@pytest.mark.parametrize(("paid", "expected"), [(None, 4), (0.2, 1), (1, 1), (1.5, 2), (3.01, 4), (64, 4)])
def test_the_lower_of_affinity_and_limit(monkeypatch, paid, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 2, 5, 7}, raising=False)
    monkeypatch.setattr(cores, "_limit", lambda groups, mounts: paid)
    assert cores.cores() == expected
    assert cores.usable_threads(None) == expected
    assert [cores.usable_threads(n) for n in (0, 1, 9)] == [1, 1, 9]


def test_without_affinity(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores.cores() == 1
