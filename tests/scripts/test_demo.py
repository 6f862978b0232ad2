"""The demo's data: no source in two parts, and nothing but the blending between real and fake."""

from __future__ import annotations

import csv
import runpy
from pathlib import Path

import pytest

pytest.importorskip("skimage", reason="the demo's photograph comes with scikit-image")

PICTURES = Path(__file__).parents[2] / "scripts/demo_pictures.py"


def made(folder: Path, seed: int = 0) -> list[dict[str, str]]:
    demo = runpy.run_path(str(PICTURES), run_name="demo_pictures")
    demo["SOURCES"].update(train=4, val=3, test=2)
    demo["make_dataset"](folder, seed)
    with (folder / "sources.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_every_source_is_in_one_part_with_one_real_and_one_fake(tmp_path: Path) -> None:
    rows = made(tmp_path)
    parts = {source: {row["part"] for row in rows if row["source"] == source} for source in {r["source"] for r in rows}}
    assert len(parts) == 9
    assert all(len(part) == 1 for part in parts.values())
    assert all(sorted(r["label"] for r in rows if r["source"] == source) == ["fake", "real"] for source in parts)
    assert {row["path"] for row in rows} == {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.jpg")}


def test_the_two_of_a_pair_are_compressed_alike(tmp_path: Path) -> None:
    rows = made(tmp_path)
    for source in {row["source"] for row in rows}:
        assert len({row["jpeg_quality"] for row in rows if row["source"] == source}) == 1


def test_the_same_seed_makes_the_same_pictures(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        made(tmp_path / name, seed)
    pictures = {name: [p.read_bytes() for p in sorted((tmp_path / name).rglob("*.jpg"))] for name in "abc"}
    assert pictures["a"] == pictures["b"] != pictures["c"]


def test_every_picture_has_the_outline_of_its_face_beside_it(tmp_path: Path) -> None:
    import numpy as np

    from deepfakebench_ext.training.data.frames import landmarks_file

    rows = made(tmp_path)
    outlines = [np.load(landmarks_file(tmp_path / row["path"])) for row in rows]
    assert len(outlines) == 18
    assert all(outline.shape == (24, 2) and (outline > 0).all() and (outline < 64).all() for outline in outlines)


def test_a_film_shows_the_face_as_large_as_the_views_have_it(tmp_path: Path) -> None:
    pytest.importorskip("dlib", reason="dlib is not installed (extra `faces`)")
    from deepfakebench_ext.faces.dlib_detector import DlibDetector
    from deepfakebench_ext.media.video import read_frames

    demo = runpy.run_path(str(PICTURES), run_name="demo_pictures")
    demo["write_film"](tmp_path / "a.mp4", 0)
    detector, in_film = DlibDetector(None), demo["FILM_SCALE"] * (demo["FACE_BOX_PX"][2] - demo["FACE_BOX_PX"][0])
    for frame in read_frames(tmp_path / "a.mp4", range(0, 150, 30)):
        (face,) = detector.detect(frame.rgb)
        crop = 1.3 * (face.bbox_px[2] - face.bbox_px[0])
        low, high = demo["FACE_WIDTH"]
        assert low < in_film / crop < high
