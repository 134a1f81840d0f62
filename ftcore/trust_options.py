"""Options of what is asked of a model before it is believed. A part of `ftcore.config`, which is where callers find them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from ftcore.options import Options, PathText


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


class RuleOptions(Options):
    """Regular expressions whose label is known: they label texts before training and overrule the answers after it."""

    patterns: PathText | dict[str, Any] = Field(
        "",
        description="a YAML file `label: [pattern, pattern]`, or {always: [pattern], never: [pattern]} for a label; or the same here",
    )
    weight: float = Field(
        1.0,
        ge=0,
        le=1e6,
        description="of a document without a label that one label's pattern is found in, where another weighs 1 "
        "(0: rules teach nothing)",
    )
    overrule: bool = Field(
        True, description="the model keeps the rules: what they say is certain, whatever was learnt"
    )

    @property
    def teaching(self) -> bool:
        """Whether documents without a label get one from rules."""
        return bool(self.patterns) and self.weight > 0


class Abstain(Options):
    """When a classifier says nothing: chosen on the validation split and kept with the model."""

    coverage: float | None = Field(None, gt=0, le=1, description="share of texts that get an answer; or:")
    accuracy: float | None = Field(
        None, gt=0, le=1, description="least accuracy of the answers, of as many texts as that allows"
    )
    by: Literal["auto", "probability", "evened", "standout"] = Field(
        "auto",
        description="probability, evened: as if all texts were as long, standout: above the other labels' scores; auto: what "
        "tells right answers from wrong ones best on validation",
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
