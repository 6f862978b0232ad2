"""Films spliced with blends, and a detector that sees the blend: what is marked is what is true."""

from __future__ import annotations

import pytest
import skimage.data
from faces.scenes import head, scene
from films import film
from seers import dark_seer, taught, watching

from deepfakebench_ext.analysis.analyze import How, analyze
from deepfakebench_ext.analysis.assembling import Threshold
from deepfakebench_ext.analysis.formats.timeline_reading import read_timeline
from deepfakebench_ext.analysis.formats.truth import read_truth
from deepfakebench_ext.analysis.judging import judge
from deepfakebench_ext.analysis.policy import PolicyOptions
from deepfakebench_ext.analysis.splicing import splice
from deepfakebench_ext.analysis.taking import Taking
from deepfakebench_ext.data.samples.folders import collect_samples
from deepfakebench_ext.engine.file_inputs import make_face_reader


@pytest.fixture
def spliced(tmp_path):
    pytest.importorskip("dlib", reason="dlib is not installed (extra `faces`)")
    from deepfakebench_ext.faces.dlib_detector import DlibDetector

    face = head(skimage.data.astronaut())
    one = [scene(face, (192, 200), 90, (80.0 + at / 4, 96.0)) for at in range(70)]
    other = [scene(face, (192, 200), 150, (120.0 - at / 4, 100.0))[:, ::-1].copy() for at in range(60)]
    film(tmp_path / "films/a.mp4", [*one, *other])
    films = collect_samples(tmp_path / "films", kind="video")
    truth, refused = splice(films, tmp_path / "spliced", DlibDetector(None), per_film=2, seed=3)
    assert refused == []
    return truth


def test_what_is_marked_is_what_is_blended(tmp_path, spliced):
    truth = read_truth(spliced)
    detector = dark_seer(tmp_path)
    faces = make_face_reader(detector, face_detector="dlib")
    # Each frame is seen as it is, so that a stretch of a quarter of a second needs no smoothing to be told from chance.
    threshold = Threshold(PolicyOptions(smooth_s=0.16, min_on_s=0.1).policy())
    how = {"faces": faces, "taking": Taking(fps=12.5), "threshold": threshold}
    frames = watching(detector)
    seen = analyze(detector, [tmp_path / "spliced"], How(output_dir=tmp_path / "seen", **how))
    taught(detector, frames, list(_labels(seen, truth)))
    found = analyze(detector, [tmp_path / "spliced"], How(output_dir=tmp_path / "found", **how))
    judged = judge([read_timeline(each.folder / "timeline.json") for each in found], truth, None)
    figures = {name: judged.figures[name].value for name in ("union_iou", "segment_found", "false_alarm_s_per_min")}
    assert judged.stretches == 2
    assert figures["union_iou"] > 0.8, figures
    assert figures["segment_found"] == 1
    assert figures["false_alarm_s_per_min"] == 0


def _labels(analysed, truth):
    """Whether each scored frame is of a blend, in the order in which they were scored."""
    for each in analysed:
        (known,) = [video for video in truth if each.file.endswith(video.file)]
        moments = sorted(
            (span.at_us, track.scores.track) for track in each.timeline.tracks for span in track.scores.spans
        )
        for at_us, _ in moments:
            yield int(any(stretch.start_us <= at_us < stretch.end_us for stretch in known.segments))
