import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfakebench_ext.analysis.formats import activitynet, avdeepfake1m
from deepfakebench_ext.analysis.formats.truth import TrueVideo, truth_of
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.metrics.segments.judged import ranked
from deepfakebench_ext.metrics.segments.stretches import ScoredStretch, Stretch

ENDS = st.tuples(st.integers(0, 10**9), st.integers(1, 10**9)).map(lambda pair: (pair[0], sum(pair)))
BOXES = st.lists(st.tuples(ENDS, st.floats(0, 1)).map(lambda each: ScoredStretch(*each[0], each[1])), max_size=5)
PROPOSALS = st.dictionaries(st.sampled_from(["a.mp4", "b/c.mp4", "é.mp4"]), BOXES.map(ranked))
TRUTH = TrueVideo("b/a.mp4", None, 12_480_000, (Stretch(3_000_000, 4_200_000), Stretch(5_000_000, 6_000_000)))
REAL = TrueVideo("a.mp4", None, 8_000_000, ())


@given(PROPOSALS)
def test_proposals_come_back_from_both_files(proposals):
    through = lambda document: json.loads(json.dumps(document))  # noqa: E731
    assert avdeepfake1m.proposals_of(through(avdeepfake1m.proposals_document(proposals))) == proposals
    assert activitynet.results_of(through(activitynet.results_document(proposals))) == proposals


def test_the_truth_comes_back_from_both_files():
    for document in (avdeepfake1m.metadata_document([TRUTH, REAL]), activitynet.database_document([TRUTH, REAL])):
        assert truth_of(json.loads(json.dumps(document))) == [REAL, TRUTH]


def test_the_files_are_those_of_the_projects():
    boxes = [ScoredStretch(0, 500_000, 0.25), ScoredStretch(1_000_000, 2_000_000, 0.5)]
    assert avdeepfake1m.proposals_document({"a.mp4": boxes}) == {"a.mp4": [[0.5, 1.0, 2.0], [0.25, 0.0, 0.5]]}
    assert activitynet.results_document({"a": boxes[:1]}) == {
        "version": "VERSION 1.3",
        "results": {"a": [{"label": "Fake", "score": 0.25, "segment": [0.0, 0.5]}]},
        "external_data": {},
    }
    assert avdeepfake1m.metadata_document([REAL])[0]["modify_type"] == "real"
    (fake,) = avdeepfake1m.metadata_document([TRUTH])
    assert (fake["modify_type"], fake["video_frames"]) == ("visual_modified", 312)
    assert fake["fake_segments"] == fake["visual_fake_segments"] == [[3.0, 4.2], [5.0, 6.0]]
    database = activitynet.database_document([TRUTH], "test")["database"]
    assert (database["b/a.mp4"]["subset"], database["b/a.mp4"]["duration"]) == ("test", 12.48)


@pytest.mark.parametrize("write", [avdeepfake1m.metadata_document, activitynet.database_document])
def test_a_video_of_unknown_length_is_refused(write):
    with pytest.raises(ConfigError, match=r"a\.mp4: its length is unknown"):
        write([TrueVideo("a.mp4", None, None, ())])


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "proposals is \\[\\]"),
        ({"a": [[0.5, 1]]}, "a proposal of a is \\[0.5, 1\\]"),
        ({"a": [[0.5, 2, 1]]}, "must end later"),
        ({"a": [[1.5, 1, 2]]}, "score is 1.5"),
        ({"a": {"b": 1}}, "allowed is a list"),
    ],
)
def test_proposals_that_are_none_are_refused(document, message):
    with pytest.raises(ConfigError, match=message):
        avdeepfake1m.proposals_of(document)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"segment": [1, 2]}, "has no 'score'"),
        ({"score": 0.5}, "has no 'segment'"),
        ({"score": 0.5, "segment": [1]}, "the segment of a result of a is \\[1\\]"),
        ({"score": 2, "segment": [1, 2]}, "score is 2.0"),
        (3, "a result of a is 3"),
    ],
)
def test_results_that_are_none_are_refused(row, message):
    with pytest.raises(ConfigError, match=message):
        activitynet.results_of({"results": {"a": [row]}})
    with pytest.raises(ConfigError, match="it has no 'results'"):
        activitynet.results_of({})
