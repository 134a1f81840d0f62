"""The tokenizer inside a saved model, checked when it is read: a file may be edited, or come from a stranger."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from ftcore.config import Text
from ftcore.errors import UnreadableFile

Word = Annotated[str, Field(strict=True, min_length=1)]
Frequency = Annotated[int, Field(strict=True, ge=0, lt=1 << 53)]  # jieba takes its logarithm


class TokenizerState(BaseModel):
    """What `Tokenizer.state` holds beside its version."""

    jieba: Annotated[str, Field(strict=True)]
    text: Text
    user_words: list[tuple[Word, Frequency | None, str | None]]
    stopwords: list[Annotated[str, Field(strict=True)]]


def read_state(state: Any) -> TokenizerState:
    """The state in its types.

    Raises:
        UserError: it names the key, for one that is missing or holds nonsense.
    """
    try:
        return TokenizerState.model_validate(state)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "state"
        shown = "" if first["type"] == "missing" else f" is {repr(first['input'])[:60]}:"
        raise UnreadableFile(f"{place}{shown} {first['msg'].lower()}; save the model again") from None
