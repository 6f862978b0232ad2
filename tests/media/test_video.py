"""Every frame is known by the number in its pixels."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from PIL import Image
from videos import CODECS, damaged, piece, sound, stamp, stamp_of, stamped_video, trimmed

from deepfakebench_ext.common.errors import MediaError
from deepfakebench_ext.common.suffixes import is_video_name
from deepfakebench_ext.media import opencv_backend, pyav_backend, video
from deepfakebench_ext.media.sampled import sampled
from deepfakebench_ext.media.sampling import clips, uniform_indices
from deepfakebench_ext.media.video import EndOfVideo, frames_at_rate, read_frames, remark, scan

NUM_FRAMES = 40
BACKENDS = ("pyav", "opencv")
CONTAINERS = {
    "h264.mp4": {},
    "vfr.mp4": {"vfr": True},
    "fragments.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "ten bits.mp4": {"pix_fmt": "yuv420p10le"},
    "full range.mp4": {"pix_fmt": "yuvj420p"},
    "709.mp4": {"codec_options": {"colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709"}},
    "h264.mov": {"pix_fmt": "yuv444p", "size": (129, 97)},
    "vfr.mkv": {"vfr": True, "fps": 30},
    "vp9.webm": {"size": (129, 97)},
    "mpeg4.avi": {},
    "h264.avi": {"codec": "libx264"},
    "mjpeg.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "h264.ts": {},
    "mpeg2.ts": {"codec": "mpeg2video"},
    "mpeg2.mpg": {},
    "h264.flv": {},
    "wmv2.wmv": {},
    "h264.3gp": {},
}
ROUNDED = 0.0011  # Matroska and FLV count in milliseconds

backends = pytest.mark.parametrize("backend", BACKENDS)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Path and true times of a video of CONTAINERS, made when first asked for."""
    folder, done = tmp_path_factory.mktemp("videos"), {}

    def make(name):
        if name not in done:
            done[name] = (folder / name, stamped_video(folder / name, NUM_FRAMES, **CONTAINERS[name]))
        return done[name]

    return make


def begins(name, backend):
    """When the first frame is shown: fragments have no edit list, which would take away what B-frames delay."""
    return 0.08 if name == "fragments.mp4" and backend == "pyav" else 0.0


def everything(path, backend=None):
    return list(frames_at_rate(path, 1000.0, backend=backend))


def stamps(frames):
    return [stamp_of(frame.rgb) for frame in frames]


@backends
@pytest.mark.parametrize("name", CONTAINERS)
def test_every_frame_comes_once_in_order_and_with_its_time(made, name, backend):
    path, times_s = made(name)
    frames = list(read_frames(path, range(NUM_FRAMES), backend=backend))
    assert stamps(frames) == list(range(NUM_FRAMES))
    assert [frame.index for frame in frames] == list(range(NUM_FRAMES))
    first = begins(name, backend)
    assert [frame.time_s for frame in frames] == pytest.approx([first + time_s for time_s in times_s], abs=ROUNDED)
    ends = [*times_s[1:], times_s[-1] + frames[-1].end_s - frames[-1].time_s]
    if backend == "pyav" and "vfr" not in CONTAINERS[name]:
        assert [frame.end_s for frame in frames] == pytest.approx([first + end_s for end_s in ends], abs=2 * ROUNDED)


@backends
@pytest.mark.parametrize("name", CONTAINERS)
def test_a_scan_counts_the_frames_and_knows_their_times(made, name, backend):
    path, times_s = made(name)
    scanned = scan(path, backend=backend)
    assert scanned.num_frames == NUM_FRAMES
    first = begins(name, backend)
    assert scanned.times_s == pytest.approx([first + time_s for time_s in times_s], abs=ROUNDED)


@pytest.mark.parametrize("name", CONTAINERS)
def test_both_backends_read_the_same_pixels(made, name):
    path, _ = made(name)
    ours, theirs = (everything(path, backend) for backend in BACKENDS)
    tolerance = 4 if name == "ten bits.mp4" else 1
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.rgb.astype(int), other.rgb, atol=tolerance)


@backends
def test_frames_are_rgb_contiguous_and_their_own(made, backend):
    first, second = read_frames(made("h264.mp4")[0], [0, 1], backend=backend)
    assert first.rgb.dtype == np.uint8
    assert first.rgb.shape == (96, 128, 3)
    assert first.rgb.flags.c_contiguous
    assert not np.shares_memory(first.rgb, second.rgb)
    red, _, blue = first.rgb[48, 64]
    assert blue - red > 30


