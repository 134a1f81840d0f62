"""Files that lie elsewhere, under ``s3://``, ``http(s)://``, ``hf://`` and whatever else fsspec opens.

Here they are found and told apart; `ftcore.reading.fetched` brings their bytes to this disk. Names that are shown or
stored are addresses without what could be a secret. Credentials are those of the environment, as each service's own
programs read them, or options that `Source.credentials` names: ``env:NAME``, a variable that holds them as JSON, or
a Prefect block, which the flows hand in with `give`.
"""

from __future__ import annotations

import json
import logging
import os
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from ftcore.base.addresses import protocol_of, shown
from ftcore.base.threads import at_once
from ftcore.errors import UnreadableFile, UserError

T = TypeVar("T")
_NEEDS = {  # what opens a protocol, and the extra that installs it
    "s3": ("s3fs", "s3"),
    "s3a": ("s3fs", "s3"),
    "http": ("aiohttp", "http"),
    "https": ("aiohttp", "http"),
    "hf": ("huggingface_hub", "hf"),
}
_ACCESS = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_PROFILE)",
    "hf": "set HF_TOKEN, and accept the data set's terms if it has some",
}
_CONNECT, _READ = 20, 60  # seconds until an answer, and between two pieces of one
_AT_ONCE = 16  # questions for sizes
TRIES = 6  # of a question, or of a fetch that gets no byte further
WAIT, LONGEST = 0.5, 30.0  # seconds before the second try, doubled each time up to the longest

_given: dict[str, dict[str, Any]] = {}  # what flows read from blocks: secrets are handed on in memory alone
_systems: dict[tuple[int, str, str], Any] = {}  # connections are kept open from file to file


@dataclass(frozen=True)
class RemoteFile:
    """A file elsewhere: its size in bytes (-1: not told) and what changes with its content ("": nothing does)."""

    address: str
    size: int
    version: str


def give(name: str, options: dict[str, Any]) -> None:
    """Hand in the options of fsspec that `Source.credentials` calls by this name."""
    _given[name] = dict(options)


def options_of(credentials: str, protocol: str) -> dict[str, Any]:
    """The options of fsspec that hold a source's credentials.

    Raises:
        UserError: a variable that is not set or holds no JSON object; a block that nobody read.
    """
    if credentials in _given:
        return dict(_given[credentials])
    if not credentials:
        return {}
    kind, _, name = credentials.partition(":")
    if kind != "env":
        raise UserError(
            f"credentials: {credentials}: a Prefect block, which flows read; here name a variable of the "
            "environment (env:NAME) that holds the options as JSON, or leave it out"
        )
    text = os.environ.get(name, "")
    if not text:
        raise UserError(
            f"credentials: env:{name}: the environment has no such variable; set it, or leave it out"
        )
    return parsed_options(text, f"env:{name}", protocol)


def parsed_options(text: str, name: str, protocol: str) -> dict[str, Any]:
    """Options of fsspec from the text of a secret: a JSON object, or a bare token for ``hf`` and ``http(s)``.

    Raises:
        UserError: it is neither. The text itself is never shown.
    """
    try:
        options = json.loads(text)
    except ValueError:
        options = None
    if isinstance(options, dict):
        return options
    if options is None and protocol == "hf":
        return {"token": text}
    if options is None and protocol in ("http", "https"):
        return {"headers": {"Authorization": f"Bearer {text}"}}
    raise UserError(
        f'credentials: {name}: not the JSON object that {protocol}:// takes, such as {{"key": "…", "secret": "…"}}; '
        "set it to one"
    )


def filesystem(address: str, credentials: str = "", fresh: bool = False) -> Any:
    """What opens an address: a file system of fsspec, one for all files of a protocol and credentials.

    Args:
        fresh: a new one, which knows of no earlier answers and reads the environment as it is now.

    Raises:
        UserError: an unknown protocol, a package that is not installed (with the extra that installs it).
    """
    protocol = protocol_of(address)
    known = (os.getpid(), protocol, credentials)
    if known in _systems and not fresh:
        return _systems[known]
    module, extra = _NEEDS.get(protocol, ("", ""))
    try:
        import fsspec

        options = _merged(_defaults(protocol), options_of(credentials, protocol))
        _systems[known] = fsspec.filesystem(protocol, skip_instance_cache=True, **options)
        return _systems[known]
    except ImportError:
        how = (
            f'pip install "ftcore[{extra}]"' if extra else f"pip install what fsspec needs for {protocol}://"
        )
        raise UserError(
            f"{shown(address)}: {protocol}:// needs the package {module or 'of its own'}; {how}"
        ) from None
    except UserError:
        raise
    except ValueError:
        raise UserError(
            f"{shown(address)}: unknown protocol {protocol}://; known are s3://, http(s)://, hf:// and those of fsspec"
        ) from None
    except TypeError as error:
        raise UserError(
            f"credentials: {credentials}: an option that {protocol}:// does not take ({error})"
        ) from None


