"""A frame that a JSON names is read from wherever the dataset lies, or said to be missing; never another's pixels."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import stored

from deepfakebench_ext.common.errors import ConfigError, MediaError, MissingExtraError
from deepfakebench_ext.data.stores.frame_stores import FrameStore, LmdbStore, RgbStore

PLACES = {key: f"{stored.DATASET}/{place}" for key, place in stored.frames().items()}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stored.write_images(tmp_path_factory.mktemp("run") / "datasets/rgb")


def names(style: str) -> dict[tuple[str, str, int], str]:
    return {key: stored.spelled(place, style) for key, place in PLACES.items()}


def settled(store: FrameStore, style: str) -> FrameStore:
    store.settle(list(names(style).values()))
    return store


def assert_all_right(store: FrameStore, style: str) -> None:
    for key, frame in names(style).items():
        np.testing.assert_array_equal(store.read(frame), stored.picture(*key))
    assert store.missing(names(style).values()) == []


@pytest.mark.parametrize("style", stored.STYLES)
@pytest.mark.parametrize("below", ["", stored.DATASET])
def test_rgb_dir_serves_every_spelling(style: str, below: str, images: Path, tmp_path: Path) -> None:
    assert_all_right(settled(RgbStore(images / below, tmp_path), style), style)


@pytest.mark.parametrize("style", [style for style in stored.STYLES if style[:1] != "/"])
def test_without_rgb_dir_frames_are_found_where_deepfakebench_runs(style: str, images: Path) -> None:
    assert_all_right(settled(RgbStore(None, images.parents[1]), style), style)


def test_an_absolute_name_is_found_where_it_says(images: Path, tmp_path: Path) -> None:
    style = f"{images.as_posix()}/"
    assert_all_right(settled(RgbStore(None, tmp_path), style), style)


def test_rgb_dir_goes_before_a_dataset_where_deepfakebench_runs(images: Path, tmp_path: Path) -> None:
    stored.write_images(tmp_path / "mine")
    store = settled(RgbStore(tmp_path / "mine", images.parents[1]), "./datasets/rgb/")
    assert store.file(names("./datasets/rgb/")["CelebDFv1_fake", "b", 0]).is_relative_to(tmp_path / "mine")


@pytest.mark.parametrize("style", stored.STYLES)
@pytest.mark.parametrize("keys", ["", "backslash", "mixed"])
def test_an_lmdb_serves_every_spelling_with_the_keys_of_any_system(
    style: str, keys: str, images: Path, tmp_path: Path
) -> None:
    stored.images_in_lmdb(tmp_path / f"{stored.DATASET}_lmdb", images, keys)
    assert_all_right(settled(LmdbStore(tmp_path, stored.DATASET), style), style)


def test_a_video_of_the_same_name_under_another_label_is_not_taken_for_one_that_is_missing(tmp_path: Path) -> None:
    """Left out far enough, the fake `same` would end up where the real `same` lies."""
    real = {key: place for key, place in PLACES.items() if key[0] == "CelebDFv1_real"}
    for key, place in real.items():
        path = tmp_path / Path(place).relative_to(f"{stored.DATASET}/real")
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), stored.picture(*key))
    store = settled(RgbStore(tmp_path, tmp_path), "")
    assert set(store.missing(PLACES.values())) == set(PLACES.values())


def test_a_rule_holds_for_all_frames_so_that_a_stray_file_is_not_taken(images: Path, tmp_path: Path) -> None:
    frame = names("./datasets/rgb/")["CelebDFv1_fake", "b", 1]
    stray = tmp_path / frame
    stray.parent.mkdir(parents=True)
    stray.write_bytes((images / stored.DATASET / stored.frames()["CelebDFv1_real", "a", 0]).read_bytes())
    mine = stored.write_images(tmp_path / "mine")
    (mine / PLACES["CelebDFv1_fake", "b", 1]).unlink()
    store = settled(RgbStore(mine, tmp_path), "./datasets/rgb/")
    assert store.missing([frame]) == [frame]
    with pytest.raises(MediaError, match="no such file"):
        store.read(frame)


def test_few_frames_among_many_missing_ones_are_found(tmp_path: Path) -> None:
    frames = [f"./elsewhere/DS/{video:04d}/{number:03d}.png" for video in range(200) for number in range(10)]
    path = tmp_path / "DS/0123/004.png"
    path.parent.mkdir(parents=True)
    cv2.imwrite(str(path), np.zeros((2, 2, 3), np.uint8))
    store = RgbStore(tmp_path, Path("/nowhere"))
    store.settle(frames)
    assert len(store.missing(frames)) == 1999
    assert store.read("./elsewhere/DS/0123/004.png").shape == (2, 2, 3)


def test_one_store_serves_several_datasets_each_by_its_own_rule(images: Path, tmp_path: Path) -> None:
    store = settled(RgbStore(images, tmp_path), "./datasets/rgb/")
    (images / "other").mkdir()
    cv2.imwrite(str(images / "other/3.png"), np.full((2, 2, 3), 7, np.uint8))
    store.settle(["/abs/x/other/3.png"])
    assert store.read("/abs/x/other/3.png").max() == 7
    assert_all_right(store, "./datasets/rgb/")


def test_a_frame_of_an_unknown_dataset_is_an_error_of_the_caller(images: Path, tmp_path: Path) -> None:
    store = settled(RgbStore(images, tmp_path), "./datasets/rgb/")
    with pytest.raises(ValueError, match="settle"):
        store.read("/abs/other/3.png")


JPEG = cv2.imencode(".jpg", np.arange(48 * 48 * 3, dtype=np.uint8).reshape(48, 48, 3))[1].tobytes()
BROKEN = {"empty": b"", "text": b"not an image", "cut": JPEG[: len(JPEG) // 2]}
SAID = {
    "empty": "it is empty",
    "text": "not an image, or damaged; it begins with b'not an i'",
    "cut": "the JPEG is cut short",
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("lmdb", [False, True])
def test_a_broken_image_is_an_error_that_names_frame_and_place(kind: str, lmdb: bool, tmp_path: Path) -> None:
    frame = "DS/v/001.jpg"
    store: FrameStore
    if lmdb:
        store = LmdbStore(stored.write_lmdb(tmp_path / "DS_lmdb", {"DS\\v\\001.jpg": BROKEN[kind]}), "DS")
    else:
        (tmp_path / "DS/v").mkdir(parents=True)
        (tmp_path / frame).write_bytes(BROKEN[kind])
        store = RgbStore(tmp_path, tmp_path)
    store.settle([frame])
    assert store.missing([frame]) == []
    with pytest.raises(MediaError, match=rf"frame DS/v/001\.jpg: .*: {SAID[kind]}$"):
        store.read(frame)


def test_a_jpeg_without_its_end_marker_is_read_as_the_whole_one(tmp_path: Path) -> None:
    (tmp_path / "DS/v").mkdir(parents=True)
    (tmp_path / "DS/v/0.jpg").write_bytes(JPEG)
    (tmp_path / "DS/v/1.jpg").write_bytes(JPEG[:-2])
    store = RgbStore(tmp_path, tmp_path)
    store.settle(["DS/v/0.jpg", "DS/v/1.jpg"])
    np.testing.assert_array_equal(store.read("DS/v/1.jpg"), store.read("DS/v/0.jpg"))


def test_a_pipe_in_the_place_of_a_frame_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "DS/v").mkdir(parents=True)
    os.mkfifo(tmp_path / "DS/v/0.png")
    store = RgbStore(tmp_path, tmp_path)
    store.settle(["DS/v/0.png"])
    with pytest.raises(MediaError, match="a pipe"):
        store.read("DS/v/0.png")


def test_of_nested_beginnings_the_longest_decides(tmp_path: Path) -> None:
    """A dataset whose frames all begin with another's beginning keeps its own rule, whichever came first."""
    for below, value in (("DS/a/0.png", 1), ("DS/b/0.png", 2), ("inner/b/5.png", 3)):
        (tmp_path / below).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / below), np.full((2, 2, 3), value, np.uint8))
    for order in (0, 1):
        store = RgbStore(tmp_path, tmp_path)
        for frames in [["x/DS/a/0.png", "x/DS/b/0.png"], ["x/DS/inner/b/5.png"]][:: -1 if order else 1]:
            store.settle(frames)
        assert [int(store.read(f).max()) for f in ("x/DS/a/0.png", "x/DS/inner/b/5.png")] == [1, 3]


