"""A run is split where its samples' order and the batch size say, and batches end there whoever scores them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch

from deepfakebench_ext import evaluate, gather_samples, load_detector
from deepfakebench_ext.common.types import Sample
from deepfakebench_ext.engine import parts as parts_module
from deepfakebench_ext.engine.file_inputs import make_reader
from deepfakebench_ext.engine.parts import Parts
from deepfakebench_ext.engine.predictor import predict
from deepfakebench_ext.models.base import Detector

IMAGES = [Sample(f"{i}.png", f"{i}.png") for i in range(1300)]
FILMS = [Sample(f"{i}.mp4", f"{i}.mp4") for i in range(40)]


@pytest.mark.parametrize(
    ("samples", "batch_size", "starts"),
    [
        (IMAGES, 4, [0, 512, 1024]),
        (IMAGES, 48, [0, 528, 1056]),
        (IMAGES, 1000, [0, 1000]),
        (FILMS, 4, [0, 16, 32]),
        ([*IMAGES[:481], *FILMS[:17]], 4, [0, 482]),
        ([], 4, []),
    ],
)
def test_a_part_is_so_many_images_or_fewer_videos(samples: list[Sample], batch_size: int, starts: list[int]) -> None:
    parts = Parts.of(samples, batch_size)
    assert parts.starts == starts
    assert [sample for number in range(len(parts)) for sample in parts[number]] == samples


def test_what_is_left_begins_within_a_part() -> None:
    parts = Parts.of(FILMS, 4)
    assert list(parts.after(20)) == [FILMS[20:32], FILMS[32:]]
    assert list(parts.after(32)) == [FILMS[32:]]
    assert list(parts.after(40)) == []


@pytest.fixture
def films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Sample]:
    """Five folders of 1 to 5 frames, two or three of which are a part."""
    monkeypatch.setattr(parts_module, "_IMAGES", 64)
    for number in range(5):
        for frame in range(number + 1):
            tiny.photo(tmp_path / f"films/real/{number}/{frame:03d}.png", seed=10 * number + frame)
    return gather_samples(video=tmp_path / "films/real")


def test_batches_end_with_a_part_also_in_one_process(films: list[Sample], tmp_path: Path) -> None:
    torch.save(tiny.clip_detector_state(), tmp_path / "w.pth")
    detector = load_detector(tiny.CLIP_YAML, str(tmp_path / "w.pth"), dtype="float32", device="cpu")
    parts = Parts.of(films, 4)
    found = predict(detector, make_reader(detector), films, batch_size=4, workers=2, skip=1, parts=parts.after(1))
    units = [[sum(1 for _ in Path(film.file).iterdir()) for film in part] for part in parts.after(1)]
    left = [sum(part) - (not number) for number, part in enumerate(units)]
    expected = [min(4, count - at) for count in left for at in range(0, count, 4)]
    assert [len(batch) for batch in found] == expected
    assert len(parts) == 3


def test_a_run_cut_anywhere_goes_on_with_the_same_batches(
    films: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(tiny.clip_detector_state(), tmp_path / "w.pth")
    detector = load_detector(tiny.CLIP_YAML, str(tmp_path / "w.pth"), dtype="float32", device="cpu")
    widths: list[int] = []
    forward = type(detector).forward

    def counted(self: Detector, batch: Any, inference: bool = False) -> Any:
        widths.append(len(batch["image"]))
        return forward(self, batch, inference)

    monkeypatch.setattr(type(detector), "forward", counted)
    whole = evaluate(detector, films, output_dir=tmp_path / "out", batch_size=4, plots=False)
    journal, undisturbed = whole.folder / "scores.jsonl", list(widths)
    text = journal.read_text()
    lines = text.splitlines(keepends=True)
    for kept in range(len(lines)):
        journal.write_text("".join(lines[:kept]))
        widths.clear()
        evaluate(detector, films, output_dir=tmp_path / "out", batch_size=4, plots=False)
        assert journal.read_text() == text
        assert widths == undisturbed[len(undisturbed) - len(widths) :]
        scored = sum(1 for line in lines[:kept] if not json.loads(line).get("complete"))
        assert sum(undisturbed[: len(undisturbed) - len(widths)]) <= scored
