"""Addresses of files that lie elsewhere (``s3://…``, ``https://…``), and how to show one without its secrets."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
_USER = re.compile(r"^[^/?#@]*:[^/?#@]*@|^[^/?#@]+@")  # of what follows the ://
_SECRETS = re.compile(r"(?i)sig|token|key|secret|password|passwd|credential|expires|policy|auth")
# hf:// has @ for a revision and bucket names of others may; these have users before it
_WITH_USERS = {"http", "https", "ftp", "sftp", "ssh", "smb", "webhdfs", "s3", "s3a"}
SECRET = (
    "an address with a password or a signature in it, which would be logged; leave that out and name it by "
    '`credentials` (env:NAME, the options of fsspec as JSON: {"params": {…}} for a query over http)'
)


def is_remote(path: str) -> bool:
    """Whether a path is an address.

    Example:
        >>> is_remote("s3://bucket/a.txt"), is_remote("a/b.txt"), is_remote("file:///a")
        (True, False, False)
    """
    return protocol_of(path) not in ("", "file", "local")


def protocol_of(address: str) -> str:
    """What stands before ``://``, in small letters.

    Example:
        >>> protocol_of("S3://bucket/a.txt"), protocol_of("a/b.txt")
        ('s3', '')
    """
    found = _ADDRESS.match(address)
    return found[1].lower() if found else ""


def holds_secret(path: str) -> bool:
    """Whether an address holds what `shown` leaves out."""
    return is_remote(path) and shown(path) != path


def shown(address: str) -> str:
    """An address without user, password and those words of its query that may be a key to it.

    Example:
        >>> shown("https://me:secret@host/a.txt?version=3&X-Amz-Signature=abc")
        'https://host/a.txt?version=3'
    """
    protocol = protocol_of(address)
    if not is_remote(address):
        return address
    head, rest = address[: len(protocol) + 3], address[len(protocol) + 3 :]
    if protocol in _WITH_USERS:
        rest = _USER.sub("", rest)
    if protocol in ("http", "https"):
        rest, _, query = rest.partition("#")[0].partition("?")
        words = [word for word in query.split("&") if word and not _SECRETS.search(word.partition("=")[0])]
        rest += "?" + "&".join(words) if words else ""
    return head + rest
