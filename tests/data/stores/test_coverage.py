"""What a JSON names and the disk lacks is counted without decoding, and told worst first."""

from __future__ import annotations

from pathlib import Path

import pytest
import stored

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.data.samples.datasets import gather_dataset
from deepfakebench_ext.data.stores.coverage import Coverage, coverage
from deepfakebench_ext.data.stores.frame_stores import FrameStore, LmdbStore, RgbStore


def gathered(tmp_path: Path, store: FrameStore) -> list[Sample]:
    return gather_dataset(stored.DATASET, json_folder=stored.write_json(tmp_path / "json", ""), store=store)


def found_in(tmp_path: Path) -> Coverage:
    store = RgbStore(tmp_path / "rgb", tmp_path)
    return coverage(gathered(tmp_path, store), store)


def remove(tmp_path: Path, pattern: str) -> None:
    for path in (tmp_path / "rgb" / stored.DATASET).glob(pattern):
        path.unlink()


def test_a_whole_dataset_is_one_line(tmp_path: Path) -> None:
    stored.write_images(tmp_path / "rgb")
    found = found_in(tmp_path)
    assert (found.videos, found.frames, found.missing, found.is_complete, found.is_empty) == (4, 23, 0, True, False)
    assert found.lines() == ["Celeb-DF-v1: 23 frames of 4 videos, all there"]


def test_missing_frames_are_counted_for_each_video_and_the_worst_comes_first(tmp_path: Path) -> None:
    stored.write_images(tmp_path / "rgb")
    remove(tmp_path, "real/frames/a/00*.png")
    remove(tmp_path, "fake/frames/b/*.png")
    found = found_in(tmp_path)
    assert found.incomplete == (("Celeb-DF-v1/CelebDFv1_fake/b", 3), ("Celeb-DF-v1/CelebDFv1_real/a", 2))
    assert (found.missing, found.empty_videos, found.is_complete, found.is_empty) == (5, 1, False, False)
    assert found.looked_at == str(tmp_path / "rgb/Celeb-DF-v1/real/frames/a/000.png")
    assert found.lines() == [
        "Celeb-DF-v1: 23 frames of 4 videos; 5 frames are missing, in 2 videos, 1 of which have none",
        f"  the first was looked for at {found.looked_at}",
        "  3 missing  Celeb-DF-v1/CelebDFv1_fake/b",
        "  2 missing  Celeb-DF-v1/CelebDFv1_real/a",
    ]


def test_a_long_list_is_cut_short_and_says_by_how_much(tmp_path: Path) -> None:
    (tmp_path / "rgb").mkdir()
    found = found_in(tmp_path)
    assert (found.is_empty, found.empty_videos) == (True, 4)
    assert found.lines(shown=2)[2:] == [
        "  10 missing  Celeb-DF-v1/CelebDFv1_real/a",
        "   5 missing  Celeb-DF-v1/CelebDFv1_fake/same",
        "  ... and 8 missing in 2 more videos",
    ]


def test_an_lmdb_is_asked_for_its_keys(tmp_path: Path) -> None:
    images = stored.write_images(tmp_path / "rgb")
    remove(tmp_path, "real/frames/same/000.png")
    stored.images_in_lmdb(tmp_path / "Celeb-DF-v1_lmdb", images, "mixed")
    store = LmdbStore(tmp_path, stored.DATASET)
    found = coverage(gathered(tmp_path, store), store)
    assert found.incomplete == (("Celeb-DF-v1/CelebDFv1_real/same", 1),)
    assert "key 'Celeb-DF-v1\\\\real/frames/same/000.png' of" in found.looked_at


def test_a_broken_frame_is_there(tmp_path: Path) -> None:
    stored.write_images(tmp_path / "rgb")
    (tmp_path / "rgb/Celeb-DF-v1/real/frames/a/000.png").write_bytes(b"")
    assert found_in(tmp_path).is_complete


@pytest.mark.parametrize("datasets", [[], ["A", "B"]])
def test_it_is_of_one_dataset(datasets: list[str], tmp_path: Path) -> None:
    samples = [Sample(name, tmp_path, dataset=name, frames=("0.png",)) for name in datasets]
    with pytest.raises(ConfigError, match=f"one dataset at a time, not of {len(datasets)}"):
        coverage(samples, RgbStore(None, tmp_path))