@backends
def test_the_frames_asked_for_are_the_only_ones_converted(made, backend, monkeypatch):
    module = {"pyav": pyav_backend, "opencv": opencv_backend}[backend]
    convert, converted = module._rgb, []

    def counting(*args):
        converted.append(args)
        return convert(*args)

    monkeypatch.setattr(module, "_rgb", counting)
    frames = list(read_frames(made("h264.mp4")[0], [31, 3, 17, 3], backend=backend))
    assert stamps(frames) == [3, 17, 31]
    assert len(converted) == 3


@backends
def test_decoding_stops_after_the_last_frame_asked_for(made, backend, monkeypatch):
    module = {"pyav": pyav_backend, "opencv": opencv_backend}[backend]
    decode, decoded, closed = module.pictures, [], []

    def counting(path):
        try:
            for picture in decode(path):
                decoded.append(picture)
                yield picture
        finally:
            closed.append(path)

    monkeypatch.setattr(module, "pictures", counting)
    list(read_frames(made("h264.mp4")[0], [2, 5], backend=backend))
    assert len(decoded) == 6
    assert closed


def test_no_frames_asked_for_opens_nothing(tmp_path):
    assert list(read_frames(tmp_path / "gone.mp4", [])) == []


def test_a_negative_index_is_an_error(made):
    with pytest.raises(ValueError, match="frame -1 was asked for; the first is 0"):
        list(read_frames(made("h264.mp4")[0], [3, -1]))


@backends
def test_a_frame_behind_the_end_is_an_error_that_counts(made, backend):
    reader = read_frames(made("h264.mp4")[0], [5, 60], backend=backend)
    assert stamp_of(next(reader).rgb) == 5
    with pytest.raises(EndOfVideo, match=r"h264\.mp4: frame 60 was asked for, and only 40 can be decoded") as caught:
        next(reader)
    assert caught.value.decoded == NUM_FRAMES


@backends
@pytest.mark.parametrize("name", ["vfr.mp4", "h264.ts", "mpeg4.avi", "vfr.mkv", "vp9.webm"])
def test_uniform_frames_span_the_video(made, name, backend):
    path, times_s = made(name)
    result = sampled(path, lambda n: uniform_indices(n, 8), lambda f: (stamp_of(f.rgb), f.time_s), backend=backend)
    assert result.indices == (0, 5, 11, 16, 22, 27, 33, 39)
    assert tuple(number for number, _ in result.items) == result.indices
    assert [t for _, t in result.items] == pytest.approx([times_s[index] for index in result.indices], abs=ROUNDED)
    assert (result.num_frames, result.scan.num_frames, result.damage) == (NUM_FRAMES, NUM_FRAMES, "")


@backends
@pytest.mark.parametrize("fps", [1.0, 4.0, 7.5, 25.0])
@pytest.mark.parametrize("name", ["vfr.mp4", "vfr.mkv", "h264.ts", "h264.avi"])
def test_frames_at_a_rate_are_the_first_at_or_after_each_multiple(made, name, fps, backend):
    path, times_s = made(name)
    marks = [k / fps for k in range(int(times_s[-1] * fps) + 1)]
    expected = sorted({next(i for i, t in enumerate(times_s) if t > mark - ROUNDED) for mark in marks})
    frames = list(frames_at_rate(path, fps, backend=backend))
    assert stamps(frames) == expected
    assert [frame.index for frame in frames] == expected
    assert [frame.time_s for frame in frames] == pytest.approx([times_s[index] for index in expected], abs=ROUNDED)


def test_frames_that_clips_share_are_transformed_once(made):
    seen = []

    def number(frame):
        seen.append(frame.index)
        return stamp_of(frame.rgb)

    def plan(num_frames):
        return [index for clip in clips(num_frames, clip_len=16, num_clips=4, short="skip") for index in clip]

    result = sampled(made("h264.mp4")[0], plan, number)
    assert result.items == result.indices == tuple(plan(NUM_FRAMES))
    assert seen == sorted(set(result.indices))


def test_a_plan_for_nothing_gives_nothing(made):
    result = sampled(made("h264.mp4")[0], lambda n: clips(n, clip_len=99, short="skip"), stamp_of)
    assert (result.items, result.num_frames) == ((), NUM_FRAMES)


