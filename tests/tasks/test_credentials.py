"""What Prefect's blocks say becomes options of fsspec, and nothing of it is ever shown."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from prefect.blocks.system import Secret
from pydantic import SecretStr

from ftcore.errors import UserError
from tasks.credentials import options_of_block


def test_a_secret_is_options_or_a_token():
    given = {"key": "a", "secret": "b"}
    assert options_of_block(Secret(value=json.dumps(given)), "secret/x", "s3") == given
    assert options_of_block(Secret(value=given), "secret/x", "s3") == given
    assert options_of_block(Secret(value="word"), "secret/x", "hf") == {"token": "word"}
    headers = options_of_block(Secret(value="word"), "secret/x", "https")
    assert headers == {"headers": {"Authorization": "Bearer word"}}
    with pytest.raises(UserError) as error:
        options_of_block(Secret(value="word-word"), "secret/x", "s3")
    assert "secret/x" in str(error.value) and "word-word" not in str(error.value)


def test_the_block_of_prefect_aws():
    client = SimpleNamespace(endpoint_url="http://here:9000")
    block = SimpleNamespace(
        aws_access_key_id="a",
        aws_secret_access_key=SecretStr("b"),
        aws_session_token=None,
        profile_name=None,
        region_name="eu-west-1",
        aws_client_parameters=client,
    )
    assert options_of_block(block, "aws-credentials/x", "s3") == {
        "key": "a",
        "secret": "b",
        "endpoint_url": "http://here:9000",
        "client_kwargs": {"region_name": "eu-west-1"},
    }
    with pytest.raises(UserError, match="holds no options"):
        options_of_block(SimpleNamespace(), "other/x", "s3")
