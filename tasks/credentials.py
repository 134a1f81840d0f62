"""Credentials of sources from Prefect blocks: handed to the library in memory, and written nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from ftcore.base.addresses import is_remote, protocol_of
from ftcore.config import Config
from ftcore.errors import UserError
from ftcore.reading import remote

_AWS = {  # fields of prefect-aws's block, and what s3fs calls them
    "aws_access_key_id": "key",
    "aws_secret_access_key": "secret",
    "aws_session_token": "token",
    "profile_name": "profile",
}


def hand_in(config: Config) -> None:
    """Read the blocks that sources name by `credentials`, for the rest of this process.

    Raises:
        UserError: no such block, or one that holds no credentials.
    """
    for source in config.ingest.sources:
        name = source.credentials
        if name and not name.startswith("env:"):
            path = source.path if is_remote(source.path) else config.data
            remote.give(name, options_of_block(_block(name), name, protocol_of(path)))


def _block(name: str) -> Any:
    from prefect.blocks.core import Block

    try:
        return Block.load(name)
    except ValueError as error:  # Prefect's word for a block, or a kind of them, that is not there
        raise UserError(
            f"credentials: {name}: no such Prefect block ({str(error).splitlines()[0][:200]}); save one of that name, "
            "as KIND/NAME, or use env:NAME"
        ) from None


def options_of_block(block: Any, name: str, protocol: str) -> dict[str, Any]:
    """The options of fsspec that a block holds: Prefect's Secret (a JSON object, or a token), or prefect-aws's.

    Raises:
        UserError: it is of another kind.
    """
    if hasattr(block, "aws_access_key_id"):
        options = {ours: _plain(getattr(block, theirs, None)) for theirs, ours in _AWS.items()}
        client = getattr(block, "aws_client_parameters", None)
        endpoint, region = getattr(client, "endpoint_url", None), getattr(block, "region_name", None)
        options |= {"endpoint_url": endpoint, "client_kwargs": {"region_name": region} if region else None}
        return {key: value for key, value in options.items() if value}
    value = _plain(block.get()) if hasattr(block, "get") else _plain(getattr(block, "value", None))
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, str):
        return remote.parsed_options(value, name, protocol)
    raise UserError(
        f"credentials: {name}: a block of the kind {type(block).__name__} holds no options of fsspec; use a Secret with "
        "a JSON object in it, or AwsCredentials"
    )


def _plain(value: Any) -> Any:
    return (
        value.get_secret_value()
        if isinstance(value, SecretStr) or hasattr(value, "get_secret_value")
        else value
    )