def test_a_missing_key_is_an_error_that_names_it(tmp_path: Path) -> None:
    store = LmdbStore(stored.write_lmdb(tmp_path / "DS_lmdb", {"DS\\v\\001.jpg": JPEG}), "DS")
    frames = ["DS/v/001.jpg", "DS/v/002.jpg", "DS/v/" + "x" * 600, "DS/v/\ud800", "DS/v/\0"]
    store.settle(frames)
    assert store.missing(frames) == frames[1:]
    assert "key 'DS\\\\v\\\\002.jpg' of" in store.address(frames[1])
    for frame in frames[1:]:
        with pytest.raises(MediaError, match="has no key"):
            store.read(frame)


@pytest.mark.parametrize("lmdb", [False, True])
@pytest.mark.parametrize("odd", ["\0", "\ud800", "a\udc80\0"])
def test_a_frame_whose_name_no_file_can_have_is_missing_and_no_end_of_the_run(
    odd: str, lmdb: bool, images: Path, tmp_path: Path
) -> None:
    if lmdb:
        stored.images_in_lmdb(tmp_path / f"{stored.DATASET}_lmdb", images, "")
    store: FrameStore = LmdbStore(tmp_path, stored.DATASET) if lmdb else RgbStore(images, tmp_path)
    frames = [*names("").values(), f"{stored.DATASET}/real/frames/{odd}/000.png"]
    store.settle(frames)
    assert store.missing(frames) == frames[-1:]
    with pytest.raises(MediaError):
        store.read(frames[-1])
    np.testing.assert_array_equal(store.read(frames[0]), stored.picture(*next(iter(names("")))))


