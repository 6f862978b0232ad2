"""Images in tars, as WebDataset writes them, on this machine and in a bucket."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
import tiny
from buckets import S3

from deepfakebench_ext.common.digests import content_of
from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.tar_names import shard_names
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.readers.at_hand import sample_at_hand
from deepfakebench_ext.data.samples.folders import collect_samples
from deepfakebench_ext.engine.file_inputs import gather_given, gather_samples
from deepfakebench_ext.engine.run_directory import digest_samples
from deepfakebench_ext.remote.typed import place


def write_tar(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def images(tmp_path: Path) -> dict[str, bytes]:
    folder = tiny.photos(tmp_path / "photos", 2)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.png"))}


def contents(samples: list[Sample]) -> list[str]:
    found = []
    for sample in samples:
        with sample_at_hand(sample) as local:
            found.append(local.fault or content_of(local.file))
    return found


def test_folders_in_a_tar_are_as_on_the_disk(tmp_path: Path, images: dict[str, bytes]) -> None:
    write_tar(tmp_path / "set.tar", images)
    inside, outside = gather_samples(tmp_path / "set.tar"), gather_samples(tmp_path / "photos")
    assert [(s.key, s.label) for s in inside] == [(s.key, s.label) for s in outside]
    assert contents(inside) == contents(outside)
    assert inside[0].file == f"{tmp_path}/set.tar/fake/000.png"


def test_labels_lie_beside_images_and_go_before_names(tmp_path: Path, images: dict[str, bytes]) -> None:
    first, second, third, fourth = images.values()
    files = {
        **{"a/0.png": first, "a/0.cls": b"1\n"},
        **{"a/1.left.png": second, "a/1.json": json.dumps({"label": "real", "more": 3}).encode()},
        **{"real/2.jpg": third, "real/2.cls": b"fake"},
        **{"real/3.jpg": fourth, "real/3.json": b'{"caption": "no label"}'},
    }
    samples = gather_samples(write_tar(tmp_path / "set.tar", files))
    assert [(s.key, s.label) for s in samples] == [
        ("a/0.png", 1),
        ("a/1.left.png", 0),
        ("real/2.jpg", 1),
        ("real/3.jpg", 0),
    ]


def test_shards_are_read_in_their_order_and_labelled_by_their_names(tmp_path: Path, images: dict[str, bytes]) -> None:
    (first, second), numbers = list(images.values())[:2], "{000..001}"
    write_tar(tmp_path / "fake-000.tar", {"9.png": first, "1.png": second})
    write_tar(tmp_path / "fake-001.tar", {"1.png": second})
    samples = gather_samples(tmp_path / f"fake-{numbers}.tar")
    assert [s.key for s in samples] == ["fake-000.tar/9.png", "fake-000.tar/1.png", "fake-001.tar/1.png"]
    assert [s.label for s in samples] == [1, 1, 1]
    both = gather_samples(paths=[tmp_path / "fake-000.tar", tmp_path / "fake-001.tar"])
    assert len({s.key for s in both}) == 3


def test_shards_of_one_name_go_by_their_folders(tmp_path: Path, s3: S3, images: dict[str, bytes]) -> None:
    for folder in ("part0", "part1"):
        (tmp_path / "sets" / folder).mkdir(parents=True)
        write_tar(tmp_path / "sets" / folder / "set.tar", images)
    s3.put("data", tmp_path / "sets")
    found = gather_samples(tmp_path / "sets/part{0..1}/set.tar")
    assert [s.key for s in found] == [f"part{number}/set.tar/{name}" for number in (0, 1) for name in images]
    assert [s.key for s in gather_samples("s3://data/*/set.tar")] == [s.key for s in found]


def test_a_folder_above_is_said_to_label_a_tar_where_it_does(tmp_path: Path, s3: S3, images: dict[str, bytes]) -> None:
    first, second, *_ = images.values()
    (tmp_path / "sets/fake").mkdir(parents=True)
    for number in (0, 1):
        write_tar(tmp_path / f"sets/fake/plain-{number}.tar", {"0.png": first, "1.png": second})
        write_tar(tmp_path / f"sets/fake/folders-{number}.tar", images)
        write_tar(tmp_path / f"sets/fake/inside-{number}.tar", {"fake/0.png": first})
        write_tar(tmp_path / f"sets/fake/beside-{number}.tar", {"0.png": first, "0.cls": b"0", "1.png": second})
    s3.put("data", tmp_path / "sets")

    def said(given: str) -> list[str]:
        return [notice.text.partition("so ")[2].partition(";")[0] for notice in gather_given(given).notices]

    for above in (f"{tmp_path}/sets/fake", "s3://data/fake"):
        for name, count in (("plain-{0..1}", 4), ("plain-0", 2)):
            by_name = f"{count} samples count as FAKE by the name of the directory 'fake' in its path"
            assert said(f"{above}/{name}.tar") == [by_name]
        for name in ("folders-{0..1}", "folders-0", "inside-{0..1}", "beside-{0..1}", "beside-1"):
            assert said(f"{above}/{name}.tar") == []


def test_a_changed_tar_is_another_run(tmp_path: Path, images: dict[str, bytes]) -> None:
    def digest() -> str:
        return digest_samples(gather_samples(tmp_path / "set.tar"), lambda sample: [sample.file])

    write_tar(tmp_path / "set.tar", images)
    before = digest()
    assert digest() == before
    write_tar(tmp_path / "set.tar", {name: content + b" " for name, content in images.items()})
    assert digest() != before


def test_shards_of_a_bucket_are_fetched_once_each(s3: S3, tmp_path: Path, images: dict[str, bytes]) -> None:
    half = len(images) // 2
    for number, part in enumerate((list(images.items())[:half], list(images.items())[half:])):
        (tmp_path / "tars").mkdir(exist_ok=True)
        write_tar(tmp_path / f"tars/set-{number}.tar", dict(part))
    s3.put("data", tmp_path / "tars")
    s3.cut["/data/set-0.tar"] = 1
    samples = collect_samples(place("s3://data/set-{0..1}.tar"), kind="image")
    assert contents(samples) == [content_of(tmp_path / "photos" / name) for name in images]
    assert samples[0].key == "set-0.tar/fake/000.png"
    assert samples[0].file == "s3://data/set-0.tar/fake/000.png"
    assert s3.requests.count("GET /data/set-1.tar") == 1 and s3.requests.count("GET /data/set-0.tar") == 2
    by_pattern = collect_samples(place("s3://data/set-*.tar"), kind="image")
    assert [s.file for s in by_pattern] == [s.file for s in samples]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("empty.tar", "holds no image"),
        ("text.tar", "no tar, or one that is compressed or cut short"),
        ("cut.tar", "cut short"),
        ("packed.tar.gz", "is compressed, so that nothing can be found"),
        ("none-{0..2}.tar", "none-0.tar does not exist"),
        ("label.tar", "label.tar/0.cls: unknown label '7'"),
    ],
)
def test_what_is_no_tar_of_images_says_why(tmp_path: Path, images: dict[str, bytes], name: str, says: str) -> None:
    write_tar(tmp_path / "empty.tar", {"a.txt": b"x"})
    (tmp_path / "text.tar").write_bytes(b"no tar" * 1000)
    whole = write_tar(tmp_path / "cut.tar", images).read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[: len(whole) // 2])
    write_tar(tmp_path / "packed.tar.gz", images, "w:gz")
    write_tar(tmp_path / "label.tar", {"0.png": images["real/000.png"], "0.cls": b"7"})
    with pytest.raises(ConfigError, match=says.replace("(", r"\(")):
        gather_samples(tmp_path / name)


@pytest.mark.parametrize("what", ["a damaged head", "the end of a member", "within a head", "another tar behind it"])
def test_a_tar_of_which_images_would_be_missed_is_refused(tmp_path: Path, images: dict[str, bytes], what: str) -> None:
    path = write_tar(tmp_path / "set.tar", images)
    with tarfile.open(path) as tar:
        head = tar.getmembers()[2].offset
    content = bytearray(path.read_bytes())
    content[head + 100] ^= 0x55
    left = {"the end of a member": content[:head], "within a head": content[: head + 100]}
    path.write_bytes(left.get(what, content if what == "a damaged head" else path.read_bytes() * 2))
    with pytest.raises(ConfigError, match=r"set\.tar: damaged or cut short at byte"):
        gather_samples(path)


def test_a_file_that_tar_keeps_as_a_link_to_the_same_is_scored(tmp_path: Path, images: dict[str, bytes]) -> None:
    first, *_ = images
    path = write_tar(tmp_path / "set.tar", images)
    with tarfile.open(path, "a") as tar:
        info = tarfile.TarInfo("real/same.png")
        info.type, info.linkname = tarfile.LNKTYPE, first
        tar.addfile(info)
    found = gather_samples(path)
    assert [sample.key for sample in found] == [*images, "real/same.png"]
    assert contents(found)[-1] == contents(found)[0]


def test_films_in_tars_are_said_to_be_left_aside(
    tmp_path: Path, images: dict[str, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    for number in (0, 1):
        write_tar(tmp_path / f"set-{number}.tar", {**images, "real/a.MP4": b"x", "real/._b.mp4": b"x", "a.txt": b"x"})
    assert len(gather_samples(tmp_path / "set-{0..1}.tar")) == 2 * len(images)
    (said,) = caplog.messages
    assert said.startswith(f"{tmp_path}/set-{{0..1}}.tar: left aside, as no image") and said.endswith(": 2 .mp4")


def test_links_in_a_tar_are_said_to_be_left_aside(
    tmp_path: Path, images: dict[str, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    path = write_tar(tmp_path / "set.tar", images)
    with tarfile.open(path, "a") as tar:
        for name, kind, target in (
            ("real/by_name.png", tarfile.SYMTYPE, "000.png"),
            ("real/away.png", tarfile.LNKTYPE, "none.png"),
            ("real/000.png", tarfile.SYMTYPE, "001.png"),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            tar.addfile(info)
    assert [sample.key for sample in gather_samples(path)] == [name for name in images if name != "real/000.png"]
    (said,) = caplog.messages
    assert said == (
        f"{path}: left aside, as a tar's links are not followed: 3 links, such as real/000.png; tar -h packs what they "
        "lead to"
    )
    assert contents([Sample("x", f"{path}/real/away.png")]) == [
        f"{path}/real/away.png: a link, which is not followed in a tar"
    ]


def test_a_range_of_numbers_keeps_their_zeros() -> None:
    assert shard_names("d-{008..010}.tar") == ["d-008.tar", "d-009.tar", "d-010.tar"]
    assert shard_names("{0..1}/{0..1}.tar") == ["0/0.tar", "0/1.tar", "1/0.tar", "1/1.tar"]
    for no_range in ("d-{a,b}.tar", "d-{3..1}.tar", "d-{0..999999999}.tar"):
        assert shard_names(no_range) == [no_range]
