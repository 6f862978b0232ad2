import os
import time
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
import videos
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sample_lists import keys, labels, touch

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import FAKE, REAL, Sample
from deepfakebench_ext.data.samples.folder_labels import labels_above_notices
from deepfakebench_ext.data.samples.folders import (
    collect_samples,
    limit_notices,
    limit_samples,
)


@pytest.fixture
def folder(tmp_path):
    """A folder deep enough that the name of the test, five levels up, labels nothing."""
    folder = tmp_path / "a" / "b" / "c" / "d" / "set"
    folder.mkdir(parents=True)
    return folder


def test_images_are_found_at_any_depth_in_any_case_and_sorted_by_key(folder):
    touch(folder, "b.PNG", "a/z.jpg", "a/b/c/d/e/f/g.webp", "a.jpeg", "x.tif", "y.TIFF", "w.bmp", "notes.txt")
    samples = collect_samples(folder, kind="image")
    assert keys(samples) == ["a.jpeg", "a/b/c/d/e/f/g.webp", "a/z.jpg", "b.PNG", "w.bmp", "x.tif", "y.TIFF"]
    assert samples[2] == Sample(key="a/z.jpg", file=folder / "a" / "z.jpg")


def test_hidden_files_and_leftovers_of_archives_are_left_out(folder):
    touch(folder, "a.png", "._a.png", ".hidden.png", ".cache/b.png", "__MACOSX/a.png", "x/__MACOSX/a.png")
    assert keys(collect_samples(folder, kind="image")) == ["a.png"]


def test_labels_come_from_the_directories_below(folder):
    touch(folder, "Celeb-real/a.png", "Celeb-synthesis/x/b.png", "surreal/c.png", "d.png")
    expected = {"Celeb-real/a.png": REAL, "Celeb-synthesis/x/b.png": FAKE, "surreal/c.png": None, "d.png": None}
    assert labels(collect_samples(folder, kind="image")) == expected


def test_where_a_directory_below_decides_those_above_are_not_asked(folder):
    touch(folder, "fake/set/real/a.png", "fake/set/misc/b.png")
    assert labels(collect_samples(folder / "fake" / "set", kind="image")) == {"real/a.png": REAL, "misc/b.png": None}


def test_where_none_below_decides_those_above_are_asked(folder):
    touch(folder, "fake/set/a.png", "fake/set/x/b.png")
    samples = collect_samples(folder / "fake" / "set", kind="image")
    assert labels(samples) == {"a.png": FAKE, "x/b.png": FAKE}


def test_the_inner_folder_of_a_contradiction_can_be_passed_alone(folder):
    touch(folder, "fake/real/x.png")
    with pytest.raises(ConfigError, match=r"set/fake/real: .*'fake' and 'real' contradict.*pass the inner folder"):
        collect_samples(folder, kind="image")
    assert labels(collect_samples(folder / "fake" / "real", kind="image")) == {"x.png": REAL}


def test_one_file_is_one_sample_labelled_by_its_directories(folder):
    touch(folder, "fake/x.png")
    path = folder / "fake" / "x.png"
    assert collect_samples(path, kind="image") == [Sample(key="x.png", file=path, label=FAKE)]


def test_a_file_that_is_no_image_is_refused(folder):
    touch(folder, "x.mp4")
    with pytest.raises(ConfigError, match=r"x\.mp4 is no image .*\.webp"):
        collect_samples(folder / "x.mp4", kind="image")


def test_each_folder_that_directly_holds_images_is_a_video(folder):
    touch(folder, "real/v1/0.png", "real/v1/1.png", "real/v1/sub/0.png", "fake/v1/0.png", "fake/notes.txt")
    samples = collect_samples(folder, kind="video")
    assert samples == [
        Sample(key="fake/v1", file=folder / "fake" / "v1", label=FAKE),
        Sample(key="real/v1", file=folder / "real" / "v1", label=REAL),
        Sample(key="real/v1/sub", file=folder / "real" / "v1" / "sub", label=REAL),
    ]


