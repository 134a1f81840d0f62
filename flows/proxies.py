"""Proxies of the environment (HTTP_PROXY, ALL_PROXY, …) never stand before this machine's own servers.

Prefect (httpx), MLflow (requests) and urllib all read these variables and heed NO_PROXY, but httpx refuses to
work at all where one of them names a kind of proxy that it cannot use.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from urllib.parse import urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "::1")
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def spare_loopback(environment: Mapping[str, str]) -> dict[str, str]:
    """NO_PROXY as it has to be, in both spellings.

    Example:
        >>> spare_loopback({"NO_PROXY": "intern.example"})["no_proxy"]
        'intern.example,localhost,127.0.0.1,::1'
    """
    given = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    hosts = [h.strip() for h in given.split(",") if h.strip()]
    value = ",".join(hosts if "*" in hosts else [*hosts, *(h for h in LOOPBACK if h not in hosts)])
    return {"no_proxy": value, "NO_PROXY": value}


def unusable(environment: Mapping[str, str]) -> list[str]:
    """Variables with a proxy that httpx refuses: of an unknown kind, or SOCKS without its package.

    Example:
        >>> unusable({"ALL_PROXY": "ftp://proxy:21", "http_proxy": "proxy:3128"})
        ['ALL_PROXY']
    """
    kinds = {"http", "https", *(("socks5", "socks5h") if find_spec("socksio") else ())}
    given = {name: environment.get(name, "") for name in VARIABLES}
    return [n for n, v in given.items() if "://" in v and urlsplit(v).scheme.lower() not in kinds]


def without_unusable(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for whoever talks to this machine's servers alone."""
    bad = unusable(environment)
    return {name: value for name, value in environment.items() if name not in bad}


@contextmanager
def loopback_without_proxies() -> Iterator[None]:
    """Leave out the proxies that httpx refuses: it looks at all of them, also for this machine's servers."""
    kept = {name: os.environ.pop(name) for name in unusable(os.environ)}
    try:
        yield
    finally:
        os.environ.update(kept)


def shell_prefix(environment: Mapping[str, str]) -> str:
    """What a command that is typed needs before it to reach this machine's servers; "" without proxies.

    Example:
        >>> shell_prefix({"HTTP_PROXY": "http://proxy:3128"}), shell_prefix({})
        ('NO_PROXY=localhost,127.0.0.1 ', '')
    """
    if not any(environment.get(name) for name in VARIABLES):
        return ""
    bad = " ".join(f"-u {name}" for name in unusable(environment))
    return (f"env {bad} " if bad else "") + "NO_PROXY=localhost,127.0.0.1 "


def is_loopback(url: str) -> bool:
    """Whether an address is this machine's own.

    Example:
        >>> is_loopback("http://127.0.0.1:4200/api"), is_loopback("https://mlflow.example/")
        (True, False)
    """
    host = urlsplit(url).hostname or ""
    return host in LOOPBACK or host.startswith("127.")
