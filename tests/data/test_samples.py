import os
import time
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfakebench_ext.data.samples import collect_samples, limit_samples, read_manifest
from deepfakebench_ext.errors import ConfigError
from deepfakebench_ext.types import FAKE, REAL, Sample


@pytest.fixture
def folder(tmp_path):
    """A folder deep enough that the name of the test, five levels up, labels nothing."""
    folder = tmp_path / "a" / "b" / "c" / "d" / "set"
    folder.mkdir(parents=True)
    return folder


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def keys(samples):
    return [sample.key for sample in samples]


def labels(samples):
    return {sample.key: sample.label for sample in samples}


def test_images_are_found_at_any_depth_in_any_case_and_sorted_by_key(folder):
    touch(folder, "b.PNG", "a/z.jpg", "a/b/c/d/e/f/g.webp", "a.jpeg", "x.tif", "y.TIFF", "w.bmp", "notes.txt")
    samples = collect_samples(folder, kind="image")
    assert keys(samples) == ["a.jpeg", "a/b/c/d/e/f/g.webp", "a/z.jpg", "b.PNG", "w.bmp", "x.tif", "y.TIFF"]
    assert samples[2] == Sample(key="a/z.jpg", path=folder / "a" / "z.jpg")


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
    assert collect_samples(path, kind="image") == [Sample(key="x.png", path=path, label=FAKE)]


def test_a_file_that_is_no_image_is_refused(folder):
    touch(folder, "x.mp4")
    with pytest.raises(ConfigError, match=r"x\.mp4 is no image .*\.webp"):
        collect_samples(folder / "x.mp4", kind="image")


def test_each_folder_that_directly_holds_images_is_a_video(folder):
    touch(folder, "real/v1/0.png", "real/v1/1.png", "real/v1/sub/0.png", "fake/v1/0.png", "fake/notes.txt")
    samples = collect_samples(folder, kind="video")
    assert samples == [
        Sample(key="fake/v1", path=folder / "fake" / "v1", label=FAKE),
        Sample(key="real/v1", path=folder / "real" / "v1", label=REAL),
        Sample(key="real/v1/sub", path=folder / "real" / "v1" / "sub", label=REAL),
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


def manifest(folder, text, encoding="utf-8"):
    path = folder / "list.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_a_manifest_gives_its_rows_in_order(folder):
    path = manifest(
        folder, "path,label,video,dataset,method\nb.png,1,v1,FF++,Deepfakes\n/x/a.png,real,,,\n../c.png,,v2,,\n"
    )
    assert read_manifest(path, kind="image") == [
        Sample("b.png", folder / "b.png", FAKE, "v1", "FF++", "Deepfakes"),
        Sample("/x/a.png", Path("/x/a.png"), REAL),
        Sample("../c.png", folder / ".." / "c.png", None, "v2"),
    ]


def test_only_the_path_is_required_and_other_columns_are_ignored(folder):
    path = manifest(folder, ",width,path\n0,640,a.png\n1,480,b.png\n")
    assert read_manifest(path, kind="image") == [Sample(name, folder / name) for name in ("a.png", "b.png")]


@pytest.mark.parametrize(
    ("text", "label"),
    [("0", 0), ("1", 1), ("0.0", 0), ("1.0", 1), ("real", 0), ("FAKE", 1), (" Fake ", 1), ("deepfake", 1), ("", None)],
)
def test_labels_of_a_manifest_may_be_numbers_or_words(folder, text, label):
    assert read_manifest(manifest(folder, f"path,label\na.png,{text}\n"), kind="image")[0].label == label


def test_a_byte_order_mark_windows_line_ends_and_blank_lines_are_read(folder):
    path = manifest(folder, "path,label\r\na.png,1\r\n\r\n,\r\nb.png,0\r\n", encoding="utf-8-sig")
    assert labels(read_manifest(path, kind="image")) == {"a.png": FAKE, "b.png": REAL}


def test_backslashes_are_read_as_slashes(folder):
    touch(folder, "real/a.png")
    (sample,) = read_manifest(manifest(folder, "path\nreal\\a.png\n"), kind="image")
    assert (sample.key, sample.path.is_file()) == ("real/a.png", True)


def test_a_quoted_path_may_hold_a_comma(folder):
    assert keys(read_manifest(manifest(folder, 'path,label\n"a,b.png",1\n'), kind="image")) == ["a,b.png"]


def test_files_of_a_manifest_need_not_exist(folder):
    assert len(read_manifest(manifest(folder, f"path\ngone.png\n{'x' * 5000}.png\n"), kind="image")) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\na.png,1\nb.png,maybe\n", r"line 3: unknown label 'maybe'; write 0 or real, 1 or fake"),
        ("path,label\na.png,2\n", r"line 2: unknown label '2'"),
        ("path,label\na.png,real_or_fake\n", r"line 2: unknown label 'real_or_fake'"),
        ("path,label\na.png,1\n\nx/../a.png,0\n", r"line 4: x/\.\./a\.png was already listed in line 2"),
        ("path,label\n ,1\n", r"line 2: the path is empty"),
        ("path,label\na,b.png,1\n", r"line 2: 3 cells under a header of 2; put a path with a comma in quotes"),
        ("path,lable\na.png,1\n", r"a column 'lable'; did you mean 'label'\?"),
        ("Path,label\na.png,1\n", r"a column 'Path'; did you mean 'path'\?"),
        ("path,label,path\na.png,1,b.png\n", r"the column 'path' twice"),
        ("image,label\na.png,1\n", r"no column 'path'.*it is 'image,label'"),
        ("path;label\na.png;1\n", r"no column 'path'.*separated by commas"),
        ("", r"no column 'path'"),
        ("path,label\n", r"lists no samples"),
        ('path,label\n"a.png,1\n', r"cannot be read as UTF-8 CSV"),
    ],
)
def test_a_faulty_manifest_is_refused_with_line_and_remedy(folder, text, message):
    with pytest.raises(ConfigError, match=rf"list\.csv.*{message}"):
        read_manifest(manifest(folder, text), kind="image")


