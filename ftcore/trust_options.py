"""Options of what is asked of a model before it is believed. A part of `ftcore.config`, which is where callers find them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from ftcore.options import Options


class LabelErrors(Options):
    """A look for labels that are likely wrong (`flows.label_errors`), by the classifier of `finetune`."""

    folds: int = Field(5, ge=2, le=100, description="parts; each is judged by what the others teach")
    rounds: int = Field(
        2,
        ge=1,
        le=10,
        description="times all are judged; from the second on confident suspects teach no more",
    )
    splits: list[Literal["train", "valid", "test"]] = Field(
        ["train"], min_length=1, description="whose labels are looked at"
    )
    limit: int = Field(1000, ge=0, le=10_000_000, description="documents listed at most (0: all suspects)")


class Abstain(Options):
    """When a classifier says nothing: chosen on the validation split and kept with the model."""

    coverage: float | None = Field(None, gt=0, le=1, description="share of texts that get an answer; or:")
    accuracy: float | None = Field(
        None, gt=0, le=1, description="least accuracy of the answers, of as many texts as that allows"
    )
    by: Literal["auto", "probability", "standout"] = Field(
        "auto",
        description="probability: against wrong answers; standout: against texts of no known label; auto: standout "
        "from 20 labels on",
    )

    @model_validator(mode="after")
    def _one_goal(self) -> Abstain:
        if self.coverage is not None and self.accuracy is not None:
            raise ValueError("coverage and accuracy are two ways to choose one threshold; give one of them")
        return self

    @property
    def asked(self) -> bool:
        """Whether the model abstains."""
        return self.coverage is not None or self.accuracy is not None
