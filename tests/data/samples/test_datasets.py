"""A dataset JSON and a store come to samples with frames, or to an error that says what to give."""

from __future__ import annotations

from pathlib import Path

import pytest
import stored

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.samples.datasets import gather_dataset
from deepfakebench_ext.data.samples.kinds import is_video
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


@pytest.mark.parametrize("content", [b"", b'{"Celeb-DF-v1": {', b"\xff\xfe\x00", b"[" * 200_000])
def test_a_broken_json_is_an_error_that_names_the_file(content: bytes, images: Path, tmp_path: Path) -> None:
    folder = stored.write_json(tmp_path / "json", "")
    (folder / "Celeb-DF-v1.json").write_bytes(content)
    with pytest.raises(ConfigError, match=r"Celeb-DF-v1\.json is not JSON: .*; was it copied whole\?"):
        gather_dataset(stored.DATASET, json_folder=folder, store=RgbStore(images, tmp_path))
