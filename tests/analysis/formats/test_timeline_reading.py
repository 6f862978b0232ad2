import json

import pytest
from made_timelines import made, valid, write

from deepfakebench_ext.analysis.formats.timeline_reading import read_timeline, timeline_paths
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.metrics.segments.stretches import ScoredStretch, Stretch


def test_a_timeline_is_read_as_what_figures_are_made_from(tmp_path):
    document = made(
        "videos\\a.mp4",
        segments=[(1.0, 3.0, 0.9), (2.0, 4.0, 0.8)],
        proposals=[(5.0, 6.0, 0.1), (1.0, 4.0, 0.8)],
        scores=[(0.0, 2.0, 0.25), (1.0, 3.0, 0.75, 2)],
    )
    said = read_timeline(write(tmp_path, document))
    assert (said.file, said.sha256, said.duration_us) == ("videos/a.mp4", "0" * 64, 10_000_000)
    assert said.marked == (Stretch.of_seconds(1, 4),)
    assert [box.score for box in said.boxes] == [0.8, 0.1]
    assert said.scores == (ScoredStretch(0, 1_000_000, 0.25), ScoredStretch(1_000_000, 3_000_000, 0.75))
    assert (said.head_trained, said.calibrated) == (True, True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 2}, "has schema_version 2; this version reads 1"),
        ({"schema_version": None}, "has schema_version None"),
        ({"segments": [{"start_s": 2, "end_s": 1}]}, "segment 1: a stretch starts at 2 s and ends at 1 s"),
        ({"segments": [{"start_s": 2}]}, "segment 1 has no 'end_s'; it has 'start_s'"),
        ({"segments": [3]}, "row 1 of segments is 3; allowed is an object"),
        ({"segments": {}}, "segments is {}; allowed is a list"),
        ({"proposals": [{"start_s": 1, "end_s": 2, "score": 1.5}]}, "proposal 1: score is 1.5"),
        ({"proposals": [{"start_s": True, "end_s": 2, "score": 1}]}, "the start of proposal 1 is True"),
        ({"scores": [{"start_s": 1, "end_s": 2, "score": "high", "track": 1}]}, "the score of score 1 is 'high'"),
        ({"scores": [{"start_s": 1, "end_s": 2, "score": 0.5}]}, "score 1 has no 'track'"),
        ({"video": {"file": "", "duration_s": 1}}, "'file' of video is ''; allowed is a text"),
        ({"video": {"file": "a", "duration_s": 0}}, "must be above 0"),
        ({"scores": [{"start_s": 1, "end_s": 2, "score": 0.5, "track": [1]}]}, "'track' of score 1 is \\[1\\]"),
        ({"video": {"file": "a", "duration_s": 10**400}}, "duration_s of video is 10+...; allowed is a finite number"),
        ({"video": {"file": "a", "duration_s": 1, "sha256": []}}, "'sha256' of video is \\[\\]; allowed is a text"),
        ({"video": {"file": "a"}}, "video has no 'duration_s'"),
        ({"detector": {}}, "detector has no 'head_trained'; it has nothing"),
        ({"policy": []}, "policy is \\[\\]"),
    ],
)
def test_what_is_not_allowed_is_named_with_its_file(tmp_path, change, message):
    path = tmp_path / "timeline.json"
    path.write_text(json.dumps(made() | change), encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        read_timeline(path)
    assert str(path) in str(caught.value)


def test_timelines_are_found_below_a_folder_in_order(tmp_path):
    paths = [write(tmp_path / name, made(f"{name}.mp4")) for name in ("b", "a", "c/d")]
    assert timeline_paths(tmp_path) == sorted(paths)
    assert timeline_paths(paths[0]) == [paths[0]]


def test_nothing_to_read_is_an_error_that_helps(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"has no timeline.json in it or below"):
        timeline_paths(tmp_path / "empty")
    with pytest.raises(ConfigError, match="did you mean"):
        timeline_paths(tmp_path / "emptty")
    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match="is no JSON in UTF-8"):
        read_timeline(broken)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_timeline(tmp_path / "empty")


@pytest.mark.parametrize(
    "change", [{"scores": [{"score": 1}]}, {"surprise": 1}, {"threshold": 2}, {"video": {"file": "a"}}, {"shots": None}]
)
def test_the_schema_refuses_what_is_not_in_it(change):
    valid(made())
    with pytest.raises(Exception, match="data"):
        valid(made() | change)