def test_a_folder_that_is_itself_a_video_goes_by_its_name(folder, monkeypatch):
    touch(folder, "0.png", "other/0.png")
    monkeypatch.chdir(folder)
    for path in (folder, Path(), Path("other/..")):
        assert keys(collect_samples(path, kind="video")) == ["other", "set"]


def test_keys_of_videos_are_unique_also_where_a_folder_repeats_its_name(folder):
    touch(folder, "0.png", "set/0.png")
    assert keys(collect_samples(folder, kind="video")) == [".", "set"]


def test_a_single_image_is_no_video(folder):
    touch(folder, "x.png")
    with pytest.raises(ConfigError, match=r"no video .* Single images are for an image detector and --image"):
        collect_samples(folder / "x.png", kind="video")


def test_a_single_video_is_no_image(folder):
    touch(folder, "x.mp4")
    assert keys(collect_samples(folder / "x.mp4", kind="video")) == ["x.mp4"]
    with pytest.raises(ConfigError, match=r"no image .* Give it to --video"):
        collect_samples(folder / "x.mp4", kind="image")


def test_video_files_and_folders_of_frames_are_videos_side_by_side(folder):
    touch(folder, "real/a.mp4", "real/b/000.png", "fake/c.WEBM", "fake/.hidden.mp4", "fake/notes.txt")
    samples = collect_samples(folder, kind="video")
    assert keys(samples) == ["fake/c.WEBM", "real/a.mp4", "real/b"]
    assert [sample.label for sample in samples] == [FAKE, REAL, REAL]


@pytest.mark.parametrize(("kind", "other"), [("image", "a.mp4"), ("video", "a.csv")])
def test_a_folder_without_what_is_wanted_says_what_it_holds(folder, kind, other):
    with pytest.raises(ConfigError, match="it holds no files"):
        collect_samples(folder, kind=kind)
    suffix = other[1:]
    touch(folder, other, f"x/b{suffix.upper()}", "notes.txt", "README")
    expected = rf"holds no {kind} .*it holds 2 \{suffix}, 1 without suffix, 1 \.txt"
    with pytest.raises(ConfigError, match=expected):
        collect_samples(folder, kind=kind)


def test_a_missing_path_shows_names_like_it(folder):
    touch(folder, "real/a.png", "fake/a.png")
    with pytest.raises(ConfigError, match=r"/reel does not exist; did you mean .*/set/real\?"):
        collect_samples(folder / "reel", kind="image")
    with pytest.raises(ConfigError, match=r"/rael/v1/0.png does not exist; did you mean .*/set/real\?"):
        collect_samples(folder / "rael" / "v1" / "0.png", kind="image")
    with pytest.raises(ConfigError, match=r"set has no 'zzz'"):
        collect_samples(folder / "zzz", kind="image")


def test_links_are_followed_but_not_in_circles(folder):
    touch(folder, "real/a.png", "elsewhere/b.png")
    (folder / "real" / "again").symlink_to(folder)
    (folder / "real" / "self").symlink_to("self")
    (folder / "real" / "more").symlink_to(folder / "elsewhere")
    assert keys(collect_samples(folder, kind="image")) == ["elsewhere/b.png", "real/a.png", "real/more/b.png"]


def test_a_broken_link_stays_a_sample_and_a_pipe_does_not(folder):
    (folder / "gone.png").symlink_to("nowhere.png")
    (folder / "loop.png").symlink_to("loop.png")
    os.mkfifo(folder / "pipe.png")
    assert keys(collect_samples(folder, kind="image")) == ["gone.png", "loop.png"]


def test_a_link_to_nothing_is_named_as_such(folder):
    (folder / "set").symlink_to("moved")
    with pytest.raises(ConfigError, match="is a link to moved, which does not exist"):
        collect_samples(folder / "set", kind="image")


def test_a_folder_that_cannot_be_listed_is_an_error_not_a_gap(folder, monkeypatch):
    touch(folder, "a.png", "closed/b.png")
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ConfigError, match="closed cannot be listed: Permission denied"):
        collect_samples(folder, kind="image")


def test_keys_can_be_written_where_names_are_not_unicode(folder):
    try:
        Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.png")).touch()
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (sample,) = collect_samples(folder, kind="image")
    assert sample.key.encode() == rb"caf\xe9.png"
    assert sample.path.exists()


