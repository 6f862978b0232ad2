"""Frames out of the middle of a film are those of a sequential decode, or come from one."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import av
import numpy as np
import pytest
from videos import after_sound, damaged, edited, joined, piece, stamped_video, thinned, trimmed

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.media import pyav_backend, seeking, video
from deepfakebench_ext.media.keyframes import KeyCheck
from deepfakebench_ext.media.sampled import sampled
from deepfakebench_ext.media.sampling import uniform_indices
from deepfakebench_ext.media.video import EndOfVideo, every_frame, read_frames, scan

NUM_FRAMES = 300
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}
FILMS = {
    "h264.mp4": {},
    "vfr.mp4": {"vfr": True},
    "pyramid.mp4": {"codec_options": {"bf": "5", "x264-params": "b-pyramid=normal:ref=5"}},
    "fragments.mp4": {"container_options": FRAGMENTS},
    "ten bits.mp4": {"pix_fmt": "yuv420p10le"},
    "turned.mp4": {"rotate": 90},
    "vfr.mkv": {"vfr": True, "fps": 30},
    "h264.mov": {"pix_fmt": "yuv444p", "size": (129, 97)},
    "hevc.mp4": {"codec": "libx265", "codec_options": {"preset": "ultrafast", "x265-params": "open-gop=0:log-level=0"}},
    "vp9.webm": {"size": (129, 97)},
    "alternate.webm": {
        "codec_options": {"deadline": "good", "cpu-used": "5", "auto-alt-ref": "1", "lag-in-frames": "16"}
    },
    "vp8.webm": {"codec": "libvpx"},
    "mjpeg.mov": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
}
OPEN = "open-gop=1:keyint=24:min-keyint=24:scenecut=0"
LAYERS = "ts_number_layers=3:ts_target_bitrate=100,200,400:ts_rate_decimator=4,2,1:ts_periodicity=4:ts_layer_id=0,2,1,2"
FURTHER = {
    "some closed.mkv": {"codec_options": {"forced-idr": "1", "x264-params": OPEN}, "keys": range(40, NUM_FRAMES, 60)},
    "sets.mp4": {"codec_options": {"x264-params": "repeat-headers=1:aud=1:slices=3"}},
    "matrices.mp4": {"codec_options": {"x264-params": "cqm=jvt:bframes=3"}},
    "interlaced.mp4": {"codec_options": {"flags": "+ildct+ilme", "x264-params": "tff=1:bframes=3"}},
    "fields.mkv": {
        "codec": "libx265",
        "codec_options": {"preset": "ultrafast", "x265-params": "open-gop=0:interlace=tff:log-level=0"},
    },
    "dash.mp4": {"container_options": {"movflags": "dash+frag_keyframe+global_sidx"}},
    "a fragment each.mp4": {"container_options": {"movflags": "frag_every_frame+empty_moov"}},
    "before they are decoded.mp4": {"container_options": {"movflags": "negative_cts_offsets"}},
    "no edits.mp4": {"container_options": {"use_editlist": "0"}},
    "no cues.mkv": {"container_options": {"live": "1"}},
    "late.mp4": {"first_tick": 50},
    "late.mkv": {"first_tick": 50},
    "layers.webm": {"codec_options": {"ts-parameters": f"{LAYERS}:ts_layering_mode=3"}},
    "alternate.mp4": {
        "codec": "libvpx-vp9",
        "codec_options": {"deadline": "good", "cpu-used": "5", "auto-alt-ref": "6", "lag-in-frames": "25"},
    },
    "transparent.webm": {"pix_fmt": "yuva420p"},
}
DOUBTFUL = {
    "open.mkv": {"codec_options": {"x264-params": OPEN}},
    "leading.mp4": {
        "codec": "libx265",
        "codec_options": {
            "preset": "ultrafast",
            "x265-params": f"{OPEN.replace('=1', '=0', 1)}:radl=2:bframes=3:log-level=0",
        },
    },
    "before 0.mkv": {"first_tick": -30, "container_options": {"avoid_negative_ts": "disabled"}},
    "no time between.mkv": {"fps": 2000},
    "av1.mp4": {"codec": "libsvtav1", "codec_options": {"preset": "12", "svtav1-params": "lp=1"}},
    "refresh.mkv": {"codec_options": {"bf": "0", "x264-params": "intra-refresh=1:keyint=24:scenecut=0"}},
    "open.mp4": {"codec": "libx265", "codec_options": {"preset": "ultrafast", "x265-params": "log-level=0"}},
    "h264.ts": {},
    "h264.flv": {},
    "mpeg4.avi": {},
    "mpeg2.mpg": {},
    "mpeg4.mp4": {"codec": "mpeg4"},
}
PLANS = ([299], [0, 150, 299], [100, 101, 102, 250], [7, 90, 91, 130, 131, 133, 217])


@pytest.fixture(scope="session")
def film(tmp_path_factory):
    """Path of a film, and all its frames by a sequential decode; made when first asked for."""
    folder, done = tmp_path_factory.mktemp("long"), {}

    def make(name):
        if name not in done:
            stamped_video(folder / name, NUM_FRAMES, gop=24, **{**FILMS, **FURTHER, **DOUBTFUL}[name])
            done[name] = (folder / name, list(every_frame(folder / name, backend="pyav")))
        return done[name]

    return make


@pytest.fixture
def sought(monkeypatch):
    """Numbers of the frames that were not taken from a sequential decode."""
    numbers, pictures_at = [], seeking.pictures_at

    def noting(*args):
        for number, picture in pictures_at(*args):
            numbers.append(number)
            yield number, picture

    monkeypatch.setattr(seeking, "pictures_at", noting)
    return numbers


def check_same(found, whole):
    assert len(found) > 0
    for frame in found:
        there = whole[frame.index]
        assert (frame.time_s, frame.end_s) == (there.time_s, there.end_s)
        np.testing.assert_array_equal(frame.rgb, there.rgb)


@pytest.mark.parametrize("plan", PLANS, ids=str)
@pytest.mark.parametrize("name", FILMS)
def test_frames_are_those_of_a_sequential_decode_to_the_bit(film, sought, name, plan):
    path, whole = film(name)
    found = list(read_frames(path, plan, backend="pyav"))
    assert [frame.index for frame in found] == plan
    check_same(found, whole)
    assert sought == plan


@pytest.mark.parametrize("name", FURTHER)
def test_so_are_those_of_films_of_further_kinds(film, sought, name):
    path, whole = film(name)
    plan = [97, 118, 150, 211, 299]
    check_same(list(read_frames(path, plan, backend="pyav")), whole)
    assert sought == plan


@pytest.mark.parametrize("name", DOUBTFUL)
def test_where_a_keyframe_may_lean_on_what_was_before_nothing_is_sought(film, sought, name):
    path, whole = film(name)
    last = len(whole) - 1
    found = list(read_frames(path, [3, last - 40, last], backend="pyav"))
    check_same(found, whole)
    assert sought == []


@pytest.mark.parametrize("name", ["h264.mp4", "vp9.webm"])
def test_a_sample_of_a_film_is_that_of_a_sequential_decode(film, sought, name):
    path, whole = film(name)
    found = sampled(path, lambda count: uniform_indices(count, 6), lambda frame: frame, backend="pyav")
    assert found.indices == uniform_indices(NUM_FRAMES, 6)
    assert (found.num_frames, found.damage) == (NUM_FRAMES, "")
    check_same(found.items, whole)
    assert sought


def test_frames_close_together_are_decoded_in_one_go(film, sought):
    path, whole = film("h264.mp4")
    check_same(list(read_frames(path, range(NUM_FRAMES), backend="pyav")), whole)
    assert sought == []


@pytest.mark.parametrize("seed", range(12))
def test_damage_on_the_way_to_a_frame_is_met_by_a_sequential_decode(film, sought, tmp_path, seed):
    path, clean = film("h264.mp4")
    damaged(path, tmp_path / "v.mp4", seed)
    whole = list(every_frame(tmp_path / "v.mp4", backend="pyav"))
    hurt = [
        at for at, (one, other) in enumerate(zip(whole, clean, strict=False)) if not np.array_equal(one.rgb, other.rgb)
    ]
    plan = [hurt[0] if hurt else 150]
    (found,) = read_frames(tmp_path / "v.mp4", plan, backend="pyav")
    assert found.time_s == whole[plan[0]].time_s
    if not sought:
        return
    check_same([found], whole)


@pytest.mark.parametrize("name", ["vp9.webm", "vfr.mkv", "no cues.mkv"])
def test_a_film_that_breaks_off_gives_what_a_sequential_decode_gives(film, tmp_path, name):
    piece(film(name)[0], tmp_path / f"cut {name}", 0.0, 0.8)
    whole = list(every_frame(tmp_path / f"cut {name}", backend="pyav"))
    check_same(list(read_frames(tmp_path / f"cut {name}", [10, len(whole) - 1], backend="pyav")), whole)


@pytest.mark.parametrize("name", ["fragments.mp4", "a fragment each.mp4", "dash.mp4"])
def test_a_recording_that_breaks_off_within_its_pictures_gives_the_same(film, tmp_path, name):
    whole = film(name)[0].read_bytes()
    (tmp_path / "v.mp4").write_bytes(whole[: whole.rindex(b"mdat", 0, len(whole) * 8 // 10) + 20])
    frames = list(every_frame(tmp_path / "v.mp4", backend="pyav"))
    check_same(list(read_frames(tmp_path / "v.mp4", [10, len(frames) - 1], backend="pyav")), frames)


@pytest.mark.parametrize("name", ["pyramid.mp4", "interlaced.mp4", "matrices.mp4"])
def test_pictures_that_never_arrived_are_made_up_for_as_in_a_sequential_decode(film, tmp_path, name):
    thinned(film(name)[0], tmp_path / "v.mp4", (125, 171, 172, 230))
    whole = list(every_frame(tmp_path / "v.mp4", backend="pyav"))
    for number in range(122, len(whole), 5):
        check_same(list(read_frames(tmp_path / "v.mp4", [number], backend="pyav")), whole)


@pytest.mark.parametrize("first", [5, 24, 60])
def test_an_edit_list_moves_no_frame(film, tmp_path, first):
    trimmed(film("h264.mp4")[0], tmp_path / "v.mp4", first)
    whole = list(every_frame(tmp_path / "v.mp4", backend="pyav"))
    check_same(list(read_frames(tmp_path / "v.mp4", [0, 150, len(whole) - 1], backend="pyav")), whole)


@pytest.mark.parametrize(
    "edits",
    [
        [(None, 25), (0, 300)],
        [(200, 290), (0, 190)],
        [(5, 140), (163, 290)],
        [(10, 160), (10, 160)],
        [(0, 100), (None, 9), (120, 280)],
    ],
    ids=["empty first", "turned round", "two parts", "one twice", "a gap"],
)
def test_no_order_in_which_a_film_shows_its_parts_moves_a_frame(film, tmp_path, edits):
    edited(film("h264.mp4")[0], tmp_path / "v.mp4", edits)
    whole = list(every_frame(tmp_path / "v.mp4", backend="pyav"))
    last = len(whole) - 1
    check_same(list(read_frames(tmp_path / "v.mp4", [1, last - 50, last], backend="pyav")), whole)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("names", ["sets.mp4 interlaced.mp4", "h264.mp4 sets.mp4 h264.mp4", "turned.mp4 h264.mp4"])
def test_films_joined_to_one_are_those_of_a_sequential_decode(film, tmp_path, names, suffix):
    path = tmp_path / f"v{suffix}"
    joined([film(name)[0] for name in names.split()], path)
    whole = list(every_frame(path, backend="pyav"))
    for number in range(120, len(whole), 45):
        check_same(list(read_frames(path, [number], backend="pyav")), whole)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_before_the_pictures_moves_no_frame(film, sought, tmp_path, suffix):
    path = tmp_path / f"v{suffix}"
    after_sound(film("h264.mp4")[0], path)
    whole = list(every_frame(path, backend="pyav"))
    check_same(list(read_frames(path, [150, 260], backend="pyav")), whole)
    assert sought == [150, 260]


@pytest.mark.parametrize("broken", ["elsewhere", "error"])
def test_a_search_that_fails_is_made_up_for_by_a_sequential_decode(film, sought, monkeypatch, broken):
    path, whole = film("h264.mp4")
    monkeypatch.setattr(seeking, "opened", _whose_search(broken))
    check_same(list(read_frames(path, [100, 200, 299], backend="pyav")), whole)
    assert sought == []


def test_a_frame_at_another_time_than_promised_ends_the_search(film, sought, monkeypatch):
    path, whole = film("h264.mp4")
    entry = next(entry for entry in scan(path, backend="pyav").index.entries if entry.first > 150)
    monkeypatch.setattr(video, "scan", _with_one_frame_late(scan, entry.first + 3))
    plan = [100, entry.first + 3, 299]
    found = list(read_frames(path, plan, backend="pyav"))
    assert [frame.index for frame in found] == plan
    check_same(found, whole)
    assert sought == [100]


def _with_one_frame_late(scan, number):
    def late(path, *, backend=None):
        found = scan(path, backend=backend)
        pts = list(found.index.pts)
        pts[number] += 1
        return replace(found, index=replace(found.index, pts=tuple(pts)))

    return late


def _whose_search(how):
    @contextmanager
    def opened(path):
        with pyav_backend.opened(path) as (container, stream):

            def seek(pts, *, stream):
                if how == "error":
                    raise av.error.InvalidDataError(1, "no")
                container.seek(280 * pts // 100, stream=stream)

            yield SimpleNamespace(format=container.format, seek=seek, demux=container.demux), stream

    return opened


def test_a_frame_behind_the_last_is_the_end_of_the_video(film):
    with pytest.raises(EndOfVideo, match=r"frame 900 was asked for, and only 300 can be decoded"):
        list(read_frames(film("h264.mp4")[0], [100, 900], backend="pyav"))


def test_no_film_is_refused_as_ever(tmp_path):
    (tmp_path / "v.mp4").write_text("no film" * 100)
    with pytest.raises(MediaError, match=r"v\.mp4"):
        list(read_frames(tmp_path / "v.mp4", [500], backend="pyav"))


@pytest.mark.parametrize(
    ("codec", "packets", "begin"),
    [
        ("h264", [b"\0\0\1\x67\0\0\1\x68\0\0\1\x65", b"\0\0\1\x65"], [True, False]),
        ("h264", [b"\0\0\1\x65", b"\0\0\1\x65"], [True, True]),
        ("h264", [b"\0\0\1\x41", b"\0\0\1\x06\0\0\1\x41"], [False, False]),
        ("hevc", [b"\0\0\1\x26\1", b"\0\0\1\x2a\1"], [True, False]),
        ("vp8", [b"\0", b"\1"], [True, False]),
        ("vp9", [b"\x82", b"\x86", b"\x8a"], [True, False, False]),
        ("theora", [b"\0"], [False]),
    ],
)
def test_a_keyframe_is_known_by_its_own_bytes(codec, packets, begin):
    check = KeyCheck(codec, None)
    assert [check.begins(packet + b"\0\0\0") for packet in packets] == begin
