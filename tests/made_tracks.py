"""Tracks for the tests of segments, and strategies for them."""

from hypothesis import strategies as st

from deepfakebench_ext.analysis.policy import Policy
from deepfakebench_ext.analysis.spans import ScoredSpan, TrackScores

SECOND = 1_000_000


def span(start, end, score, at=None):
    middle = (start + end) / 2 if at is None else at
    return ScoredSpan(round(start * SECOND), round(end * SECOND), score, round(middle * SECOND))


def track(scores, *, step=1.0, start=0.0, number=0, shot=0):
    """Spans of one length, None for a stretch without a score."""
    spans = [
        span(start + place * step, start + (place + 1) * step, score)
        for place, score in enumerate(scores)
        if score is not None
    ]
    return TrackScores(number, shot, tuple(spans))


def bare(onset=0.5, offset=None, **durations):
    """A policy that does nothing but what is said."""
    nothing = {"smooth_s": 0.0, "min_on_s": 0.0, "min_off_s": 0.0, "pad_s": 0.0, "max_gap_s": 0.0}
    return Policy(onset, onset if offset is None else offset, **nothing | durations)


GRID = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])


@st.composite
def tracks_of(draw, number=0):
    """Spans of whole seconds, touching or not."""
    at, spans = draw(st.integers(0, 3)), []
    for _ in range(draw(st.integers(0, 12))):
        at += draw(st.sampled_from([0, 0, 0, 1, 2, 3]))
        length = draw(st.integers(1, 3))
        spans.append(span(at, at + length, draw(GRID)))
        at += length
    return TrackScores(number, number, tuple(spans))


SECONDS = st.sampled_from([0.0, 1.0, 2.0, 3.0])
POLICIES = st.tuples(GRID, GRID, *[SECONDS] * 5).map(lambda said: Policy(max(said[:2]), min(said[:2]), *said[2:]))
