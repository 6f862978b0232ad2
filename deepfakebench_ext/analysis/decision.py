"""What is said of a video in words, and when nothing is: only what the stated risk allows. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from deepfakebench_ext.common.wording import rounded

Word = Literal["fake", "real", "no decision"]


@dataclass(frozen=True, slots=True)
class Bands:
    """Scores from which a word is said, and how often it is wrong.

    Attributes:
        fake_above: A higher score is called fake; None where the real videos are too few to say so.
        real_below: A lower score is called real; None where the fakes are too few, or there were none.
        false_alarms: Share of real videos that may be called fake.
        misses: Share of fakes that may be called real.
        source: On what the bands were chosen, in words.
    """

    fake_above: float | None
    real_below: float | None
    false_alarms: float
    misses: float
    source: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What is said of a video.

    Attributes:
        word: `fake`, `real` or `no decision`.
        reason: Why, in a sentence for people.
    """

    word: Word
    reason: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a decision rests on.

    Attributes:
        score: Of the video, or None.
        score_reason: Why there is none; empty where there is one.
        scored_share: Share of the video's time in which any face is scored.
        head_trained: Whether the detector's head came from a checkpoint.
    """

    score: float | None
    score_reason: str
    scored_share: float
    head_trained: bool


LEAST_SHARE = 0.2
"""Share of a video that must be scored before it is called real: what was not looked at cannot be."""


def choose_bands(
    real: Sequence[float], fake: Sequence[float], *, false_alarms: float, misses: float, source: str
) -> Bands:
    """Bands for other videos of the same kind, from scores of known ones.

    A new real video scores above `fake_above` with a chance of at most `false_alarms`, whatever the distribution of
    scores, if it is drawn as the known ones were: it is the score of rank `ceil((1 - false_alarms) (n + 1))` among n.
    Below `ceil(1 / false_alarms) - 1` videos no score can promise that. `real_below` mirrors it. Where the bands cross,
    both words would be said of one score: then the region between is left undecided.

    Args:
        real: P(fake) of known-real videos.
        fake: P(fake) of known fakes; empty where there are none.
        false_alarms: Above 0 and below 1.
        misses: Above 0 and below 1.
        source: On what these were measured, in words.

    Raises:
        ValueError: A share of 0, 1 or beyond.

    Source: Vovk, Gammerman and Shafer 2005, Algorithmic Learning in a Random World (split conformal prediction).
    """
    for name, share in (("false_alarms", false_alarms), ("misses", misses)):
        if not 0 < share < 1:
            raise ValueError(f"{name} is {share}; allowed is a share above 0 and below 1")
    above = _quantile(real, false_alarms)
    mirrored = _quantile([-score for score in fake], misses)
    below = None if mirrored is None else -mirrored
    if above is not None and below is not None and below > above:
        above, below = below, above
    return Bands(above, below, false_alarms, misses, source)


def decide(evidence: Evidence, bands: Bands | None) -> Decision:
    """The word that the bands allow for a video, or `no decision` with the reason."""
    if not evidence.head_trained:
        return _none("the detector's head is untrained: its scores are noise")
    if evidence.score is None:
        return _none(evidence.score_reason)
    if bands is None:
        return _none("not calibrated: no known videos say what such a score is worth")
    if bands.fake_above is None and bands.real_below is None:
        return _none(f"too few known videos to promise the stated risk ({bands.source})")
    return _banded(evidence.score, evidence.scored_share, bands)


def _banded(score: float, scored_share: float, bands: Bands) -> Decision:
    if bands.fake_above is not None and score > bands.fake_above:
        risk = f"of real videos, at most {bands.false_alarms:.1%} score so high"
        return Decision(
            "fake", f"the score {rounded(score, 3)} is above {rounded(bands.fake_above, 3)}: {risk} ({bands.source})"
        )
    if bands.real_below is None or score >= bands.real_below:
        return _none(f"the score {rounded(score, 3)} allows neither word at the stated risk ({bands.source})")
    if scored_share < LEAST_SHARE:
        return _none(f"only {scored_share:.0%} of the video is scored: the rest was not seen")
    risk = f"of fakes, at most {bands.misses:.1%} score so low"
    return Decision(
        "real", f"the score {rounded(score, 3)} is below {rounded(bands.real_below, 3)}: {risk} ({bands.source})"
    )


def _none(reason: str) -> Decision:
    return Decision("no decision", reason)


def _quantile(scores: Sequence[float], share: float) -> float | None:
    """The score that a new one exceeds with a chance of at most `share`; None where there are too few."""
    # Slack, as 0.95 * 20 is 19.000000000000004 in other spellings and means 19.
    rank = math.ceil((1 - share) * (len(scores) + 1) - 1e-9)
    return sorted(scores)[rank - 1] if rank <= len(scores) else None
