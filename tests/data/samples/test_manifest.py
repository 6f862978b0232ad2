import json
from pathlib import Path

import hostile_parquet
import pyarrow as pa
import pyarrow.parquet
import pytest
from sample_lists import keys, labels, touch

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import FAKE, REAL, Sample
from deepfakebench_ext.data.samples.manifest import read_manifest


@pytest.fixture
def folder(tmp_path):
    return tmp_path


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
        ("picture,label\na.png,1\n", r"no column 'path'.*it is 'picture,label'"),
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


DFDC = {
    "a.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"},
    "b.mp4": {"label": "REAL", "split": "train", "original": None},
}


@pytest.mark.parametrize("mark", ["", "\ufeff", "\n  "])
def test_the_json_beside_the_videos_of_dfdc_is_a_manifest(mark: str, tmp_path: Path) -> None:
    (tmp_path / "metadata.json").write_text(mark + json.dumps(DFDC), encoding="utf-8")
    samples = read_manifest(tmp_path / "metadata.json", kind="video")
    assert [(s.key, s.path, s.label) for s in samples] == [
        ("a.mp4", tmp_path / "a.mp4", 1),
        ("b.mp4", tmp_path / "b.mp4", 0),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "is JSON, and is read only in the form of DFDC, .* write a CSV with the header path,label"),
        ('{"a.mp4": "FAKE"}', "'a.mp4' holds no label"),
        ('{"a.mp4": {"split": "test"}}', "'a.mp4' holds no label"),
        ('{"a.mp4": {"label": "FAKE"}', "begins as JSON and cannot be read"),
        ('{"a.mp4": {"label": "FAKE"}, "a.mp4": {"label": "REAL"}}', "the key 'a.mp4' stands twice"),
        ('{"a.mp4": {"label": "maybe"}}', "entry 1: unknown label 'maybe'"),
        ("{}", "lists no samples"),
    ],
)
def test_json_of_another_form_says_what_it_is(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "metadata.json").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_manifest(tmp_path / "metadata.json", kind="video")


def test_a_path_is_kept_as_text_whatever_it_is_given_as():
    one, other = Sample("a", Path("in/a.png")), Sample("a", "in/a.png")
    assert (one, type(one.file), one.path) == (other, str, Path("in/a.png"))


def test_one_file_listed_by_two_ways_that_leave_the_folder_is_an_error_that_names_both_lines(tmp_path):
    (tmp_path / "in").mkdir()
    listed = tmp_path / "in/m.csv"
    listed.write_text(f"path,label\nx.png,0\n../a.png,1\n\n{tmp_path}/a.png,1\n")
    with pytest.raises(ConfigError, match=r"m\.csv, line 5: .*a\.png was already listed in line 3"):
        read_manifest(listed, kind="image")


def parquet(folder, **columns):
    pa.parquet.write_table(pa.table(columns), folder / "list.parquet", row_group_size=2)
    return folder / "list.parquet"


def test_a_parquet_file_lists_what_a_csv_of_its_columns_would(folder):
    names = ["a.png", "sub/b.png", "/x/c.png", " d.png "]
    read = read_manifest(
        parquet(folder, width=[1, 2, 3, 4], filename=names, label=[0.0, 1.0, None, 1.0], video=["v", None, "v", ""]),
        kind="image",
    )
    assert read == [
        Sample("a.png", folder / "a.png", REAL, "v"),
        Sample("sub/b.png", folder / "sub/b.png", FAKE),
        Sample("/x/c.png", Path("/x/c.png"), None, "v"),
        Sample("d.png", folder / "d.png", FAKE),
    ]
    for labels_written in ([0, 1], [False, True], ["real", "fake"]):
        path = parquet(folder, path=names[:2], label=labels_written)
        assert [sample.label for sample in read_manifest(path, kind="image")] == [0, 1]


def test_what_is_wrong_in_a_parquet_file_is_said_by_its_row(folder):
    for columns, text in (
        ({"path": ["a.png", "b.png", "a.png"]}, "row 3: a.png was already listed in row 1"),
        ({"path": ["a.png", "b.png", None]}, "row 3: the path is empty"),
        ({"path": ["a.png"], "label": ["maybe"]}, "row 1: unknown label 'maybe'"),
        ({"path": ["a.png"], "lable": [1]}, "did you mean 'label'"),
        ({"name": ["a.png"]}, "has no column 'path'"),
    ):
        with pytest.raises(ConfigError, match=text):
            read_manifest(parquet(folder, **columns), kind="image")
    (folder / "cut.parquet").write_bytes((folder / "list.parquet").read_bytes()[:40])
    with pytest.raises(ConfigError, match=r"cut\.parquet begins as Parquet and cannot be read"):
        read_manifest(folder / "cut.parquet", kind="image")


def test_a_parquet_file_of_a_type_that_unpickles_what_it_says_is_refused(folder):
    path = parquet(folder, path=["a.png", "b.png"], more=hostile_parquet.column("x", "y"))
    with (
        hostile_parquet.known(),
        pytest.raises(ConfigError, match="a column of an extension type of Arrow, which is not read"),
    ):
        read_manifest(path, kind="image")
