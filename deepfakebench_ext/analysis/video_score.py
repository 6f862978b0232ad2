"""The score of a video from the scores of its faces over time: named rules. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from deepfakebench_ext.analysis.spans import TrackScores
from deepfakebench_ext.metrics.aggregation import aggregation_rule
from deepfakebench_ext.metrics.segments.stretches import MICROSECONDS, total

TOP_FIFTH = "top_fifth"
LEAST_S = 1.0
"""Scored seconds that a track needs to speak for the video."""


@dataclass(frozen=True, slots=True)
class VideoScore:
    """What a video comes to.

    Attributes:
        score: P(fake), or None where no face is scored long enough.
        rule: The rule's name.
        track: The track that decided; the longest scored among those of an equal score; None without a score.
        reason: Why there is no score; empty where there is one.
    """

    score: float | None
    rule: str
    track: int | None
    reason: str = ""


def video_score(tracks: Sequence[TrackScores], rule: str = TOP_FIFTH) -> VideoScore:
    """The highest score of any track: one fake face makes a fake video.

    `top_fifth`: the mean of a track's highest scores that together last a fifth of its scored time, but at least
    `LEAST_S`; the lowest of them counts for the part that still fits. The other rules are those of the evaluator, over
    the track's scores as they come: `metrics.aggregation` lists them.

    A track that is scored for less than `LEAST_S` does not speak: a false face of two frames would else decide.

    Raises:
        ConfigError: No such rule.
    """
    value = _rule(rule)
    long_enough = [track for track in tracks if total(track.spans) >= LEAST_S * MICROSECONDS]
    if not long_enough:
        longest = max((total(track.spans) for track in tracks), default=0) / MICROSECONDS
        reason = (
            f"no face is scored for {LEAST_S:g} s: the longest for {longest:.3g} s" if longest else "no face is scored"
        )
        return VideoScore(None, rule, None, reason)
    scored = [(value(track), total(track.spans), -track.track) for track in long_enough]
    score, _, number = max(scored)
    return VideoScore(score, rule, -number)


def check_rule(name: str) -> None:
    """Pass the name of a rule.

    Raises:
        ConfigError: There is none of that name.
    """
    _rule(name)


def _rule(name: str) -> Callable[[TrackScores], float]:
    if name == TOP_FIFTH:
        return _top_fifth
    rule = aggregation_rule(name)
    return lambda track: rule(np.array([span.score for span in track.spans], np.float64))


def _top_fifth(track: TrackScores) -> float:
    wanted = max(total(track.spans) / 5, LEAST_S * MICROSECONDS)
    left, added = wanted, 0.0
    for span in sorted(track.spans, key=lambda span: (-span.score, span.start_us)):
        taken = min(span.length_us, left)
        added += taken * span.score
        left -= taken
        if left <= 0:
            break
    return min(added / wanted, 1.0)
