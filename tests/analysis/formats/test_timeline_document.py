import json
from dataclasses import replace

import pytest
from made_timelines import valid
from made_tracks import track

from deepfakebench_ext.analysis.boxes import scored_boxes
from deepfakebench_ext.analysis.cut import cut_segments
from deepfakebench_ext.analysis.decision import Bands, Evidence, decide
from deepfakebench_ext.analysis.false_alarms import RealVideo, choose_onset
from deepfakebench_ext.analysis.formats.timeline_document import timeline_document
from deepfakebench_ext.analysis.formats.timeline_reading import read_timeline
from deepfakebench_ext.analysis.policy import Policy
from deepfakebench_ext.analysis.spans import ScoredSpan, TrackScores
from deepfakebench_ext.analysis.timeline import FaceTrack, Keyframe, Timeline, Unscored, VideoFacts
from deepfakebench_ext.analysis.video_score import video_score
from deepfakebench_ext.metrics.segments.stretches import Stretch, highest, microseconds, union

BOX = (1.0, 2.0, 3.0, 4.0)
TRACKS = (
    track([0.1] * 5 + [0.9] * 6 + [None] * 2 + [0.1] * 5, step=0.2, number=1, shot=1),
    track([0.2, 0.9, 0.9, 0.1 + 0.2, 0.2], step=1 / 3, start=4.0, number=2, shot=2),
)


def timeline(policy=None, chosen=None, bands=None):
    policy = policy or Policy()
    segments, score = cut_segments(TRACKS, policy), video_score(TRACKS)
    return Timeline(
        VideoFacts("films/a.mp4", "0" * 64, 9, 6_000_000, 0, ({"kind": "video", "codec": "h264", "fps": 25},)),
        {"source": "org/name", "sha256": "0" * 64, "head_trained": True},
        {"fps": 5},
        policy,
        "0.5, not calibrated" if chosen is None else "20 real videos",
        chosen,
        score,
        decide(Evidence(score.score, score.reason, 0.9, True), bands),
        bands,
        (Stretch(0, 4_000_000), Stretch(4_000_000, 6_000_000)),
        tuple(FaceTrack(Stretch(one.spans[0].start_us, one.spans[-1].end_us), one, ((0, BOX),)) for one in TRACKS),
        segments,
        scored_boxes(TRACKS),
        (Keyframe("keyframes/segment_1.jpg", 1, "peak", segments[0].peak_us, 0.9, 1, BOX),),
        (Unscored(Stretch(2_200_000, 2_600_000), "no face", 1), Unscored(Stretch(5_700_000, 6_000_000), "late", None)),
    )


def through_file(tmp_path, document):
    path = tmp_path / "timeline.json"
    path.write_text(json.dumps(document, allow_nan=False), encoding="utf-8")
    return path, json.loads(path.read_text(encoding="utf-8"))


def test_the_document_is_as_the_schema_says():
    valid(timeline_document(timeline()))


def test_a_calibrated_one_is_too():
    chosen = choose_onset([RealVideo("r", 60_000_000, TRACKS)], Policy(), limit=5)
    bands = Bands(0.8, None, 0.05, 0.05, "20 real videos")
    document = timeline_document(timeline(chosen.policy, chosen, bands))
    valid(document)
    assert document["policy"]["calibrated"] is True
    assert document["policy"]["false_alarms"]["measured"]["value"] == chosen.measured.value
    assert document["score"]["decision"] == "fake"
    none = replace(chosen, policy=None)
    valid(timeline_document(timeline(Policy(), none, bands)))


def test_segments_are_cut_anew_from_what_the_file_holds(tmp_path):
    _, document = through_file(tmp_path, timeline_document(timeline()))
    tracks = {}
    for row in document["scores"]:
        ends = microseconds(row["start_s"]), microseconds(row["end_s"])
        span = ScoredSpan(*ends, row["score"], microseconds(row["time"]), row["units"])
        tracks.setdefault((row["track"], row["shot"]), []).append(span)
    again = [TrackScores(*key, tuple(spans)) for key, spans in tracks.items()]
    policy = Policy(**{name: document["policy"][name] for name in Policy.__dataclass_fields__})
    assert cut_segments(again, policy) == timeline().segments
    assert scored_boxes(again) == timeline().proposals


def test_figures_read_the_same_from_the_file_as_from_the_record(tmp_path):
    whole = timeline()
    path, _ = through_file(tmp_path, timeline_document(whole))
    said = read_timeline(path)
    assert said.marked == union(whole.segments)
    assert [(box.start_us, box.end_us, box.score) for box in said.boxes] == [
        (box.start_us, box.end_us, box.score) for box in whole.proposals
    ]
    assert said.scores == highest(one.spans for one in TRACKS)
    assert (said.duration_us, said.calibrated) == (6_000_000, False)


def test_the_older_app_finds_its_keys():
    document = timeline_document(timeline())
    assert (document["video_duration"], document["threshold"]) == (6.0, 0.5)
    assert document["total_clips"] == len(document["scores"]) == 21
    assert {"time", "score"} <= document["scores"][0].keys()
    first, second = document["segments"]
    assert first["keyframe_path"] == first["keyframe"] == "keyframes/segment_1.jpg"
    assert (second["keyframe_path"], second["keyframe"]) == ("", None)
    assert first["duration"] == pytest.approx(first["end_time"] - first["start_time"])
    assert (first["segment_id"], first["avg_score"], first["peak_time"]) == (1, first["score"], first["peak_s"])


def test_tracks_name_their_segments():
    document = timeline_document(timeline())
    assert [one["segments"] for one in document["tracks"]] == [[1], [2]]
    assert [row["segment_id"] for row in document["segments"]] == [1, 2]
    assert document["tracks"][0]["scored_s"] == pytest.approx(3.2)