def _defaults(protocol: str) -> dict[str, Any]:
    """Lists are asked anew and a server that falls silent is left; repeated is what failed in `fetched`, once."""
    if protocol in ("s3", "s3a"):
        config = {"connect_timeout": _CONNECT, "read_timeout": _READ, "retries": {"max_attempts": 1}}
        return {"config_kwargs": config, "use_listings_cache": False}
    if protocol in ("http", "https"):
        import aiohttp

        patience = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=_READ)
        return {"client_kwargs": {"timeout": patience, "trust_env": True}, "use_listings_cache": False}
    if protocol == "hf":
        # it repeats questions itself, and says so with the addresses that the Hub signs for a file
        logging.getLogger("huggingface_hub.utils._http").setLevel(logging.ERROR)
        return {"endpoint": os.environ["HF_ENDPOINT"]} if os.environ.get("HF_ENDPOINT") else {}
    return {}


def _merged(options: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    both = options | more
    for name in ("client_kwargs", "config_kwargs"):
        if name in options and name in more:
            both[name] = options[name] | more[name]
    return both


# -------------------------------------------------------------------------------------- errors
def reason_of(error: BaseException) -> BaseException:
    """What lies behind an error: fsspec calls every failed question over http a file that is not there."""
    behind = error.__cause__
    return behind if isinstance(error, FileNotFoundError) and behind is not None else error


def status_of(error: BaseException) -> int:
    """The status that a server answered with; 0 where it did not come to that."""
    found = getattr(error, "status", None) or getattr(getattr(error, "response", None), "status_code", None)
    if found is None and isinstance(getattr(error, "response", None), dict):
        found = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")  # type: ignore[attr-defined]
    return found if isinstance(found, int) else 0


def is_missing(error: BaseException) -> bool:
    """Whether an error says that there is no such file."""
    error = reason_of(error)
    return isinstance(error, FileNotFoundError) or status_of(error) in (404, 410)


def is_refused(error: BaseException) -> bool:
    """Whether an error says that these credentials, or none, are not enough."""
    error = reason_of(error)
    names = {kind.__name__ for kind in type(error).__mro__}
    return (
        isinstance(error, PermissionError)
        or status_of(error) in (401, 403)
        or bool(
            names & {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "GatedRepoError"}
        )
    )


def is_final(error: BaseException) -> bool:
    """Whether to ask again is no use."""
    error = reason_of(error)
    if (
        is_missing(error)
        or is_refused(error)
        or isinstance(error, UserError | TypeError | NotImplementedError)
    ):
        return True
    return 400 <= status_of(error) < 500 and status_of(error) not in (408, 416, 425, 429)


def explained(error: BaseException, address: str, tries: int = 1) -> UnreadableFile:
    """What a failed access means, in words without secrets: of the error only its kind and status are told."""
    error = reason_of(error)
    place, protocol = shown(address), protocol_of(address).removesuffix("a")
    told = f"{type(error).__name__}{f', status {status_of(error)}' if status_of(error) else ''}"
    if is_missing(error):
        return UnreadableFile(f"{place}: no such file or folder; check the address")
    if is_refused(error):
        access = _ACCESS.get(protocol, "give credentials in the environment")
        return UnreadableFile(
            f"{place}: access refused ({told}); {access}, or name them by `credentials` of the source"
        )
    again = f" in {tries} tries" if tries > 1 else ""
    return UnreadableFile(
        f"{place}: cannot be read{again} ({told}); check the address and the connection, then run again: what has "
        "come is kept"
    )


def tries_for(address: str) -> int:
    """How often to try: the Hub's own client already does so six times each."""
    return min(TRIES, 3) if protocol_of(address) == "hf" else TRIES


def wait(tried: int) -> None:
    """Twice as long each time, and never two callers in step."""
    time.sleep(min(LONGEST, WAIT * 2 ** (tried - 1)) * random.uniform(0.5, 1.0))


def patiently(ask: Callable[[], T], address: str) -> T:
    """The answer to a question that is asked again where it fails by chance.

    Raises:
        FileNotFoundError: there is no such file.
        UserError: it fails for good, or each time.
    """
    tries = tries_for(address)
    for tried in range(1, tries + 1):
        try:
            return ask()
        except Exception as error:
            if isinstance(error, UserError):
                raise
            if is_missing(error):
                raise FileNotFoundError(shown(address)) from None
            if is_final(error) or tried == tries:
                raise explained(error, address, tried) from None
        wait(tried)
    raise AssertionError


# ------------------------------------------------------------------------------------- finding
def find_remote(
    address: str, wanted: Callable[[str], bool], credentials: str = ""
) -> tuple[str, list[tuple[str, RemoteFile]], Counter[str]]:
    """The files that an address means: itself, all in its folder, or those that match it as a pattern.

    Args:
        address: with * ? [ ] and ``**`` (no ? in http, where it begins a query); over http a folder ends with a
            slash and is a page of links.
        wanted: by its name, which file of a folder is taken.

    Returns:
        What it is (file, folder, pattern, or "" for nothing), (path below the root, file) in their order, and what
        was left out.

    Raises:
        UserError: it cannot be asked: no access, no connection, a package that is missing.
    """
    system = filesystem(address, credentials, fresh=True)
    try:
        kind, root, found = patiently(lambda: _found(system, address), address)
    except FileNotFoundError:
        return "", [], Counter()
    left_out: Counter[str] = Counter()
    files = []
    for path, about in sorted(found.items()):
        relative = _below(root, path)
        if any(part.startswith(".") for part in relative.split("/")):
            continue
        if kind == "folder" and not wanted(relative):
            suffix = os.path.splitext(relative)[1].lower()
            left_out[f"*{suffix}" if suffix else "files without a suffix"] += 1
            continue
        files.append((relative, system.unstrip_protocol(path), about))
    return kind, _described(system, files, address), left_out


def _found(system: Any, address: str) -> tuple[str, str, dict[str, dict[str, Any]]]:
    """(kind, root, {path: what is known of it})."""
    path = system._strip_protocol(address)
    http = protocol_of(address) in ("http", "https")
    magic = r"[*\[]" if http else r"[*?\[]"
    if not http or not (re.search(magic, path) or address.endswith("/")):
        try:
            about = system.info(path)
        except FileNotFoundError:
            if not re.search(magic, path):
                raise
        else:
            if about.get("type") != "directory":
                return "file", path.rpartition("/")[0], {path: about}
            found = system.find(path, detail=True)
            return "folder", path, {p: a for p, a in found.items() if a.get("type") != "directory"}
    if re.search(magic, path):
        parts = path.split("/")
        fixed = next(i for i, part in enumerate(parts) if re.search(magic, part))
        found = system.glob(path, detail=True)
        return (
            "pattern",
            "/".join(parts[:fixed]),
            {p: a for p, a in found.items() if a.get("type") != "directory"},
        )
    found = system.find(path, detail=True)
    return "folder", path, {p: a for p, a in found.items() if p.startswith(path)}


def _below(root: str, path: str) -> str:
    """A path below the root, without the query of an address."""
    path = path[len(root) :] if path.startswith(root) else path.rpartition("/")[2]
    return path.lstrip("/").partition("?")[0]


def _described(
    system: Any, files: list[tuple[str, str, dict[str, Any]]], address: str
) -> list[tuple[str, RemoteFile]]:
    """Files with their sizes and versions, asked for one by one where the list does not tell them."""

    def described(file: tuple[str, str, dict[str, Any]]) -> tuple[str, RemoteFile]:
        relative, own, about = file
        if about.get("size") is None:
            about = asked(system, own)
        return relative, about_file(own, about)

    return at_once(described, files, _AT_ONCE)


def asked(system: Any, address: str) -> dict[str, Any]:
    """What a file system says of a file; `UnreadableFile` where it says nothing."""
    try:
        return patiently(lambda: system.info(address), address)
    except FileNotFoundError as error:
        raise explained(error, address) from None


def about_file(address: str, about: dict[str, Any]) -> RemoteFile:
    """A file from what its file system says of it."""
    large = about.get("lfs") or {}
    tells = [
        about.get("ETag"),
        large.get("sha256"),
        about.get("blob_id"),
        about.get("sha"),
        about.get("Content-MD5"),
    ]
    tells += [about.get("LastModified"), about.get("Last-Modified"), about.get("mtime"), about.get("created")]
    version = next((str(value).strip('"') for value in tells if value), "")
    size = about.get("size")
    return RemoteFile(address, -1 if size is None else int(size), version)
