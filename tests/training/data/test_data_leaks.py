"""One video or one content on both sides is found, whatever it is called, and nothing else is."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import stored

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.samples.datasets import gather_dataset
from deepfakebench_ext.data.samples.folders import collect_samples
from deepfakebench_ext.data.stores.frame_stores import FrameStore, LmdbStore, RgbStore
from deepfakebench_ext.training.data.leaks import check_leaks, describe, find_leaks


def file(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def image(path: Path, content: bytes, label: int | None = 0, **about: str) -> Sample:
    return Sample(path.name, file(path, content), label, **about)  # type: ignore[arg-type]


def found(train: list[Sample], val: list[Sample], **stores: FrameStore) -> list[tuple[str, str, str]]:
    return [(leak.kind, *leak.keys) for leak in find_leaks(train, val, stores)]


def test_sides_that_share_nothing_have_no_leak(tmp_path: Path) -> None:
    # The same names, sizes and first bytes on both sides are none.
    for side in ("train", "val"):
        for label in ("real", "fake"):
            for number in range(3):
                content = b"x" * 5000 + f"{side:>5}{label}{number}".encode()
                file(tmp_path / side / label / f"{number}.png", content)
    sides = [collect_samples(tmp_path / side, kind="image") for side in ("train", "val")]
    assert [sample.key for sample in sides[0]] == [sample.key for sample in sides[1]]
    assert found(*sides) == []
    check_leaks(find_leaks(*sides))


def test_a_copy_is_found_under_any_name(tmp_path: Path) -> None:
    train = [image(tmp_path / "a.png", b"one" * 3000), image(tmp_path / "b.png", b"two" * 3000)]
    val = [image(tmp_path / "val/c.jpg", b"two" * 3000), image(tmp_path / "val/d.jpg", b"six" * 3000)]
    assert found(train, val) == [("content", "b.png", "c.jpg")]
    (leak,) = find_leaks(train, val)
    assert leak.message == "b.png (train) and c.jpg (val) have the same content"


def test_a_copy_under_the_other_label_says_so(tmp_path: Path) -> None:
    (leak,) = find_leaks([image(tmp_path / "a.png", b"one", 0)], [image(tmp_path / "b.png", b"one", 1)])
    assert leak.message.endswith("have the same content, and are labelled REAL and FAKE")


@pytest.mark.parametrize("side", ["train", "val"])
def test_one_content_under_both_labels_on_one_side_is_found(tmp_path: Path, side: str) -> None:
    samples = [
        image(tmp_path / "a.png", b"one", 0),
        image(tmp_path / "b.png", b"one", 0),
        image(tmp_path / "c.png", b"one", 1),
        image(tmp_path / "d.png", b"one", None),
    ]
    leaks = find_leaks(samples, []) if side == "train" else find_leaks([], samples)
    assert [(leak.kind, leak.keys) for leak in leaks] == [("labels", ("a.png", "c.png"))]
    assert leaks[0].message == f"a.png and c.png (both {side}) have the same content, and are labelled REAL and FAKE"


def test_the_same_file_is_one_video_also_through_a_link(tmp_path: Path) -> None:
    real = image(tmp_path / "a.mp4", b"one")
    (tmp_path / "link.mp4").symlink_to(real.path)
    (tmp_path / "folder").symlink_to(tmp_path, target_is_directory=True)
    for path in (real.path, tmp_path / "link.mp4", tmp_path / "folder/a.mp4"):
        assert found([real], [Sample("v", path, 0)]) == [("video", "a.mp4", "v")]


def test_the_same_video_of_the_same_dataset_is_found(tmp_path: Path) -> None:
    train = [image(tmp_path / "a.png", b"a", dataset="D", video="7")]
    val = [
        image(tmp_path / "b.png", b"bb", dataset="D", video="7"),
        image(tmp_path / "c.png", b"ccc", dataset="E", video="7"),
        image(tmp_path / "d.png", b"dddd", dataset="D", video="8"),
    ]
    (leak,) = find_leaks(train, val)
    assert leak.keys == ("a.png", "b.png")
    assert leak.message == "a.png (train) and b.png (val) are one video: video 7"


def test_an_image_and_the_folder_that_it_lies_in_are_one_video(tmp_path: Path) -> None:
    frame = image(tmp_path / "v/000.png", b"a")
    other = image(tmp_path / "v/001.png", b"bb")
    folder = Sample("v", tmp_path / "v", 0)
    assert found([folder], [frame]) == [("video", "v", "000.png")]
    assert found([frame], [folder]) == [("video", "000.png", "v")]
    assert found([frame], [other]) == []  # a folder of unrelated images


def frames(folder: Path, *seeds: int) -> Sample:
    for number, seed in enumerate(seeds):
        rgb = np.full((8, 8, 3), seed, np.uint8)
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{number}.png"), rgb)
    return Sample(folder.name, folder, 0)


def test_folders_of_frames_are_compared_at_both_ends_and_in_the_middle(tmp_path: Path) -> None:
    train = [frames(tmp_path / "a", 0, 1, 2, 3, 4)]
    assert found(train, [frames(tmp_path / "b", 0, 9, 2, 9, 4)]) == [("content", "a", "b")]
    assert found(train, [frames(tmp_path / "c", 0, 1, 2, 3, 9)]) == []  # many videos begin with the same black
    assert found(train, [frames(tmp_path / "d", 0)]) == []


@pytest.mark.parametrize("kind", ["files", "lmdb"])
def test_videos_of_a_dataset_are_compared_through_its_store(tmp_path: Path, kind: str) -> None:
    images = stored.write_images(tmp_path / "rgb")
    jsons = stored.write_json(tmp_path / "json", "")
    stored.images_in_lmdb(tmp_path / f"lmdb/{stored.DATASET}_lmdb", images, "")
    store = RgbStore(images, tmp_path) if kind == "files" else LmdbStore(tmp_path / "lmdb", stored.DATASET)
    samples = gather_dataset(stored.DATASET, json_folder=jsons, store=store)
    train, val = samples[:2], samples[2:]
    assert len(samples) == 4
    stores = {stored.DATASET: store}
    assert found(train, val, **stores) == []
    assert [leak.kind for leak in find_leaks(train, [*val, train[1]], stores)] == ["video"]
    # The same frames as another dataset's, under names of its own.
    shutil.copytree(images / stored.DATASET, tmp_path / "copy/X")
    copied = RgbStore(tmp_path / "copy", tmp_path)
    renamed = tuple(frame.replace(stored.DATASET, "X") for frame in train[0].frames)
    if kind == "files":
        copied.settle(renamed)
        copy = replace(train[0], key="X/copy", dataset="X", frames=renamed)
        assert found(train, [copy], **stores, X=copied) == [("content", train[0].key, "X/copy")]
    assert found(train, [replace(train[0], key="Y/v", dataset="Y")]) == [("video", train[0].key, "Y/v")]


def test_frames_of_a_dataset_are_known_again_where_a_side_names_their_folder(tmp_path: Path) -> None:
    images = stored.write_images(tmp_path / "rgb")
    store = RgbStore(images, tmp_path)
    (video, *_) = gather_dataset(stored.DATASET, json_folder=stored.write_json(tmp_path / "json", ""), store=store)
    place = images / video.frames[0].removeprefix("./datasets/rgb/")
    others = [sample for sample in collect_samples(images, kind="image") if sample.path.parent != place.parent]
    for same in (Sample("folder", place.parent, video.label), Sample("image", place, video.label)):
        for sides in ([video], [same]), ([same], [video]):
            (leak,) = find_leaks(*sides, {stored.DATASET: store})
            assert (leak.kind, leak.keys) == ("video", (sides[0][0].key, sides[1][0].key))
    assert others and found(others, [video], **{stored.DATASET: store}) == []


def test_one_frame_folder_in_two_datasets_is_one_video(tmp_path: Path) -> None:
    names = ("./datasets/rgb/F/v/000.png", "./datasets/rgb/F/v/001.png")
    one = Sample("A/real/v", tmp_path, 0, dataset="A", frames=names)
    other = Sample("B/real/v", tmp_path, 0, dataset="B", frames=(".\\datasets\\rgb\\F\\v\\007.png",))
    (leak,) = find_leaks([one], [other])
    assert leak.message.endswith("one video: folder of frames datasets/rgb/F/v")


def test_what_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    empty = [image(tmp_path / name, b"") for name in ("a.png", "b.png")]
    gone = [Sample(name, tmp_path / name, 0) for name in ("c.png", "d.png")]
    (tmp_path / "folder").mkdir()
    assert found([empty[0], gone[0], Sample("folder", tmp_path / "folder", 0)], [empty[1], gone[1]]) == []


def test_files_of_a_size_of_their_own_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = [image(tmp_path / f"{n}.png", b"x" * n, 0) for n in range(1, 20)]
    train += [image(tmp_path / f"same{n}.png", bytes([n]) * 50, 0) for n in range(5)]
    val = [image(tmp_path / f"val{n}.png", b"x" * (100 + n), 0) for n in range(5)]
    copy = image(tmp_path / "copy.png", b"x" * 7, 0)
    opened = []
    original = Path.open
    monkeypatch.setattr(Path, "open", lambda self, *a: opened.append(self.name) or original(self, *a))
    assert found(train, val) == []
    assert opened == []
    assert found(train, [*val, copy]) == [("content", "7.png", "copy.png")]
    assert set(opened) == {"7.png", "copy.png"}


def test_many_leaks_are_summed_up_and_are_an_error(tmp_path: Path) -> None:
    train = [image(tmp_path / f"{n}.png", bytes([n]) * 9) for n in range(8)]
    val = [image(tmp_path / f"v{n}.png", bytes([n]) * 9) for n in range(8)]
    shutil.copy(train[0].path, tmp_path / "fake.png")
    leaks = find_leaks([*train, Sample("fake.png", tmp_path / "fake.png", 1)], val)
    assert len(leaks) == 9
    text = describe(leaks)
    assert text.startswith("9 leaks in the data:")
    assert "and 3 more of this kind" in text
    assert len(text.splitlines()) == 1 + 5 + 1 + 1
    with pytest.raises(ConfigError, match="--allow_leaks"):
        check_leaks(leaks)


def test_a_name_that_is_no_text_is_compared_too(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.png")
    val = Sample("x", file(tmp_path / "val" / name, b"one"), 0)
    assert found([image(tmp_path / "a.png", b"one")], [val]) == [("content", "a.png", "x")]


def test_folders_that_share_only_their_first_and_last_frame_are_two_videos(tmp_path: Path) -> None:
    def video(name: str, middle: bytes) -> Sample:
        for number, content in enumerate((b"black", middle, b"black")):
            file(tmp_path / name / f"{number}.png", content * 100)
        return Sample(name, tmp_path / name, 0)

    assert found([video("a", b"one__")], [video("b", b"other")]) == []
    assert found([video("c", b"same_")], [video("d", b"same_")]) == [("content", "c", "d")]


@pytest.mark.parametrize(
    ("train", "val", "number"),
    [
        ("fake/000_003", "real/003", "003"),
        ("fake/000_003", "fake/003_000", "003"),
        ("real/000", "fake/000_003", "000"),
        ("fake/000_003.mp4", "real/000.mp4", "000"),
        ("fake/000_003/007.png", "real/000/011.png", "000"),
    ],
)
def test_a_fake_of_faceforensics_and_what_it_was_made_of_may_not_be_parted(
    train: str, val: str, number: str, tmp_path: Path
) -> None:
    sides = [[Sample(name, str(tmp_path / side / name), 0)] for side, name in (("train", train), ("val", val))]
    (leak,) = find_leaks(*sides)
    assert leak.kind == "source" and leak.keys == (train, val) and leak.message.endswith(f"by their names: {number}")


@pytest.mark.parametrize(
    ("train", "val"),
    [
        ("real/000", "real/001"),
        ("real/000", "real/000"),
        ("fake/000_003", "fake/001_004"),
        ("fake/1000_003", "real/003"),
    ],
)
def test_other_numbers_are_no_faces(train: str, val: str, tmp_path: Path) -> None:
    sides = [[Sample(name, str(tmp_path / side / name), 0)] for side, name in (("train", train), ("val", val))]
    assert find_leaks(*sides) == []
