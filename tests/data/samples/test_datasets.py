"""A dataset JSON and a store come to samples with frames, or to an error that says what to give."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import stored

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.samples.datasets import gather_dataset, json_order_notices
from deepfakebench_ext.data.samples.kinds import is_video
from deepfakebench_ext.data.stores.coverage import coverage
from deepfakebench_ext.data.stores.frame_stores import LmdbStore, RgbStore


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return stored.write_images(tmp_path / "rgb")


def gather(tmp_path: Path, name: str = stored.DATASET, style: str = "./datasets/rgb/") -> list[Sample]:
    folder = stored.write_json(tmp_path / "json", style)
    return gather_dataset(name, json_folder=folder, store=RgbStore(tmp_path / "rgb", tmp_path))


@pytest.mark.parametrize("style", stored.STYLES)
def test_every_video_is_one_sample_whose_frames_are_sorted_and_lie_in_its_path(
    style: str, images: Path, tmp_path: Path
) -> None:
    samples = gather(tmp_path, style=style)
    assert [(s.key, s.label, s.dataset, s.method, len(s.frames)) for s in samples] == [
        ("Celeb-DF-v1/CelebDFv1_real/same", 0, "Celeb-DF-v1", "CelebDFv1_real", 5),
        ("Celeb-DF-v1/CelebDFv1_real/a", 0, "Celeb-DF-v1", "CelebDFv1_real", 10),
        ("Celeb-DF-v1/CelebDFv1_fake/same", 1, "Celeb-DF-v1", "CelebDFv1_fake", 5),
        ("Celeb-DF-v1/CelebDFv1_fake/b", 1, "Celeb-DF-v1", "CelebDFv1_fake", 3),
    ]
    assert samples[1].path == images / "Celeb-DF-v1/real/frames/a"
    assert [frame[-7:-4] for frame in samples[0].frames] == ["000", "007", "014", "021", "028"]


def test_a_sample_with_frames_is_a_video_whatever_its_folder_is_called(tmp_path: Path) -> None:
    assert is_video(Sample("v", tmp_path / "clip.png", frames=("clip.png/0.png",)))
    assert not is_video(Sample("v", tmp_path / "clip.png"))


def test_of_an_lmdb_the_path_is_its_file(images: Path, tmp_path: Path) -> None:
    stored.images_in_lmdb(tmp_path / "Celeb-DF-v1_lmdb", images, "backslash")
    store = LmdbStore(tmp_path, stored.DATASET)
    samples = gather_dataset(stored.DATASET, json_folder=stored.write_json(tmp_path / "json", ""), store=store)
    assert {sample.path for sample in samples} == {tmp_path / "Celeb-DF-v1_lmdb/data.mdb"}


def test_frames_need_not_be_there(tmp_path: Path) -> None:
    (tmp_path / "rgb").mkdir()
    assert len(gather(tmp_path)) == 4


def test_a_json_that_is_not_there_is_an_error_with_near_names(images: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^dataset Celeb-DF-v2: .* holds no Celeb-DF-v2\.json; did you mean C"):
        gather(tmp_path, "Celeb-DF-v2")
    with pytest.raises(
        ConfigError, match=r"--dataset_json_folder .* is not a folder; give the one that holds DS\.json"
    ):
        gather_dataset("DS", json_folder=tmp_path / "nowhere", store=RgbStore(None, tmp_path))


PLACE = {"label": "DF_real", "frames": ["X/a/000.png"]}


@pytest.mark.parametrize(
    "text",
    [
        '{"X": {"DF_real": {"test": {"a": %s}}, "DF_real": {"test": {"b": %s}}}}',
        '{"X": {"DF_real": {"test": {"a": %s}, "test": {"b": %s}}}}',
        '{"X": {"DF_real": {"test": {"a": %s, "a": %s}}}}',
        '{"X": {}, "X": {"DF_real": {"test": {"a": %s, "b": %s}}}}',
        '{"X": {"DF_real": {"test": {"a": %s, "b": {"label": "DF_real", "label": "DF_fake", "frames": %s}}}}}',
    ],
)
def test_a_key_that_stands_twice_in_one_object_is_an_error_that_names_it(text: str, tmp_path: Path) -> None:
    place = json.dumps(PLACE)
    (tmp_path / "X.json").write_text(text % (place, place))
    with pytest.raises(ConfigError, match=r"X\.json: the key '(X|DF_real|test|a|label)' stands twice in one object"):
        gather_dataset("X", json_folder=tmp_path, store=RgbStore(None, tmp_path))


def listed(folder: Path, **videos: object) -> Path:
    (folder / "X.json").write_text(json.dumps({"X": {"DF_fake": {"test": videos}}}))
    return folder


def test_a_video_without_frames_is_a_sample_that_says_so_and_the_others_stay(tmp_path: Path) -> None:
    folder = listed(tmp_path, a=PLACE, empty={"label": "DF_fake", "frames": []})
    store = RgbStore(None, tmp_path)
    good, bad = gather_dataset("X", json_folder=folder, store=store)
    assert good.fault == "" and is_video(bad)
    assert (bad.key, bad.label, bad.frames, bad.path) == ("X/DF_fake/empty", 1, (), folder / "X.json")
    assert bad.fault == "X.json: X > DF_fake > test > empty has no frames"
    found = coverage([good, bad], store)
    assert found.faults == (bad.fault,) and found.empty_videos == 1
    assert "  1 video cannot be used: X.json: X > DF_fake > test > empty has no frames" in found.lines()


def test_a_dataset_of_which_no_video_can_be_used_is_an_error(tmp_path: Path) -> None:
    folder = listed(tmp_path, a={"label": "DF_fake", "frames": []}, b=7)
    with pytest.raises(
        ConfigError, match=r"of the 2 videos of X in its split 'test' none can be used: X\.json: .* no frames"
    ):
        gather_dataset("X", json_folder=folder, store=RgbStore(None, tmp_path))


def test_an_order_that_the_json_alone_gives_is_said_once_with_an_example(tmp_path: Path) -> None:
    odd = {"label": "DF_fake", "frames": ["X/e4e/id0_0001.png"]}
    folder = listed(tmp_path, a=PLACE, b=odd, c=odd)
    samples = gather_dataset("X", json_folder=folder, store=RgbStore(None, tmp_path))
    (notice,) = json_order_notices(samples)
    assert (notice.kind, notice.severity) == ("json_order", "warning")
    assert "the frames of 2 videos" in notice.text and "X/e4e/id0_0001.png of X/DF_fake/b" in notice.text
    assert json_order_notices(samples[:1]) == []


@pytest.mark.parametrize("content", [b"", b'{"Celeb-DF-v1": {', b"\xff\xfe\x00", b"[" * 200_000])
def test_a_broken_json_is_an_error_that_names_the_file(content: bytes, images: Path, tmp_path: Path) -> None:
    folder = stored.write_json(tmp_path / "json", "")
    (folder / "Celeb-DF-v1.json").write_bytes(content)
    with pytest.raises(ConfigError, match=r"Celeb-DF-v1\.json is not JSON: .*; was it copied whole\?"):
        gather_dataset(stored.DATASET, json_folder=folder, store=RgbStore(images, tmp_path))
