"""Films spliced with blends, and the truth of them."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
import skimage.data
from faces.scenes import head, scene
from films import film, tree

from deepfakebench_ext.analysis.formats.truth import read_truth
from deepfakebench_ext.analysis.splicing import (
    APART_S,
    LONGEST_S,
    SHORTEST_S,
    Presence,
    Seen,
    blend_face,
    planned,
    splice,
)
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.data.samples.folders import collect_samples
from deepfakebench_ext.media.video import every_frame

HULL = np.array([(10, 10), (50, 10), (50, 60), (10, 60)], np.float32)


def presence(shot, frames):
    return Presence(shot, dict.fromkeys(frames, HULL))


def seen(num_frames=250, **faces):
    times = [(at * 40_000, (at + 1) * 40_000) for at in range(num_frames)]
    return Seen(times, {int(name[1:]): face for name, face in faces.items()})


@pytest.fixture(scope="module")
def detector():
    pytest.importorskip("dlib", reason="dlib is not installed (extra `faces`)")
    from deepfakebench_ext.faces.dlib_detector import DlibDetector

    return DlibDetector(None)


@pytest.fixture
def real(tmp_path):
    face = head(skimage.data.astronaut())
    frames = [
        np.concatenate([scene(face, (192, 200), 90, (80.0 + at / 4, 96.0)), scene(face, (192, 200), 90)], axis=1)
        for at in range(75)
    ]
    film(tmp_path / "real/a.mp4", frames)
    return collect_samples(tmp_path / "real", kind="video")


@pytest.mark.parametrize("seed", range(20))
def test_stretches_are_as_long_as_said_and_apart(seed):
    found = seen(f1=presence(1, range(150)), f2=presence(2, range(150, 250)), f3=presence(1, range(20, 90)))
    fakes = planned(found, 3, np.random.default_rng(seed), first="cut")
    assert fakes
    for fake in fakes:
        assert SHORTEST_S <= (fake.last - fake.first) / 25 <= LONGEST_S + 0.08
        for frame in range(fake.first, fake.last):
            assert any(frame in found.faces[track].hulls for track in fake.tracks)
    for one, other in pairwise(fakes):
        assert (other.first - one.last) / 25 >= APART_S


@pytest.mark.parametrize(("place", "touches"), [("start", 0), ("end", 250)])
def test_stretches_reach_the_ends_of_the_film(place, touches):
    found = seen(f1=presence(1, range(250)))
    (fake,) = planned(found, 1, np.random.default_rng(3), first=place)
    assert touches in (fake.first, fake.last)
    assert fake.place == place


def test_a_stretch_around_a_cut_is_on_both_sides_of_it():
    found = seen(f1=presence(1, range(100)), f2=presence(2, range(100, 250)))
    (fake,) = planned(found, 1, np.random.default_rng(0), first="cut")
    assert fake.tracks == (1, 2)
    assert fake.first < 100 < fake.last


def test_a_gap_in_a_track_is_in_no_stretch():
    found = seen(f1=presence(1, [*range(40), *range(60, 250)]))
    for seed in range(10):
        for fake in planned(found, 3, np.random.default_rng(seed), first="start"):
            assert not any(fake.first <= frame < fake.last for frame in range(40, 60))


def test_where_no_face_stays_nothing_is_planned():
    assert planned(seen(f1=presence(1, range(100, 103))), 2, np.random.default_rng(0), first="start") == []


def test_a_blend_is_the_same_in_each_frame_and_only_around_the_face():
    rgb = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    hull = HULL + np.array([60, 20], np.float32)
    once, again, other = (blend_face(rgb, hull, seed) for seed in (1, 1, 2))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)
    changed = np.argwhere((once != rgb).any(axis=2))
    assert changed[:, 1].min() >= 70 - 0.75 * 40 - 1
    assert not np.array_equal(once[45:65, 85:100], rgb[45:65, 85:100])


def test_the_set_differs_where_the_truth_says_and_of_one_face(tmp_path, detector, real):
    truth, refused = splice(real, tmp_path / "set", detector, per_film=1, seed=1, crf=4)
    assert refused == []
    plain, spliced = read_truth(truth)
    assert (plain.file, plain.segments) == ("real/0000_a.mp4", ())
    (stretch,) = spliced.segments
    pairs = zip(*(every_frame(tmp_path / "set" / each.file) for each in (plain, spliced)), strict=True)
    apart = {}
    for one, other in pairs:
        gap = np.abs(one.rgb.astype(int) - other.rgb).mean(axis=(0, 2))
        apart[one.time_s] = (gap[:200].mean(), gap[200:].mean())
    inside = [gaps for time, gaps in apart.items() if stretch.start_s <= time < stretch.end_s]
    outside = [gaps for time, gaps in apart.items() if not stretch.start_s <= time < stretch.end_s]
    assert min(max(gaps) for gaps in inside) > 5 * max(max(gaps) for gaps in outside)
    assert max(min(gaps) for gaps in inside) < 0.3 * min(max(gaps) for gaps in inside)
    document = json.loads(truth.read_text())
    assert document["videos"][1]["segments"][0]["place"] == "start"


def test_the_same_seed_gives_the_same_set(tmp_path, detector, real):
    for name in ("one", "other"):
        splice(real, tmp_path / name, detector, seed=5)
    assert tree(tmp_path / "one") == tree(tmp_path / "other")


def test_a_folder_with_films_of_another_set_is_refused(tmp_path, detector, real):
    (tmp_path / "data/real").mkdir(parents=True)
    (tmp_path / "data/real/talk.mp4").write_text("a film of the user's own")
    with pytest.raises(ConfigError, match=r"real holds talk\.mp4, which is not of this set"):
        splice(real, tmp_path / "data", detector)
    assert [path.name for path in (tmp_path / "data").rglob("*")] == ["real", "talk.mp4"]


def test_films_without_a_face_are_left_out_with_the_reason(tmp_path, detector):
    film(tmp_path / "films/a.mp4", [np.full((96, 128, 3), 120, np.uint8)] * 20)
    with pytest.raises(ConfigError, match="no face is in sight"):
        splice(collect_samples(tmp_path / "films", kind="video"), tmp_path / "set", detector)


@pytest.mark.parametrize("options", [{"per_film": 0}, {"crf": 52}, {"seed": -1}])
def test_numbers_out_of_range_are_refused(tmp_path, detector, options):
    with pytest.raises(ConfigError, match=r"--(per_video|crf|seed) -?\d+ is not allowed"):
        splice([], tmp_path / "set", detector, **options)
