"""The thresholds that a training stored with its weights: where validation put the line between real and fake.

A folder has them in its `detector.yaml`, a `.pth` in itself, so that they never go with other weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from deepfakebench_ext.common.choices import Level
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.common.wording import cut, printable, rounded
from deepfakebench_ext.metrics.thresholds import DECISION_THRESHOLD, Threshold

THRESHOLDS = "thresholds"
"""What they are called in a `detector.yaml`, and in what a `.pth` says of itself."""
STORED = "stored"
"""How they are asked for in place of a number."""
_LONGEST = 200


class StoredThreshold(BaseModel):
    """One of them.

    Attributes:
        value: A score above it is fake.
        rule: Where validation put it, in words.
        real, fake: Validation samples that it rests on.
        aggregation: How scores came to one a video; None where samples are no videos.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    rule: Annotated[str, Field(max_length=_LONGEST)]
    real: Annotated[int, Field(ge=0)]
    fake: Annotated[int, Field(ge=0)]
    aggregation: Annotated[str, Field(max_length=_LONGEST)] | None = None

    def text(self, level: Level) -> str:
        """Return it for people: `0.8312, best balanced accuracy on 40 real and 40 fake videos of validation`."""
        return f"{rounded(self.value)}, {self.source(level)}"

    def source(self, level: Level) -> str:
        """Return where its value comes from, for people."""
        return f"{printable(self.rule)} on {self.real} real and {self.fake} fake {level}s of validation"


Stored = dict[Level, StoredThreshold]
_STORED: TypeAdapter[Stored] = TypeAdapter(Stored)


def stored_from(values: Any, where: str) -> Stored:
    """Return the thresholds that a file says, None being none.

    Raises:
        ConfigError: It says something else.
    """
    try:
        return _STORED.validate_python(values or {})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join([THRESHOLDS, *map(str, first["loc"])])
        raise ConfigError(f"{where}: {cut(printable(name), _LONGEST)}: {first['msg']}") from error


def stored_as_json(stored: Stored) -> dict[str, Any]:
    """Return what `stored_from` reads."""
    return {level: each.model_dump(mode="json", exclude_none=True) for level, each in stored.items()}


def unused_thresholds(stored: Stored, level: Level) -> list[Notice]:
    """Say that decisions are made at 0.5 where another threshold is stored for this level."""
    if level not in stored:
        return []
    text = f"decisions are made at {DECISION_THRESHOLD:g}; the weights store {stored[level].text(level)}"
    return [Notice("stored_threshold", f"{text}, which --threshold stored takes")]


def thresholds_asked(
    asked: str, stored: Stored, source: str, *, levels: tuple[Level, ...], rule: str
) -> Mapping[Level, Threshold]:
    """Return the threshold of each level that a command asks for: a number for all, or what the weights store.

    Args:
        asked: `stored`, or a number from 0 to 1.
        stored: What the weights store.
        source: What the weights are called.
        levels: Those that there will be.
        rule: How scores will come to one a video.

    Raises:
        ConfigError: Neither; or nothing is stored for the last of these levels or scores made so.
    """
    if asked != STORED:
        number = threshold_number(asked)
        return {level: Threshold(number, "given as --threshold") for level in levels}
    if levels[-1] not in stored:
        there = f"stores a threshold for {' and '.join(stored)}s and none" if stored else "stores no threshold"
        raise ConfigError(
            f"--threshold stored: {source} {there} for {levels[-1]}s. dfb-ext train stores one in best/ and best.pth, "
            "which is not of the scores that another --fake_index gives; for other weights type a number, such as "
            "--threshold 0.5, or choose one on other scores of this detector: dfb-ext metrics RUN --threshold_from "
            "OTHER_RUN"
        )
    made = stored[levels[-1]].aggregation
    if made is not None and made != rule:
        raise ConfigError(
            f"--threshold stored: it was chosen for scores of videos by --aggregation {printable(made)}, and this is "
            f"{rule}; leave one of both options out"
        )
    return {
        level: Threshold(stored[level].value, f"stored in {source}: {stored[level].source(level)}")
        for level in levels
        if level in stored
    }


def threshold_number(asked: str) -> float:
    """Return the number that a command asks for as threshold.

    Raises:
        ConfigError: It is none from 0 to 1.
    """
    try:
        value = float(asked)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ConfigError(f"--threshold {asked!r} is not allowed: give a score from 0 to 1, or stored")
    return value
