"""Films in, timelines out: with a detector that sees dark faces, in films that are dark where the test says so."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
import skimage.data
import tiny
import torch
import videos
from faces.scenes import head, scene
from films import film, tree
from made_timelines import valid
from seers import DARK, LIGHT, dark_seer

from deepfakebench_ext.analysis.analyze import How, analyze
from deepfakebench_ext.analysis.request import AnalysisRequest
from deepfakebench_ext.analysis.taking import Taking
from deepfakebench_ext.common.errors import ConfigError, OutputError
from deepfakebench_ext.data.samples.folders import collect_samples
from deepfakebench_ext.engine.file_inputs import make_face_reader, make_reader
from deepfakebench_ext.engine.input_options import FaceOptions
from deepfakebench_ext.engine.predictor import predict
from deepfakebench_ext.metrics.segments.stretches import Stretch, intersection_over_union
from deepfakebench_ext.models.loading import load_detector

SIZE = (192, 200)


@pytest.fixture(scope="module")
def face():
    return head(skimage.data.astronaut())


def still(face, gain, size=SIZE, centre=(100.0, 96.0)):
    """A frame with the face, and around it this brightness; all of it would be a cut."""
    frame = scene(face, size, 90, centre, gain=LIGHT)
    x, y = round(centre[0]), round(centre[1])
    place = (slice(y - 60, y + 60), slice(x - 60, x + 60))
    frame[place] = (frame[place] * (gain / LIGHT)).astype(np.uint8)
    return frame


def faces_of(detector):
    pytest.importorskip("dlib", reason="dlib is not installed (extra `faces`)")
    return make_face_reader(detector, face_detector="dlib")


def test_a_dark_stretch_of_a_film_is_marked(tmp_path):
    frames = [np.full((96, 128, 3), 160, np.uint8) for _ in range(120)]
    for at, frame in enumerate(frames):
        frame[:48, :64] = 40 if 50 <= at < 80 else 200  # a quarter alone, or it would be a cut
    film(tmp_path / "a.mp4", frames)
    detector = dark_seer(tmp_path, least=0.18)
    (found,) = analyze(detector, [tmp_path / "a.mp4"], How(output_dir=tmp_path / "out"))
    marked = [Stretch.of_seconds(each.start_s, each.end_s) for each in found.timeline.segments]
    assert len(marked) == 1
    assert intersection_over_union(marked[0], Stretch.of_seconds(2.0, 3.2)) > 0.8
    document = json.loads((found.folder / "timeline.json").read_text())
    valid(document)
    assert document["policy"]["calibrated"] is False
    assert document["score"]["decision"] == "no decision"
    assert "not calibrated" in (found.folder / "report.html").read_text()
    assert {path.name for path in (found.folder / "keyframes").iterdir()} == {
        "segment_1.jpg", "segment_1_compare.jpg"
    }  # fmt: skip


def test_one_path_is_one_film(tmp_path):
    (tmp_path / "a").mkdir()
    videos.stamped_video(tmp_path / "a/film.mp4", 5)
    for path in (tmp_path / "a/film.mp4", "a/film.mp4"):
        (found,) = analyze(dark_seer(tmp_path), path, How(output_dir=tmp_path / "out"))
        assert found.file.endswith("a/film.mp4")


def test_scores_are_the_evaluators_bit_for_bit(tmp_path):
    videos.stamped_video(tmp_path / "a.mp4", 60)
    torch.save(tiny.clip_detector_state(), tmp_path / "w.pth")
    detector = load_detector(tiny.CLIP_YAML, str(tmp_path / "w.pth"), device="cpu", dtype="float32")
    (found,) = analyze(detector, [tmp_path / "a.mp4"], How(output_dir=tmp_path / "out"))
    reader = make_reader(detector, sampling="fps", fps=5)
    samples = collect_samples(tmp_path / "a.mp4", kind="video")
    expected = [each for batch in predict(detector, reader, samples, batch_size=4, workers=1) for each in batch]
    spans = [span for track in found.timeline.tracks for span in track.scores.spans]
    assert [span.score for span in spans] == [each.score for each in expected]
    assert [span.at_us / 1e6 for span in spans] == [each.start_s for each in expected]


def test_scores_of_a_still_face_are_the_evaluators_too(tmp_path, face):
    film(tmp_path / "a.mp4", [still(face, 1.0)] * 30)
    torch.save(tiny.clip_detector_state(), tmp_path / "w.pth")
    detector = load_detector(tiny.CLIP_YAML, str(tmp_path / "w.pth"), device="cpu", dtype="float32")
    faces = faces_of(detector)
    (found,) = analyze(detector, [tmp_path / "a.mp4"], How(output_dir=tmp_path / "out", faces=faces))
    reader = make_reader(detector, sampling="fps", fps=5, faces=faces)
    samples = collect_samples(tmp_path / "a.mp4", kind="video")
    expected = [each.score for batch in predict(detector, reader, samples, batch_size=4, workers=1) for each in batch]
    (track,) = found.timeline.tracks
    assert [span.score for span in track.scores.spans] == expected


def test_of_two_faces_only_the_faked_one_is_marked(tmp_path, face):
    def frame(at):
        gain = DARK if 25 <= at < 65 else LIGHT
        return np.concatenate([still(face, LIGHT, centre=(80.0 + at / 4, 96.0)), still(face, gain)], axis=1)

    film(tmp_path / "a.mp4", [frame(at) for at in range(90)])
    detector = dark_seer(tmp_path)
    (found,) = analyze(detector, [tmp_path / "a.mp4"], How(output_dir=tmp_path / "out", faces=faces_of(detector)))
    assert len(found.timeline.tracks) == 2
    right = max(found.timeline.tracks, key=lambda track: track.boxes[0][1][0]).scores.track
    (marked,) = found.timeline.segments
    assert marked.track == right
    assert intersection_over_union(marked, Stretch.of_seconds(1.0, 2.6)) > 0.8


def test_a_cut_inside_a_fake_divides_it(tmp_path, face):
    one = [still(face, DARK if at >= 25 else LIGHT) for at in range(50)]
    other = [still(face, DARK if at < 25 else LIGHT)[:, ::-1].copy() for at in range(50)]
    for frame in other:
        frame[:30], frame[165:] = (200, 60, 20), (20, 60, 200)
    film(tmp_path / "a.mp4", [*one, *other])
    detector = dark_seer(tmp_path)
    (found,) = analyze(detector, [tmp_path / "a.mp4"], How(output_dir=tmp_path / "out", faces=faces_of(detector)))
    assert [(shot.start_s, shot.end_s) for shot in found.timeline.shots] == [(0.0, 2.0), (2.0, 4.0)]
    assert [(each.shot, each.start_s < 2 < each.end_s) for each in found.timeline.segments] == [(1, False), (2, False)]


def test_a_face_that_leaves_is_unscored_and_not_real(tmp_path, face):
    empty = np.full((*SIZE, 3), 100, np.uint8)
    film(tmp_path / "a.mp4", [*[still(face, LIGHT)] * 40, *[empty] * 40])
    detector = dark_seer(tmp_path)
    (found,) = analyze(detector, [tmp_path / "a.mp4"], How(output_dir=tmp_path / "out", faces=faces_of(detector)))
    last = found.timeline.unscored[-1]
    assert (last.reason, last.track, last.where.end_s) == ("no face found", None, 3.2)
    assert last.where.start_s == pytest.approx(1.6, abs=0.05)
    scored = [span for track in found.timeline.tracks for span in track.scores.spans]
    assert max(span.end_s for span in scored) <= last.where.start_s
    document = json.loads((found.folder / "timeline.json").read_text())
    valid(document)


def test_times_are_those_of_the_file_where_frames_are_unevenly_long(tmp_path):
    times = videos.stamped_video(tmp_path / "a.mp4", 40, vfr=True)
    detector = dark_seer(tmp_path)
    (found,) = analyze(detector, [tmp_path / "a.mp4"], How(output_dir=tmp_path / "out", taking=Taking(fps=1000)))
    at = [span.at_us for track in found.timeline.tracks for span in track.scores.spans]
    assert at == [round(time * 1e6) for time in times]
    assert found.timeline.unscored == ()  # its last frame is not as long as the one before


@pytest.mark.parametrize("frames", [1, 3])
def test_a_film_shorter_than_a_clip_is_unscored_from_end_to_end(tmp_path, frames):
    videos.stamped_video(tmp_path / "a.mp4", frames)
    (found,) = analyze(dark_seer(tmp_path, "video"), [tmp_path / "a.mp4"], How(output_dir=tmp_path / "out"))
    (whole,) = found.timeline.unscored
    assert (whole.where.start_s, whole.where.end_s) == (0, pytest.approx(frames / 25))
    assert whole.reason == "in sight for less than the 4 frames of a clip"


def test_clips_cover_a_track_by_halves_and_scores_are_their_means(tmp_path, face):
    dark = [still(face, DARK if 24 <= at < 60 else LIGHT) for at in range(90)]
    film(tmp_path / "a.mp4", dark)
    detector = dark_seer(tmp_path, "video")
    (found,) = analyze(detector, [tmp_path / "a.mp4"], How(output_dir=tmp_path / "out", faces=faces_of(detector)))
    clips = json.loads((found.folder / "film.json").read_text())["tracks"][0]["clips"]
    assert [clip["start_us"] for clip in clips[:3]] == [0, 80_000, 160_000]
    assert clips[0]["end_us"] == 160_000
    spans = found.timeline.tracks[0].scores.spans
    assert {span.units for span in spans} == {1, 2}
    assert (spans[0].start_us, spans[-1].end_us) == (0, 3_600_000)
    (marked,) = found.timeline.segments
    assert intersection_over_union(marked, Stretch.of_seconds(0.96, 2.4)) > 0.8


def test_small_faces_are_left_out_with_the_reason(tmp_path, face):
    film(tmp_path / "a.mp4", [still(face, LIGHT)] * 40)
    detector = dark_seer(tmp_path)
    how = How(output_dir=tmp_path / "out", faces=faces_of(detector), taking=Taking(min_face_px=120))
    (found,) = analyze(detector, [tmp_path / "a.mp4"], how)
    assert found.timeline.score.score is None
    assert [(each.reason, each.track) for each in found.timeline.unscored] == [("face less than 120 px wide", 1)]


@pytest.mark.parametrize("option", [{"face": "all"}, {"no_face": "full_frame"}, {"crop_cache": "kept"}])
def test_options_of_faces_that_an_analysis_would_pass_over_are_refused(tmp_path, option):
    pytest.importorskip("dlib", reason="dlib is not installed (extra `faces`)")
    detector = dark_seer(tmp_path)
    faces = make_face_reader(detector, face_detector="dlib", **option)
    with pytest.raises(ConfigError, match=f"an analysis takes no {next(iter(option))}"):
        How(faces=faces)
    with pytest.raises(ConfigError, match=f"an analysis takes no {next(iter(option))}"):
        AnalysisRequest(cutting=FaceOptions(face_detector="dlib", **option)).how(detector)


class Killed(Exception):
    pass


@pytest.mark.parametrize("batches", [1, 3])
def test_a_run_that_was_cut_off_goes_on_and_ends_with_the_same_bytes(tmp_path, face, batches):
    frames = [still(face, DARK if 25 <= at < 65 else LIGHT, centre=(80.0 + at / 4, 96.0)) for at in range(90)]
    film(tmp_path / "a.mp4", frames)
    detector = dark_seer(tmp_path)
    faces = faces_of(detector)
    (whole,) = analyze(detector, [tmp_path / "a.mp4"], How(output_dir=tmp_path / "whole", faces=faces))
    see, calls = detector.forward, []

    def dies(batch, inference=False):
        calls.append(len(batch["image"]))
        if len(calls) > batches:
            raise Killed
        return see(batch, inference)

    detector.forward = dies
    with pytest.raises(Killed):
        analyze(detector, [tmp_path / "a.mp4"], How(output_dir=tmp_path / "cut", faces=faces))
    (journal,) = (tmp_path / "cut").rglob("scores.jsonl")
    assert len(journal.read_text().splitlines()) == 4 * batches
    for file in (journal, journal.with_name("searches.jsonl")):
        file.write_bytes(file.read_bytes() + b'{"key": "a.mp')
    detector.forward = see
    (again,) = analyze(detector, [tmp_path / "a.mp4"], How(output_dir=tmp_path / "cut", faces=faces))
    assert {name: data for name, data in tree(again.folder).items() if name != ".lock"} == {
        name: data for name, data in tree(whole.folder).items() if name != ".lock"
    }


class Counting:
    """A face detector that counts its searches."""

    def __init__(self, detector):
        self.detector, self.searches = detector, 0

    def detect(self, rgb):
        self.searches += 1
        return self.detector.detect(rgb)


def test_a_run_that_goes_on_searches_no_frame_twice(tmp_path, face):
    film(tmp_path / "a.mp4", [still(face, LIGHT, centre=(80.0 + at / 4, 96.0)) for at in range(90)])
    detector = dark_seer(tmp_path)
    faces = faces_of(detector)
    whole = Counting(faces.detector)
    analyze(detector, [tmp_path / "a.mp4"], How(output_dir=tmp_path / "whole", faces=replace(faces, detector=whole)))
    see = detector.forward
    detector.forward = lambda batch, inference=False: (_ for _ in ()).throw(Killed)
    cut, again = Counting(faces.detector), Counting(faces.detector)
    with pytest.raises(Killed):
        analyze(detector, [tmp_path / "a.mp4"], How(output_dir=tmp_path / "cut", faces=replace(faces, detector=cut)))
    detector.forward = see
    how = How(output_dir=tmp_path / "cut", faces=replace(faces, detector=again))
    (done,) = analyze(detector, [tmp_path / "a.mp4"], how)
    assert cut.searches > 0
    assert cut.searches + again.searches == whole.searches
    assert not (done.folder / "searches.jsonl").exists()


def test_damaged_searches_are_said(tmp_path, face):
    film(tmp_path / "a.mp4", [still(face, LIGHT)] * 9)
    detector = dark_seer(tmp_path)
    how = How(output_dir=tmp_path / "out", faces=faces_of(detector))
    see = detector.forward
    detector.forward = lambda batch, inference=False: (_ for _ in ()).throw(Killed)
    with pytest.raises(Killed):
        analyze(detector, [tmp_path / "a.mp4"], how)
    (path,) = (tmp_path / "out").rglob("searches.jsonl")
    path.write_text('{"faces": [{"bbox_px": [1, 2, 3], "landmarks_px": null, "score": 1}]}\n')
    detector.forward = see
    with pytest.raises(OutputError, match=r"searches.jsonl is damaged: line 1 holds no faces"):
        analyze(detector, [tmp_path / "a.mp4"], how)


def test_a_run_that_is_done_is_not_scored_again(tmp_path):
    videos.stamped_video(tmp_path / "a.mp4", 40)
    detector = dark_seer(tmp_path)
    (first,) = analyze(detector, [tmp_path / "a.mp4"], How(output_dir=tmp_path / "out"))
    before = tree(first.folder)
    detector.forward = None
    analyze(detector, [tmp_path / "a.mp4"], How(output_dir=tmp_path / "out"))
    assert tree(first.folder) == before


def test_a_file_that_is_no_video_does_not_stop_the_others(tmp_path):
    (tmp_path / "films").mkdir()
    videos.stamped_video(tmp_path / "films/b.mp4", 40)
    (tmp_path / "films/a.mp4").write_text("not a video")
    videos.sound(tmp_path / "films/c.mp4")
    videos.piece(tmp_path / "films/b.mp4", tmp_path / "films/d.mp4", 0.0, 0.5)
    found = analyze(dark_seer(tmp_path), [tmp_path / "films"], How(output_dir=tmp_path / "out"))
    assert [each.timeline is not None for each in found] == [False, True, False, False]
    assert all(each.reason for each in found if each.timeline is None)


def test_folders_that_contradict_each_other_do_not_stop_an_analysis(tmp_path):
    (tmp_path / "real/fake/real_vs_fake").mkdir(parents=True)
    videos.stamped_video(tmp_path / "real/fake/real_vs_fake/a.mp4", 5)
    (found,) = analyze(dark_seer(tmp_path), [tmp_path / "real"], How(output_dir=tmp_path / "out"))
    assert found.timeline is not None


def test_what_cannot_be_decoded_of_a_film_is_unscored(tmp_path):
    videos.stamped_video(tmp_path / "whole.avi", 100, gop=10)
    videos.piece(tmp_path / "whole.avi", tmp_path / "a.avi", 0.0, 0.6)
    (found,) = analyze(dark_seer(tmp_path), [tmp_path / "a.avi"], How(output_dir=tmp_path / "out"))
    assert "cut short or damaged" in found.reason
    assert "cut short or damaged" in (found.folder / "report.html").read_text()


def test_a_film_that_starts_late_has_its_own_times(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 25)
        for at in range(30):
            frame = av.VideoFrame.from_ndarray(videos.stamp(at)).reformat(format="yuv420p")
            frame.pts, frame.time_base = at + 20, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    (found,) = analyze(dark_seer(tmp_path), [tmp_path / "a.mp4"], How(output_dir=tmp_path / "out"))
    assert found.timeline.video.start_us == 800_000
    assert found.timeline.shots[0].start_us == 800_000