def test_samples_cost_less_than_a_kilobyte_each_and_are_found_fast(tmp_path):
    for video in range(10):
        folder = tmp_path / "real" / f"{video:03d}"
        folder.mkdir(parents=True)
        for frame in range(200):
            (folder / f"frame_{frame:05d}.png").touch()
    tracemalloc.start()
    samples = collect_samples(tmp_path, kind="image")
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(samples) == 2000
    assert used / len(samples) < 1000  # bytes: 20 MB for 20,000
    began = time.perf_counter()
    collect_samples(tmp_path, kind="image")
    assert time.perf_counter() - began < 1


def some(real, fake, unknown):
    kinds = [REAL] * real + [FAKE] * fake + [None] * unknown
    return [Sample(f"{at:04d}", Path("x"), label) for at, label in enumerate(kinds)]


@given(st.tuples(*[st.integers(0, 12)] * 3), st.integers(1, 40), st.integers(0, 5))
def test_a_limit_draws_evenly_keeps_order_and_repeats(sizes, n, seed):
    samples = some(*sizes)
    drawn = limit_samples(samples, n, seed)
    assert len(drawn) == min(n, len(samples))
    assert keys(drawn) == sorted(set(keys(drawn)))
    assert limit_samples(samples, n, seed) == drawn
    counts = Counter(sample.label for sample in drawn)
    for label, size in zip((REAL, FAKE, None), sizes, strict=True):  # a group is short only where it is exhausted
        assert counts[label] == size or counts[label] >= max(counts.values()) - 1


def test_another_seed_draws_others():
    samples = some(50, 50, 0)
    assert limit_samples(samples, 10, 0) != limit_samples(samples, 10, 1)


@pytest.mark.parametrize(("count", "limit", "said"), [(3, None, 0), (3, 4, 0), (4, 4, 1), (1, 1, 1)])
def test_a_limit_that_was_met_is_said(count, limit, said):
    notices = limit_notices(count, limit, 7)
    assert len(notices) == said
    assert all(f"{count} sample" in notice.text and "seed 7" in notice.text for notice in notices)


@pytest.mark.parametrize("n", [0, -5])
def test_a_limit_below_one_is_refused(n):
    with pytest.raises(ConfigError, match="at least 1"):
        limit_samples(some(1, 1, 0), n, 0)


def test_a_label_from_above_the_given_folder_is_said_with_the_directorys_name(tmp_path: Path) -> None:
    touch(tmp_path / "fakes/DF40/x", "0.png", "1.png")
    samples = collect_samples(tmp_path / "fakes/DF40", kind="image")
    assert [s.label for s in samples] == [FAKE, FAKE]
    (notice,) = labels_above_notices([(tmp_path / "fakes/DF40", samples)])
    assert notice.kind == "labels_above"
    assert "so 2 samples count as FAKE by the name of the directory 'fakes' in its path" in notice.text
    (one,) = collect_samples(tmp_path / "fakes/DF40/x/0.png", kind="image")
    (of_file,) = labels_above_notices([(tmp_path / "fakes/DF40/x/0.png", [one])])
    assert "so 1 sample counts as FAKE by the name of the directory 'fakes'" in of_file.text


def test_where_directories_within_say_it_or_none_does_nothing_is_said(tmp_path: Path) -> None:
    touch(tmp_path / "fake/set/real", "0.png")
    touch(tmp_path / "fake/set/else", "1.png")
    touch(tmp_path / "plain", "0.png")
    for folder in ("fake/set", "plain"):
        assert labels_above_notices([(tmp_path / folder, collect_samples(tmp_path / folder, kind="image"))]) == []


def test_a_video_that_is_a_folder_of_frames_is_asked_by_its_own_name(tmp_path: Path) -> None:
    touch(tmp_path / "real/set/fake_clip", "0.png", "1.png")
    samples = collect_samples(tmp_path / "real/set", kind="video")
    assert [s.label for s in samples] == [FAKE] and labels_above_notices([(tmp_path / "real/set", samples)]) == []


