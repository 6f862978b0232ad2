import json

import pytest

from deepfakebench_ext.analysis.formats.truth import TrueVideo, read_truth, truth_of
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.metrics.segments.stretches import Stretch

OURS = {
    "videos": [
        {"file": "b\\a.mp4", "sha256": "0" * 64, "duration_s": 12.5, "segments": [{"start_s": 3, "end_s": 4.2}]},
        {"file": "b/r.mp4", "segments": []},
    ]
}
AV_DEEPFAKE1M = [
    {"file": "b/a.mp4", "split": "test", "fake_segments": [[3, 4.2]], "visual_fake_segments": [], "video_frames": 312},
    {"file": "b/r.mp4", "fake_segments": []},
]
ACTIVITYNET = {
    "version": "1.3",
    "database": {
        "b/a": {"subset": "test", "duration": 12.5, "annotations": [{"label": "Fake", "segment": [3, 4.2]}]},
        "b/r": {"annotations": []},
    },
}
SEGMENTS = (Stretch(3_000_000, 4_200_000),)


@pytest.mark.parametrize(
    ("document", "want"),
    [
        (OURS, [TrueVideo("b/a.mp4", "0" * 64, 12_500_000, SEGMENTS), TrueVideo("b/r.mp4", None, None, ())]),
        (AV_DEEPFAKE1M, [TrueVideo("b/a.mp4", None, 12_480_000, SEGMENTS), TrueVideo("b/r.mp4", None, None, ())]),
        (ACTIVITYNET, [TrueVideo("b/a", None, 12_500_000, SEGMENTS), TrueVideo("b/r", None, None, ())]),
    ],
    ids=["ours", "AV-Deepfake1M", "ActivityNet"],
)
def test_three_formats_say_the_same(tmp_path, document, want):
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert read_truth(path) == want


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "of no format known here; allowed are .*ours.*AV-Deepfake1M.*ActivityNet"),
        (3, "of no format known here"),
        ({"videos": {}}, "videos is {}; allowed is a list"),
        ({"videos": [{"segments": []}]}, "a video has no 'file'"),
        ({"videos": [{"file": "a"}]}, "a has no 'segments'"),
        ({"videos": [{"file": "a", "segments": [{"start_s": 1}]}]}, "a has no 'end_s'"),
        ({"videos": [{"file": "a", "segments": [], "duration_s": 0}]}, "the duration of a is 0"),
        ([{"file": "a", "fake_segments": [[1]]}], "a segment of a is \\[1\\]"),
        ([{"file": "a", "fake_segments": [[2, 1]]}], "a segment of a: a stretch starts at 2 s"),
        ([{"file": "a", "fake_segments": [], "video_frames": "many"}], "video_frames is 'many'"),
        ({"videos": [{"file": "a", "segments": [], "sha256": ["1"]}]}, "'sha256' of a is \\['1'\\]; allowed is a text"),
        ({"videos": [{"file": "a", "segments": [], "sha256": ""}]}, "'sha256' of a is ''; allowed is a text"),
        ([{"file": "a", "fake_segments": [[0, 10**400]]}], "the end of a segment of a is 10+...; allowed is a finite"),
        ([{"file": "a", "fake_segments": [[0, 1e300]]}], "the end of a segment of a is 1e.300 s; allowed are at most"),
        ([{"file": "a", "fake_segments": [], "video_frames": float("nan")}], "video_frames is nan"),
        ({"database": {"a": {}}}, "a has no 'annotations'"),
        ({"database": {"a": {"annotations": [{"label": "Fake"}]}}}, "a has no 'segment'"),
    ],
)
def test_a_truth_that_is_none_is_refused(document, message):
    with pytest.raises(ConfigError, match=message):
        truth_of(document)


def test_a_digest_is_the_same_in_capitals():
    (video,) = truth_of({"videos": [{"file": "a", "segments": [], "sha256": "AB" * 32}]})
    assert video.sha256 == "ab" * 32


@pytest.mark.parametrize(
    ("text", "message"),
    [('{"videos": []}', "lists no video"), ("[]", "lists no video"), ("[" * 100_000, "nested too deeply")],
)
def test_a_truth_of_nothing_is_refused(tmp_path, text, message):
    path = tmp_path / "truth.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_truth(path)


def test_a_video_listed_twice_is_refused(tmp_path):
    path = tmp_path / "truth.json"
    path.write_text(json.dumps([AV_DEEPFAKE1M[0]] * 2), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"lists 'b/a\.mp4' twice"):
        read_truth(path)