@backends
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_display_rotation_is_applied(tmp_path, degrees, backend):
    stamped_video(tmp_path / "v.mp4", 12, rotate=degrees)
    frames = everything(tmp_path / "v.mp4", backend)
    assert frames[11].rgb.shape == ((96, 128, 3) if degrees == 180 else (128, 96, 3))
    assert [stamp_of(np.rot90(frame.rgb, -degrees // 90)) for frame in frames] == list(range(12))


def test_a_mirrored_display_is_applied(tmp_path):
    stamped_video(tmp_path / "v.mp4", 12, hflip=True)
    assert [stamp_of(frame.rgb[:, ::-1]) for frame in everything(tmp_path / "v.mp4", "pyav")] == list(range(12))


@backends
def test_an_edit_list_hides_what_it_cuts_off(made, tmp_path, backend):
    trimmed(made("h264.mp4")[0], tmp_path / "v.mp4", first=17)
    frames = everything(tmp_path / "v.mp4", backend)
    assert stamps(frames) == list(range(17, NUM_FRAMES))
    assert [frame.time_s for frame in frames] == pytest.approx([k / 25 for k in range(23)], abs=ROUNDED)
    assert scan(tmp_path / "v.mp4", backend=backend).num_frames == 23


@backends
@pytest.mark.parametrize("name", ["h264.ts", "mpeg2.ts"])
def test_a_stream_cut_in_the_middle_starts_at_what_can_be_decoded(made, tmp_path, name, backend):
    piece(made(name)[0], tmp_path / "v.ts", 0.4)
    frames = everything(tmp_path / "v.ts", backend)
    first = NUM_FRAMES - len(frames)
    assert 10 < first < 30
    assert stamps(frames) == list(range(first, NUM_FRAMES))
    begin = frames[0].time_s  # what cannot be decoded at the beginning has its time too
    assert begin > 0 if backend == "pyav" else begin == 0
    expected = [begin + k / 25 for k in range(len(frames))]
    assert [frame.time_s for frame in frames] == pytest.approx(expected, abs=ROUNDED)
    result = sampled(tmp_path / "v.ts", lambda n: uniform_indices(n, 3), lambda f: stamp_of(f.rgb), backend=backend)
    assert result.items == (first, first + (len(frames) - 1) // 2, NUM_FRAMES - 1)
    assert not result.replanned


@backends
@pytest.mark.parametrize("name", ["fragments.mp4", "mjpeg.avi", "vp9.webm", "mpeg2.ts"])
def test_a_file_cut_short_gives_the_frames_it_has(made, tmp_path, name, backend):
    path = tmp_path / name
    piece(made(name)[0], path, 0.0, 0.6)
    frames = everything(path, backend)
    assert 10 < len(frames) < 35
    assert stamps(frames[:-3]) == list(range(len(frames) - 3))
    result = sampled(path, lambda n: uniform_indices(n, 5), lambda f: f.time_s, backend=backend)
    assert result.num_frames == len(frames)
    assert result.items == tuple(frames[index].time_s for index in uniform_indices(len(frames), 5))


def test_frames_that_were_promised_and_cannot_be_decoded_are_replanned_for(made, tmp_path):
    path = tmp_path / "v.mp4"
    piece(made("fragments.mp4")[0], path, 0.0, 0.6)
    promised, there = scan(path).num_frames, len(everything(path))
    result = sampled(path, lambda n: uniform_indices(n, 4), lambda f: f.index)
    assert there < promised
    assert result.replanned
    assert (result.scan.num_frames, result.num_frames) == (promised, there)
    assert f"the first {there}" in result.damage
    assert result.items == result.indices == uniform_indices(there, 4)
    assert not sampled(path, lambda n: range(4), lambda f: f.index).replanned


@pytest.mark.parametrize("seed", [0, 3, 4, 10])
@pytest.mark.parametrize("name", ["vfr.mkv", "h264.ts", "mjpeg.avi", "vp9.webm"])
def test_damage_costs_the_same_frames_with_any_backend_and_number_of_threads(made, tmp_path, monkeypatch, name, seed):
    path = tmp_path / name
    damaged(made(name)[0], path, seed)

    def times_s(backend):
        return [frame.time_s for frame in everything(path, backend)]

    expected = times_s("pyav")
    assert 10 < len(expected) <= NUM_FRAMES
    assert stamp_of(next(read_frames(path, [0])).rgb) == 0
    assert times_s("opencv") == pytest.approx(expected, abs=0.05)
    for threads in (1, 3):
        monkeypatch.setattr(pyav_backend, "_THREADS", threads)
        assert times_s("pyav") == expected


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("stop", [0.54, 0.62, 0.74, 0.86])
def test_no_thread_keeps_the_last_frames_of_a_file_cut_short(made, tmp_path, monkeypatch, stop, threads):
    piece(made("fragments.mp4")[0], tmp_path / "v.mp4", 0.0, stop)
    monkeypatch.setattr(pyav_backend, "_THREADS", threads)
    assert stamps(everything(tmp_path / "v.mp4", "pyav")) == stamps(everything(tmp_path / "v.mp4", "opencv"))


def test_from_the_first_damage_on_one_thread_decodes(monkeypatch):
    class Decoding:
        """Two threads notice damage at their third frame; one gets more out of the file."""

        def __init__(self, path, threads):
            self.threads, self.damaged = threads, False

        def pictures(self):
            for number in range(3 if self.threads > 1 else 5):
                self.damaged = number >= 2
                yield (self.threads, number)

    monkeypatch.setattr(pyav_backend, "_Decoding", Decoding)
    assert list(pyav_backend.pictures("v.mp4")) == [(2, 0), (2, 1), (1, 2), (1, 3), (1, 4)]


def test_a_frame_that_ffmpeg_calls_corrupt_is_a_sign_of_damage():
    decoding = pyav_backend._Decoding("v.mp4", 2)
    for corrupt in (False, True):
        frames = [SimpleNamespace(is_corrupt=False), SimpleNamespace(is_corrupt=corrupt)]
        assert decoding._frames(SimpleNamespace(decode=lambda packet, frames=frames: frames), None) == frames
        assert decoding.damaged is corrupt


@backends
def test_times_go_on_where_recordings_were_joined(made, tmp_path, backend):
    once = made("h264.ts")[0].read_bytes()
    (tmp_path / "v.ts").write_bytes(once + once)
    frames = everything(tmp_path / "v.ts", backend)
    assert stamps(frames) == [*range(NUM_FRAMES), *range(NUM_FRAMES)]
    assert [frame.time_s for frame in frames] == pytest.approx([k / 25 for k in range(2 * NUM_FRAMES)], abs=0.05)


@backends
def test_a_video_of_one_frame_has_one_frame(tmp_path, backend):
    stamped_video(tmp_path / "v.mp4", 1)
    result = sampled(tmp_path / "v.mp4", lambda n: uniform_indices(n, 32), lambda f: f, backend=backend)
    assert stamps(result.items) == [0]
    assert result.items[0].time_s == 0.0


@backends
@pytest.mark.parametrize("name", ["a film – été 1.mp4", "фильм 電影.mp4", "a:b.mp4", "100%d.mp4", "http:__x.mp4"])
def test_any_name_is_a_name(made, tmp_path, name, backend):
    (tmp_path / name).write_bytes(made("h264.mp4")[0].read_bytes())
    os.chdir(tmp_path)
    assert stamps(read_frames(Path(name), [39], backend=backend)) == [39]


def test_a_title_in_another_alphabet_does_no_harm(made, tmp_path):
    whole = made("vfr.mkv")[0].read_bytes()
    assert b"Lavf" in whole
    (tmp_path / "v.mkv").write_bytes(whole.replace(b"Lavf", b"\xff\xfe\xe9\xe8"))
    assert stamps(read_frames(tmp_path / "v.mkv", [39])) == [39]


def no_video(folder, made):
    """Name and content of files that are no videos, and what the error says."""
    yield "empty.mp4", b"", "the file is empty"
    yield "text.mp4", b"this was a film once\n" * 40, "not a video.* begins with b'this was a film"
    yield "page.webm", b"<!DOCTYPE html><html>" * 40, "not a video.* begins with b'<!DOCTYPE"
    yield "noise.avi", np.random.default_rng(0).bytes(9999), "not a video"
    sound(folder / "sound.mp4")
    yield "sound only.mp4", (folder / "sound.mp4").read_bytes(), "video"
    yield "no index.mp4", made("h264.mp4")[0].read_bytes()[:2000], "index"


@backends
def test_what_is_no_video_is_an_error_with_its_reason_and_no_noise(made, tmp_path, backend, capfd):
    for name, content, reason in no_video(tmp_path, made):
        path = tmp_path / name
        path.write_bytes(content)
        for read in (scan, everything):
            with pytest.raises(MediaError, match=reason) as caught:
                read(path, backend=backend)
            assert str(caught.value).startswith(f"{path}: ")
    assert capfd.readouterr() == ("", "")


@backends
def test_a_video_of_which_no_frame_can_be_decoded_is_an_error(made, tmp_path, backend):
    whole = bytearray(made("mjpeg.avi")[0].read_bytes())
    at = whole.index(b"movi") + 4
    while whole[at : at + 4] == b"00dc":
        size = int.from_bytes(whole[at + 4 : at + 8], "little")
        whole[at + 8 : at + 8 + size] = bytes(size)
        at += 8 + size + size % 2
    (tmp_path / "v.avi").write_bytes(whole)
    with pytest.raises(MediaError, match=r"v\.avi: not one frame of it can be decoded"):
        everything(tmp_path / "v.avi", backend)
    with pytest.raises(MediaError, match=r"v\.avi: not one frame of it can be decoded"):
        sampled(tmp_path / "v.avi", lambda n: uniform_indices(n, 4), stamp_of, backend=backend)


def test_damage_makes_no_noise(made, tmp_path):
    damaged(made("h264.ts")[0], tmp_path / "v.ts", 0)
    (tmp_path / "empty.mp4").write_bytes(b"ftypftypftyp")
    read = (
        "from pathlib import Path; from deepfakebench_ext.media.video import *\n"
        "for backend in ('pyav', 'opencv'):\n"
        "    assert list(frames_at_rate(Path('v.ts'), 10, backend=backend))\n"
        "    try: scan(Path('empty.mp4'), backend=backend)\n"
        "    except Exception as error: assert 'empty.mp4' in str(error)\n"
    )
    assert run(read) == (0, "", "")


@backends
def test_a_missing_file_and_a_pipe_are_named_as_such(tmp_path, backend):
    with pytest.raises(MediaError, match="no such file"):
        scan(tmp_path / "v.mp4", backend=backend)
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(MediaError, match="not a regular file"):
        everything(tmp_path / "pipe.mp4", backend)


def test_the_cover_of_a_piece_of_music_is_no_video(tmp_path):
    sound(tmp_path / "v.mp4", cover=True)
    with pytest.raises(MediaError, match="holds no video, only sound and a cover picture"):
        everything(tmp_path / "v.mp4", "pyav")


def test_neither_playlists_nor_pictures_are_opened_as_videos(made, tmp_path):
    (tmp_path / "other.mp4").write_bytes(made("h264.mp4")[0].read_bytes())
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile other.mp4\n")
    Image.fromarray(stamp(1)).save(tmp_path / "picture.png")
    (tmp_path / "picture.mp4").write_bytes((tmp_path / "picture.png").read_bytes())
    for name in ("list.mp4", "picture.mp4"):
        with pytest.raises(MediaError, match="not a video"):
            everything(tmp_path / name, "pyav")


@backends
def test_frames_too_large_for_memory_are_refused(made, backend, monkeypatch):
    module = {"pyav": pyav_backend, "opencv": opencv_backend}[backend]
    monkeypatch.setattr(module, "MAX_PIXELS", 128 * 96 - 1)
    with pytest.raises(MediaError, match="frames of 128x96 are more than 12,287 pixels"):
        list(read_frames(made("h264.mp4")[0], [0], backend=backend))


@pytest.fixture
def folder(tmp_path):
    for number in range(12):
        Image.fromarray(stamp(number)).save(tmp_path / f"{number}.png")
    return tmp_path


def test_a_folder_of_frames_is_a_video_without_times(folder):
    assert scan(folder) == video.Scan(12, None)
    frames = list(read_frames(folder, [11, 2, 10]))
    assert [(stamp_of(frame.rgb), frame.index, frame.time_s) for frame in frames] == [
        (2, 2, None),
        (10, 10, None),
        (11, 11, None),
    ]
    result = sampled(folder, lambda n: uniform_indices(n, 3), lambda f: stamp_of(f.rgb))
    assert result.items == (0, 5, 11)
    with pytest.raises(EndOfVideo, match="frame 12 was asked for, and only 12 can be decoded"):
        list(read_frames(folder, [0, 12]))


def test_of_a_folder_only_the_frames_asked_for_are_read(folder):
    (folder / "5.png").write_bytes(b"not a picture")
    assert stamps(read_frames(folder, [4, 6])) == [4, 6]
    with pytest.raises(MediaError, match=r"5\.png"):
        list(read_frames(folder, [5]))


def test_a_folder_of_frames_cannot_be_sampled_by_time(folder):
    with pytest.raises(MediaError, match="has no times; sample it by --sampling uniform or first"):
        list(frames_at_rate(folder, 5))


def test_a_folder_without_frames_is_an_error(tmp_path):
    with pytest.raises(MediaError, match="holds no image"):
        scan(tmp_path)


def test_several_threads_read_the_same_as_one(made):
    names = [name for name in CONTAINERS if name.startswith("h264")] * 3
    for backend in BACKENDS:
        with ThreadPoolExecutor(4) as pool:
            for frames in pool.map(lambda name, backend=backend: everything(made(name)[0], backend), names):
                assert stamps(frames) == list(range(NUM_FRAMES))


def test_pyav_is_taken_where_it_is_installed():
    assert video.backend_name() == "pyav"


def test_without_pyav_opencv_reads(made):
    code = (
        "import sys; sys.modules['av'] = None\n"
        "from pathlib import Path; from deepfakebench_ext.media.video import *\n"
        "assert backend_name() == 'opencv'\n"
        f"print(len(list(frames_at_rate(Path({str(made('h264.mp4')[0])!r}), 1000))))"
    )
    assert run(code) == (0, "40\n", "")


def run(code):
    """Exit code, stdout and stderr of Python code in a fresh process."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OPENCV_")}
    environment["PYTHONPATH"] = str(Path(video.__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("name", ["a.mp4", "A.MP4", "a b.Mov", "x.tar.mkv", *(f"x{suffix}" for suffix in CODECS)])
def test_video_names_are_known_by_suffix_in_any_case(name):
    assert is_video_name(name)


@pytest.mark.parametrize("name", ["a.png", "a.mp4.part", ".mp4", "._a.mp4", ".a.mp4", "mp4", "a.txt", "a.gif"])
def test_other_and_hidden_files_are_no_videos(name):
    assert not is_video_name(name)


@pytest.mark.parametrize("name", ["late.mp4", "late.mkv", "late.ts"])
def test_a_picture_that_begins_after_the_sound_has_the_time_at_which_players_show_it(tmp_path, name):
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=16000)
        video = container.add_stream("libx264", rate=25, options={"bf": "0"})
        video.width, video.height, video.pix_fmt = 128, 96, "yuv420p"
        for at in range(40):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            silence.sample_rate, silence.pts = 16000, 1024 * at
            container.mux(sound.encode(silence))
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(stamp(number), format="rgb24")
            frame.pts, frame.time_base = 20 + number, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(sound.encode())
        container.mux(video.encode())
    frames = everything(path, "pyav")
    assert [frame.time_s for frame in frames] == pytest.approx([0.8 + k / 25 for k in range(10)], abs=0.07)
    assert frames[-1].end_s == pytest.approx(frames[-1].time_s + 0.04, abs=ROUNDED)
    assert scan(path, backend="pyav").times_s == pytest.approx([frame.time_s for frame in frames], abs=ROUNDED)
    sampled_at = [frame.index for frame in frames_at_rate(path, 5.0, backend="pyav")]
    assert sampled_at == [0, 5] if name != "late.ts" else sampled_at


PLAYLISTS = {
    "concat": "ffconcat version 1.0\nfile film.ts\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfilm.ts\n#EXT-X-ENDLIST\n",
}


@backends
@pytest.mark.parametrize("kind", PLAYLISTS)
def test_a_text_that_names_another_film_is_no_video_with_any_decoder(made, tmp_path, kind, backend):
    (tmp_path / "film.ts").write_bytes(made("h264.ts")[0].read_bytes())
    (tmp_path / "v.mp4").write_text(PLAYLISTS[kind])
    for read in (everything, lambda path, backend: scan(path, backend=backend)):
        with pytest.raises(MediaError, match=r"v\.mp4: not a video"):
            read(tmp_path / "v.mp4", backend)


def test_the_users_own_options_of_opencv_are_there_again_afterwards(made, monkeypatch):
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;udp")
    monkeypatch.delenv("OPENCV_FFMPEG_LOGLEVEL", raising=False)
    assert len(everything(made("h264.mp4")[0], "opencv")) == NUM_FRAMES
    assert os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] == "rtsp_transport;udp"
    assert "OPENCV_FFMPEG_LOGLEVEL" not in os.environ


def at_rate(path, fps=1000.0, backend=None):
    """The frames, and what is said of the file at their end."""
    frames, found = frames_at_rate(path, fps, backend=backend), []
    while True:
        try:
            found.append(next(frames))
        except StopIteration as end:
            return found, end.value


def test_frames_by_time_end_with_what_is_amiss_with_the_file(made, tmp_path):
    assert at_rate(made("h264.mp4")[0])[1] == ""
    piece(made("fragments.mp4")[0], tmp_path / "cut.mp4", 0.0, 0.6)
    for fps in (1000.0, 2.0):  # also where the frames that were asked for lie before the damage
        frames, damage = at_rate(tmp_path / "cut.mp4", fps)
        assert frames and damage.startswith("cut short or damaged: frames were taken of the first ")
    assert at_rate(tmp_path / "cut.mp4", backend="opencv")[1] == ""  # it cannot tell the end from damage


def test_damage_that_costs_no_frame_but_breaks_the_file_off_is_said(made, tmp_path):
    whole = made("mjpeg.avi")[0].read_bytes()
    found = []
    for stop in range(len(whole) // 2, len(whole) // 2 + 4000, 500):
        (tmp_path / "cut.avi").write_bytes(whole[:stop])
        result = sampled(tmp_path / "cut.avi", lambda n: uniform_indices(n, 2), lambda f: f.index)
        if result.scan.breaks_off and not result.replanned:
            found.append(result.damage)
    assert found and all(found)


def hdr_film(path, signal, transfer, number):
    """A film of one coded picture (H, W, 3) in [0, 1], with BT.2020's colours and a transfer function."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx265", rate=25)
        stream.height, stream.width = signal.shape[:2]
        stream.pix_fmt = "yuv420p10le"
        x265 = f"log-level=none:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"
        stream.options = {"crf": "2", "x265-params": x265}
        context = stream.codec_context
        context.color_trc, context.color_primaries, context.colorspace, context.color_range = number, 9, 9, 1
        frame = av.VideoFrame.from_ndarray((signal * 65535).astype(np.uint16), format="rgb48le")
        for index in range(3):
            each = frame.reformat(format="yuv420p10le", dst_colorspace=9, dst_color_range=1)
            each.pts, each.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(each))
        container.mux(stream.encode(None))


def pq(nits):
    power = (nits / 10000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def hlg(light):
    bright = 0.17883277 * np.log(np.maximum(12 * light - 0.28466892, 1e-9)) + 0.55991073
    return np.where(light <= 1 / 12, np.sqrt(3 * light), bright)


def srgb(light):
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("kind", ["PQ", "HLG"])
def test_a_film_of_high_dynamic_range_looks_as_its_standard_one_would(tmp_path, kind):
    light = np.tile(np.linspace(0, 1.5, 128)[None, :, None], (96, 1, 3))  # 1 is the reference white
    nits = 203 * light
    signal = pq(nits) if kind == "PQ" else hlg((nits / 1000) ** (1 / 1.2))
    hdr_film(tmp_path / "v.mp4", signal, *{"PQ": ("smpte2084", 16), "HLG": ("arib-std-b67", 18)}[kind])
    frame = everything(tmp_path / "v.mp4", "pyav")[1]
    expected = srgb(np.minimum(light, 1))
    assert np.abs(frame.rgb - expected)[:, 4:].max() < 4
    assert (
        remark(tmp_path / "v.mp4", backend="pyav")
        == f"HDR ({kind}), tone-mapped to SDR, white at 203 cd/m2 (ITU-R BT.2408)"
    )
    with pytest.raises(MediaError, match=rf"v\.mp4: an HDR film \({kind}\), for which OpenCV has no tone mapping; pip"):
        everything(tmp_path / "v.mp4", "opencv")


@backends
def test_pixels_that_are_not_square_are_remarked_and_others_are_not(made, tmp_path, backend):
    assert remark(made("h264.mp4")[0], backend=backend) == ""
    stamped_video(tmp_path / "v.mp4", 3, codec_options={"aspect": "2:1"})
    said = remark(tmp_path / "v.mp4", backend=backend)
    assert said == "pixels 2:1 wide, scored as they are stored"