def test_classes_of_which_sound_and_picture_differ_have_no_label_not_even_from_above(tmp_path: Path) -> None:
    for name in ("RealVideo-RealAudio", "FakeVideo-RealAudio", "RealVideo-FakeAudio", "FakeVideo-FakeAudio"):
        touch(tmp_path / "fakes/FakeAVCeleb" / name, "a.mp4")
    root = tmp_path / "fakes/FakeAVCeleb"
    assert [s.label for s in collect_samples(root, kind="video")] == [FAKE, None, None, REAL]
    assert [s.label for s in collect_samples(root / "FakeVideo-RealAudio", kind="video")] == [None]


def test_a_metadata_json_beside_videos_without_labels_is_pointed_at(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    touch(tmp_path / "part_0", "a.mp4", "metadata.json")
    touch(tmp_path / "real", "a.mp4", "metadata.json")
    for folder in ("part_0", "real"):
        collect_samples(tmp_path / folder, kind="video")
    assert caplog.messages == [
        f"{tmp_path / 'part_0'} holds a metadata.json: if it has the labels, give it to --manifest"
    ]


@pytest.mark.parametrize(
    "names", [(b"\xff.png", rb"\xff.png"), (b"\xff\\.png", rb"\xff\.png"), (b"a\xfe.png", rb"a\\xfe.png")]
)
def test_keys_are_one_to_one_with_files_whatever_their_bytes(tmp_path, names):
    for name in names:
        (tmp_path / os.fsdecode(name)).touch()
    keys = [sample.key for sample in collect_samples(tmp_path, kind="image")]
    assert len(set(keys)) == len(names)
    for key in keys:
        key.encode()


def test_a_backslash_alone_is_left_as_it_is(tmp_path):
    (tmp_path / "a\\b.png").touch()
    assert [sample.key for sample in collect_samples(tmp_path, kind="image")] == ["a\\b.png"]


def test_every_picture_and_film_that_is_not_scored_is_counted_whatever_it_is_called(tmp_path, caplog):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    png = (tmp_path / "a.png").read_bytes()
    Image.new("RGB", (8, 8)).save(tmp_path / "a.icns_", "ICO")
    videos.stamped_video(tmp_path / "a.mp4", 3)
    for name in ("photo", "b.apng", "c.unknown"):
        (tmp_path / name).write_bytes(png)
    (tmp_path / "a.mp4").rename(tmp_path / "film.rec")
    others = {
        "notes.txt": b"P6 is a fine day",
        "a.json": b"{}",
        "a.npy": b"\x93NUMPY" + bytes(90),
        "b.bin": bytes(999),
    }
    for name, content in others.items():
        (tmp_path / name).write_bytes(content)
    os.mkfifo(tmp_path / "pipe.xyz")
    collect_samples(tmp_path, kind="image")
    (line,) = [record.getMessage() for record in caplog.records]
    aside = line.rpartition("): ")[2]
    assert sorted(aside.split(", ")) == sorted(["1 .apng", "1 .icns_", "1 .rec", "1 .unknown", "1 without suffix"])


@pytest.mark.parametrize("suffix", ["mts", "MTS", "vob", "m2v", "qt"])
def test_films_of_cameras_are_films(tmp_path, suffix):
    (tmp_path / f"a.{suffix}").touch()
    assert [sample.key for sample in collect_samples(tmp_path, kind="video")] == [f"a.{suffix}"]


@pytest.mark.parametrize("name", ["real", "0_real", "Deepfakes", "real/images"])
def test_pictures_in_a_folder_of_their_class_are_no_video(tmp_path: Path, name: str) -> None:
    touch(tmp_path / name, "0.png", "1.png")
    for place in (tmp_path, tmp_path / name):
        with pytest.raises(ConfigError, match=r"is named after a class and holds 2 pictures"):
            collect_samples(place, kind="video")
    assert len(collect_samples(tmp_path, kind="image")) == 2


def test_pictures_beside_films_in_a_folder_of_their_class_are_left_aside_in_words(tmp_path: Path, caplog) -> None:
    touch(tmp_path / "real", "poster.png", "a.mp4")
    assert keys(collect_samples(tmp_path, kind="video")) == ["real/a.mp4"]
    assert "left aside, beside films: 1 picture" in caplog.text