def test_the_same_file_under_an_absolute_path_is_a_duplicate(folder):
    path = manifest(folder, f"path\na.png\n{folder}/a.png\n")
    with pytest.raises(ConfigError, match="already listed in line 2"):
        read_manifest(path, kind="image")


def test_an_absolute_path_beside_the_manifest_has_a_relative_key(folder):
    assert keys(read_manifest(manifest(folder, f"path\n{folder}/real/a.png\n"), kind="image")) == ["real/a.png"]


def test_a_manifest_that_is_not_utf8_is_refused(folder):
    path = manifest(folder, "path,label\ncafé.png,1\n", encoding="latin-1")
    with pytest.raises(ConfigError, match="UTF-8"):
        read_manifest(path, kind="image")


def test_a_missing_manifest_shows_names_like_it(folder):
    manifest(folder, "path\na.png\n")
    with pytest.raises(ConfigError, match=r"did you mean .*/list\.csv\?"):
        read_manifest(folder / "lists.csv", kind="image")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_manifest(folder, kind="image")


def test_a_manifest_may_name_videos_for_any_detector_but_no_single_image_for_a_video_detector(folder):
    touch(folder, "v/0.png", "w.mp4")
    path = manifest(folder, "path\nv\nw.mp4\n")
    for kind in ("image", "video"):
        assert read_manifest(path, kind=kind) == [Sample("v", folder / "v"), Sample("w.mp4", folder / "w.mp4")]
    with pytest.raises(ConfigError, match=r"line 2: .* is one image; a video detector takes videos"):
        read_manifest(manifest(folder, "path\nv/0.png\n"), kind="video")


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


@pytest.mark.parametrize("n", [0, -5])
def test_a_limit_below_one_is_refused(n):
    with pytest.raises(ConfigError, match="at least 1"):
        limit_samples(some(1, 1, 0), n, 0)
