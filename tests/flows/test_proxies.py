"""Proxies in the environment, and servers that do not answer: loopback is asked directly, or one line is said."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

import flows.embedded as embedded
from flows.children import environment
from flows.embedded import require_server
from flows.proxies import is_loopback, spare_loopback, unusable
from ftcore.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
DEAD = "127.0.0.1:9"  # nobody's: whoever is asked through it fails
PROXIES = {
    "http": {"http_proxy": f"http://{DEAD}", "HTTPS_PROXY": f"http://{DEAD}"},
    "all": {"ALL_PROXY": f"http://{DEAD}"},
    "socks": {"ALL_PROXY": f"socks5://{DEAD}", "all_proxy": f"socks5h://{DEAD}"},
    "unknown": {"ALL_PROXY": f"ftp://{DEAD}"},
    "with exceptions": {"http_proxy": f"http://{DEAD}", "no_proxy": "intern.example", "NO_PROXY": "other.example"},
}  # fmt: skip
ASK = """
import sys, urllib.request
import flows
import httpx, requests
from flows.proxies import loopback_without_proxies
url = sys.argv[1] + "/health"
assert urllib.request.urlopen(url, timeout=20).status == 200
assert requests.get(url, timeout=20).status_code == 200
with loopback_without_proxies():
    assert httpx.get(url, timeout=20).status_code == 200
print("answered")
"""


@pytest.mark.flow
@pytest.mark.parametrize("kind", PROXIES)
def test_this_machines_servers_are_asked_directly(kind, prefect_api):
    """By all three libraries that ask: urllib (ours), httpx (Prefect), requests (MLflow)."""
    kept = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    words = [sys.executable, "-c", ASK, prefect_api]
    done = subprocess.run(words, cwd=ROOT, env=kept | PROXIES[kind], capture_output=True, text=True)
    assert done.stdout == "answered\n", done.stderr[-2000:]


@pytest.mark.parametrize("kind", PROXIES)
def test_a_childs_environment_spares_loopback_and_keeps_the_rest(kind, monkeypatch):
    for name in [n for n in os.environ if n.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name, value in PROXIES[kind].items():
        monkeypatch.setenv(name, value)
    made = environment()
    assert (
        {"localhost", "127.0.0.1", "::1"}
        <= set(made["no_proxy"].split(","))
        == set(made["NO_PROXY"].split(","))
    )
    if kind == "with exceptions":
        assert "intern.example" in made["no_proxy"], "lower case comes first, as in curl and Python"
    if kind in ("http", "all"):
        assert PROXIES[kind].items() <= made.items(), "other machines are asked through it as before"
    assert not unusable(made)


def test_a_proxy_for_nothing_stays_one():
    assert spare_loopback({"NO_PROXY": "*"})["no_proxy"] == "*"
    assert is_loopback("http://localhost:4200/api") and not is_loopback("http://10.0.0.1/api")


@pytest.mark.flow
@pytest.mark.parametrize("kind", ["nobody listens", "nobody answers", "no such name", "another server"])
def test_a_prefect_api_url_without_a_server_is_one_line_at_once(kind, monkeypatch):
    monkeypatch.setattr(embedded, "ANSWER_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/api"
        if kind == "nobody listens":
            server.close()
        elif kind == "no such name":
            url = "http://no-such-host.invalid:4200/api"
        elif kind == "another server":
            url = answering_404(monkeypatch)
        begin = time.monotonic()
        with pytest.raises(UserError) as error:
            require_server(url)
    assert time.monotonic() - begin < 10
    text = str(error.value)
    assert "\n" not in text and text.startswith(f"PREFECT_API_URL {url}: no Prefect server answers there (")
    assert "unset PREFECT_API_URL" in text
    assert ("ends in /api" in text) == (kind == "another server")


def answering_404(monkeypatch) -> str:
    def refuse(url: str, timeout: float):
        raise urllib.error.HTTPError(url, 404, "Not Found", {}, None)

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    return "http://127.0.0.1:1/nothing"


@pytest.mark.skipif(importlib.util.find_spec("socksio") is not None, reason="httpx can use SOCKS here")
def test_a_remote_server_behind_an_unusable_proxy_names_it(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://proxy.example:1080")
    with pytest.raises(UserError, match=r"ALL_PROXY=socks5://proxy.example:1080: .*`httpx\[socks\]`"):
        require_server("https://prefect.example/api")