def test_grey_and_alpha_become_three_channels_as_opencv_makes_them(tmp_path: Path) -> None:
    (tmp_path / "DS").mkdir()
    cv2.imwrite(str(tmp_path / "DS/0.png"), np.full((3, 2), 9, np.uint8))
    cv2.imwrite(str(tmp_path / "DS/1.png"), np.dstack([np.full((3, 2), n, np.uint8) for n in (1, 2, 3, 0)]))
    store = RgbStore(tmp_path, tmp_path)
    store.settle(["DS/0.png", "DS/1.png"])
    assert store.read("DS/0.png").tolist() == [[[9, 9, 9]] * 2] * 3
    assert store.read("DS/1.png").tolist() == [[[3, 2, 1]] * 2] * 3


@pytest.mark.parametrize(
    ("dataset", "folder"),
    [
        ("FF-DF", "FaceForensics++_lmdb"),
        ("DeepFakeDetection", "FaceForensics++_lmdb"),
        ("FaceForensics++_c40", "FaceForensics++_c40_lmdb"),
        ("DFDCP", "DFDCP_lmdb"),
        ("DFDCP", "DFDCP"),
        ("DFDCP", ""),
    ],
)
def test_a_database_is_found_by_the_names_that_deepfakebench_gives(dataset: str, folder: str, tmp_path: Path) -> None:
    stored.write_lmdb(tmp_path / "lmdb" / folder, {"DS\\v\\001.jpg": JPEG})
    store = LmdbStore(tmp_path / "lmdb", dataset)
    store.settle(["DS\\v\\001.jpg"])
    assert store.read("DS\\v\\001.jpg").shape == (48, 48, 3)
    assert store.file("DS\\v\\001.jpg") == tmp_path / "lmdb" / folder / "data.mdb"


def test_several_datasets_may_share_a_database(tmp_path: Path) -> None:
    stored.write_lmdb(tmp_path / "FaceForensics++_lmdb", {"DS/v/001.jpg": JPEG})
    stores = [LmdbStore(tmp_path, name) for name in ("FF-DF", "FF-NT", "FaceForensics++")]
    for store in stores:
        store.settle(["DS/v/001.jpg"])
        assert store.missing(["DS/v/001.jpg"]) == []


def test_a_database_that_is_not_there_is_an_error_that_names_what_is(tmp_path: Path) -> None:
    stored.write_lmdb(tmp_path / "Celeb-DF-v2_lmdb", {"a": b"b"})
    with pytest.raises(ConfigError, match=r"holds no Celeb-DF-v1_lmdb .*; did you mean Celeb-DF-v2_lmdb\?"):
        LmdbStore(tmp_path, "Celeb-DF-v1")
    with pytest.raises(ConfigError, match="is not a folder; give the one that holds DS_lmdb"):
        LmdbStore(tmp_path / "nowhere", "DS")
    with pytest.raises(ConfigError, match="is not a folder"):
        RgbStore(tmp_path / "nowhere", tmp_path)


def test_a_damaged_database_is_an_error_not_the_end_of_the_process(tmp_path: Path) -> None:
    folder = stored.write_lmdb(tmp_path / "DS_lmdb", {f"DS/v/{n}.jpg": JPEG * 9 for n in range(20)})
    data = (folder / "data.mdb").read_bytes()
    (folder / "data.mdb").write_bytes(data[: len(data) // 2 // 4096 * 4096])
    with pytest.raises(ConfigError, match=r"data\.mdb has .* bytes and should have .*; copy it again"):
        LmdbStore(tmp_path, "DS")
    (folder / "data.mdb").write_bytes(b"no database" * 2000)
    with pytest.raises(ConfigError, match="cannot be opened as an LMDB"):
        LmdbStore(tmp_path, "DS")


def test_without_lmdb_installed_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stored.write_lmdb(tmp_path / "DS_lmdb", {"a": b"b"})
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'deepfakebench-ext\[host\]'"):
        LmdbStore(tmp_path, "DS")


@pytest.mark.parametrize("lmdb", [False, True])
def test_threads_read_their_own_frames(lmdb: bool, images: Path, tmp_path: Path) -> None:
    if lmdb:
        stored.images_in_lmdb(tmp_path / f"{stored.DATASET}_lmdb", images, "backslash")
    store = settled(LmdbStore(tmp_path, stored.DATASET) if lmdb else RgbStore(images, tmp_path), "")
    wanted = list(names("").items()) * 10
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda item: store.read(item[1]), wanted))
    for (key, _), rgb in zip(wanted, found, strict=True):
        np.testing.assert_array_equal(rgb, stored.picture(*key))
