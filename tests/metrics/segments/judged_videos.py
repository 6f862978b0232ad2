"""Videos for the tests of segments, and strategies for them."""

from itertools import pairwise

from hypothesis import strategies as st

from deepfakebench_ext.metrics.segments.judged import JudgedVideo, ranked
from deepfakebench_ext.metrics.segments.stretches import ScoredStretch, Stretch, union

SECOND = 1_000_000


def stretch(start, end):
    return Stretch(round(start * SECOND), round(end * SECOND))


def scored(start, end, score):
    return ScoredStretch(round(start * SECOND), round(end * SECOND), score)


def video(key="a", duration=10, truth=(), marked=(), boxes=(), scores=(), analysed=True):
    return JudgedVideo(
        key,
        duration * SECOND,
        tuple(stretch(*each) for each in truth),
        analysed,
        tuple(stretch(*each) for each in marked),
        ranked([scored(*each) for each in boxes]),
        tuple(scored(*each) for each in scores),
    )


GRID = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
ENDS = st.tuples(st.integers(0, 9), st.integers(1, 5)).map(lambda pair: (pair[0], min(10, sum(pair))))
STRETCHES = st.lists(ENDS, max_size=4).map(lambda ends: union(stretch(*each) for each in ends))
BOXES = st.lists(st.tuples(ENDS, GRID).map(lambda each: scored(*each[0], each[1])), max_size=6)


@st.composite
def scores(draw):
    cuts = sorted(draw(st.sets(st.integers(0, 10), max_size=6)))
    return tuple(scored(a, b, draw(GRID)) for a, b in pairwise(cuts) if draw(st.booleans()))


@st.composite
def judged_videos(draw, min_size=1, max_size=6):
    videos = []
    for place in range(draw(st.integers(min_size, max_size))):
        analysed = draw(st.integers(0, 5)) > 0
        said = (draw(STRETCHES), ranked(draw(BOXES)), draw(scores())) if analysed else ((), (), ())
        videos.append(JudgedVideo(f"v{place}", 10 * SECOND, draw(STRETCHES), analysed, *said))
    return videos
