"""Images of a bucket, scored as those of a folder are."""

from __future__ import annotations

import csv
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny
import torch
import yaml
from buckets import S3
from fsspec.registry import _registry

from deepfakebench_ext.cli.evaluate import evaluate
from deepfakebench_ext.cli.main import run
from deepfakebench_ext.common.errors import ExtError, FetchError, MissingExtraError
from deepfakebench_ext.engine.file_inputs import gather_samples

Result = tuple[int, str, str]
Command = Callable[..., Result]


@pytest.fixture
def perf(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Run the command in this process with a tiny CLIP; gives exit code, stdout, stderr."""
    (tmp_path / "clip.yaml").write_text(yaml.safe_dump(tiny.CLIP_YAML))
    torch.save(tiny.clip_detector_state(), tmp_path / "w.pth")
    detector = [
        "--detector_config",
        "clip.yaml",
        "--weights",
        "w.pth",
        "--dtype",
        "float32",
        "--device",
        "cpu",
        "--no_plots",
    ]

    def _run(*arguments: object) -> Result:
        with pytest.raises(SystemExit) as exit_:
            run(lambda: evaluate([*detector, "--no_plots", *map(str, arguments)], prog_name="perf_huggingface.py"))
            sys.exit(0)
        out, err = capsys.readouterr()
        return int(exit_.value.code or 0), out, err

    return _run


def scores_of(folder: Path) -> Path:
    (found,) = folder.glob("*/scores.csv")
    return found


def test_one_image_of_a_bucket_is_scored(perf: Command, s3: S3, tmp_path: Path) -> None:
    tiny.photo(tmp_path / "photos/real/a.png")
    s3.put("data", tmp_path / "photos")
    code, _, err = perf("s3://data/real/a.png", "--output_dir", "far")
    assert code == 0, err
    assert perf("photos/real/a.png", "--output_dir", "near")[0] == 0
    near = scores_of(tmp_path / "near").read_text()
    assert scores_of(tmp_path / "far").read_text() == near.replace("photos/real", "s3://data/real")


@pytest.fixture
def photos(s3: S3, tmp_path: Path) -> Path:
    """Images of two classes, one in both, and one that is broken, in a folder and in the bucket `data` below `set`."""
    folder = tmp_path / "photos"
    tiny.photos(folder / "set", 9)
    (folder / "set/fake/broken.jpg").write_bytes(b"no image")
    (folder / "set/fake/same.png").write_bytes((folder / "set/real/000.png").read_bytes())
    (folder / "set/.hidden.jpg").write_bytes(b"no image")
    s3.put("data", folder)
    return folder / "set"


def column(folder: Path, name: str) -> list[str]:
    with scores_of(folder).open(newline="") as file:
        return [row[name] for row in csv.DictReader(file)]


def same(tmp_path: Path, *, path: str, url: str) -> bool:
    near, far = (scores_of(tmp_path / name) for name in ("near", "far"))
    figures = [json.loads((scores.parent / "metrics.json").read_text()) for scores in (near, far)]
    return far.read_text() == near.read_text().replace(path, url) and figures[0] == figures[1]


def test_a_bucket_that_is_busy_and_connections_that_break_change_no_score(
    perf: Command, s3: S3, photos: Path, tmp_path: Path
) -> None:
    names = sorted(f"/data/{path.relative_to(photos.parent).as_posix()}" for path in photos.rglob("[0-9]*.*"))
    s3.busy.update({names[0]: 3, names[1]: 1, "/data": 2})
    s3.cut.update({names[1]: 2, names[2]: 4})
    code, _, err = perf("--image", "s3://data/set", "--output_dir", "far")
    assert code == 3, err  # one image is broken
    assert all(s3.busy[name] == 0 for name in s3.busy) and all(s3.cut[name] == 0 for name in s3.cut)
    assert perf("--image", "photos/set", "--output_dir", "near")[0] == 3
    assert same(tmp_path, path="photos/set", url="s3://data/set")
    assert "same content under both labels" in (scores_of(tmp_path / "far").parent / "metrics.json").read_text()
    assert scores_of(tmp_path / "far").read_text().count("s3://data/set") == 21  # each path, and a reason


def test_a_folder_of_a_bucket_is_listed_and_each_image_asked_for_once(perf: Command, s3: S3, photos: Path) -> None:
    assert perf("s3://data/set")[0] == 3
    assert {line.partition(" ")[0] for line in s3.requests} == {"GET"}  # the listing says what HEAD would
    assert max(s3.requests.count(line) for line in s3.requests) == 1
    before = len(s3.requests)
    assert perf("s3://data/set")[0] == 3
    assert perf("s3://data/set", "--batch_size", "3")[0] == 3
    assert set(s3.requests[before:]) == {"GET /data?"}  # finished before; and of another run all is in the cache


def test_a_changed_object_is_a_new_run_and_the_same_is_the_same(
    perf: Command, s3: S3, photos: Path, tmp_path: Path
) -> None:
    perf("s3://data/set", "--output_dir", "far")
    content = (photos / "real/000.png").read_bytes()
    s3.write("data/set/real/000.png", content)  # again, and later
    perf("s3://data/set", "--output_dir", "far")
    assert len(list((tmp_path / "far").iterdir())) == 1
    s3.write("data/set/real/000.png", (photos / "real/001.png").read_bytes())
    perf("s3://data/set", "--output_dir", "far")
    assert len(list((tmp_path / "far").iterdir())) == 2


def test_labels_come_from_the_words_of_folders_and_not_of_buckets(s3: S3, photos: Path) -> None:
    s3.put("fake-images", photos / "real")
    assert [sample.label for sample in gather_samples("s3://fake-images/000.png")] == [None]
    assert {sample.label for sample in gather_samples("s3://data/set/fake")} == {1}
    assert {sample.label for sample in gather_samples("s3://data/set/real/000.png")} == {0}


def test_a_folder_without_a_name_is_not_the_one_above(perf: Command, s3: S3, photos: Path, tmp_path: Path) -> None:
    s3.write("data/set/real//000.png", (photos / "fake/000.png").read_bytes())
    assert perf("s3://data/set/real", "--output_dir", "far")[0] == 0
    scores = dict(zip(column(tmp_path / "far", "key"), column(tmp_path / "far", "score"), strict=True))
    assert len(scores) == 10 and scores["/000.png"] != scores["000.png"]
    assert "s3://data/set/real//000.png" in column(tmp_path / "far", "path")
    assert perf("s3://data/set/fake/000.png", "--output_dir", "fake")[0] == 0
    assert float(column(tmp_path / "fake", "score")[0]) == pytest.approx(float(scores["/000.png"]), abs=1e-6)


def test_objects_that_no_file_can_be_called_as_are_said_to_be_left_aside(
    s3: S3, photos: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = [sample.file for sample in gather_samples("s3://data/set")]
    caplog.set_level(logging.WARNING)
    caplog.clear()
    for key in ("set/real/./x.png", "set/../y.png", "set/.hidden/z.png"):
        s3.write(f"data/{key}", (photos / "real/000.png").read_bytes())
    assert [sample.file for sample in gather_samples("s3://data/set")] == before
    assert caplog.messages == [
        "s3://data/set: left aside, as no file below a folder can be called so: 2 objects, such as ../y.png"
    ]


def test_the_case_of_a_scheme_says_nothing(s3: S3, photos: Path) -> None:
    (found,) = gather_samples("S3://data/set/real/000.png")
    assert found.file == "s3://data/set/real/000.png"


def test_a_pattern_is_what_it_matches(s3: S3, photos: Path) -> None:
    found = gather_samples("s3://data/set/*/00[01].png")
    assert [sample.key for sample in found] == ["fake/000.png", "fake/001.png", "real/000.png", "real/001.png"]
    assert len(gather_samples("s3://data/**/*.png")) == 19


def test_a_manifest_of_urls_and_one_that_is_a_url_score_alike(
    perf: Command, s3: S3, photos: Path, tmp_path: Path
) -> None:
    rows = sorted(path.relative_to(photos).as_posix() for path in photos.rglob("*.png"))
    labels = [int("fake" in row) for row in rows]
    (photos / "list.csv").write_text("path,label\n" + "".join(f"{r},{x}\n" for r, x in zip(rows, labels, strict=True)))
    s3.write("data/set/list.csv", (photos / "list.csv").read_bytes())
    (tmp_path / "urls.csv").write_text(
        "path,label\n" + "".join(f"s3://data/set/{r},{x}\n" for r, x in zip(rows, labels, strict=True))
    )
    assert perf("--manifest", "photos/set/list.csv", "--output_dir", "near")[0] == 0
    assert perf("--manifest", "s3://data/set/list.csv", "--output_dir", "far")[0] == 0
    assert same(tmp_path, path="photos/set", url="s3://data/set")
    before = len(s3.requests)
    assert perf("--manifest", "urls.csv", "--output_dir", "listed")[0] == 0
    assert {line for line in s3.requests[before:]} == {
        "GET /data?"
    }  # their folders were listed, and all is in the cache
    assert column(tmp_path / "listed", "score") == column(tmp_path / "far", "score")


def test_an_object_that_is_gone_is_a_sample_without_a_score(
    perf: Command, s3: S3, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "urls.csv").write_text("path,label\ns3://data/set/real/000.png,0\ns3://data/set/real/none.png,0\n")
    assert perf("--manifest", "urls.csv", "--output_dir", "far")[0] == 3
    assert "s3://data/set/real/none.png: no such file" in scores_of(tmp_path / "far").read_text()


def test_rows_of_a_bucket_that_may_be_read_and_not_listed_are_scored(
    perf: Command, s3: S3, photos: Path, tmp_path: Path
) -> None:
    s3.lists = False
    rows = sorted(f"s3://data/{path.relative_to(photos.parent).as_posix()}" for path in photos.rglob("[0-9]*.png"))
    (tmp_path / "urls.csv").write_text("\n".join(["path", *rows]))
    assert perf("--manifest", "urls.csv", "--output_dir", "far")[0] == 0
    assert column(tmp_path / "far", "path") == rows and all(column(tmp_path / "far", "score"))
    assert all(s3.requests.count(f"HEAD /{row.removeprefix('s3://')}") == 1 for row in rows)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("s3://data/set/real/none.png", "s3://data/set/real/none.png: no such file"),
        ("s3://nowhere/a.png", "s3://nowhere/a.png: there is no such bucket"),
        ("s3://nowhere/set", "s3://nowhere/set: there is no such bucket"),
        ("s3://data/nothing/", "nothing lies at s3://data/nothing"),
        ("s3://key:hidden@data/a.png", "s3://data/a.png was given with credentials in it"),
        ("ftp://host/a.png", "ftp:// is not read; allowed are s3://"),
        ("file:///tmp/a.png", "give the path itself"),
        ("http://example.org/a.png", "give https://"),
    ],
)
def test_what_cannot_be_had_is_one_sentence(s3: S3, photos: Path, given: str, says: str) -> None:
    with pytest.raises(ExtError) as raised:
        gather_samples(given)
    assert says in str(raised.value) and "hidden" not in str(raised.value) and "\n" not in str(raised.value)


def test_no_credentials_are_one_sentence(s3: S3, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(FetchError, match=r"^s3://data/set: no credentials were found; set AWS_PROFILE"):
        gather_samples("s3://data/set")


def test_a_library_that_is_missing_is_said_with_what_to_type(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(_registry, "s3", raising=False)
    with pytest.raises(MissingExtraError, match=r"s3:// needs s3fs; type: pip install 'deepfakebench-ext\[remote\]'"):
        gather_samples("s3://data/set")


def test_a_store_that_is_away_stops_the_run_which_goes_on_later(
    perf: Command, s3: S3, photos: Path, tmp_path: Path
) -> None:
    s3.busy["/data/set/real/003.png"] = 1000
    code, _, err = perf("s3://data/set", "--output_dir", "far", "--workers", "1")
    assert code == 1 and "s3://data/set/real/003.png could not be had in 8 tries" in err
    s3.busy.clear()
    assert perf("s3://data/set", "--output_dir", "far")[0] == 3
    assert perf("--image", "photos/set", "--output_dir", "near")[0] == 3
    assert same(tmp_path, path="photos/set", url="s3://data/set")


def test_secrets_are_in_no_file_that_a_run_leaves(perf: Command, s3: S3, photos: Path, tmp_path: Path) -> None:
    perf("s3://data/set", "--output_dir", "far")
    for path in (path for path in tmp_path.rglob("*") if path.is_file() and "photos" not in path.parts):
        assert b"AKIAIOSFODNN7EXAMPLE" not in path.read_bytes()
