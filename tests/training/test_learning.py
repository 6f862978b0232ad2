"""What training can learn, and what it cannot: made data whose classes differ in one known thing."""

from __future__ import annotations

import json
from pathlib import Path

import moving
import pytest
import seams
import tiny
from made_training import tuning, values


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    """The same frames in both classes, in order and shuffled; other sources for validation."""
    folder = tmp_path_factory.mktemp("videos")
    moving.shuffled_pairs(folder / "train", 120, seed=1)
    moving.shuffled_pairs(folder / "val", 40, seed=2)
    return folder


def test_a_video_detector_learns_what_is_in_time_alone(videos, tmp_path):
    recipe = {"epochs": 5, "batch_size": 16, "clips_per_video": 2, "lr": 1e-3}
    made = tuning(videos, values({"mode": "full"}, tiny.VIDEOMAE_YAML, **recipe))
    result = made.run(tmp_path / "run")
    assert made.validator.monitor == "video_auc"
    assert result.validated.value > 0.95


def test_an_image_detector_cannot_learn_what_is_in_time_alone(videos, tmp_path):
    recipe = {"epochs": 3, "batch_size": 32, "frames_per_video": 4, "lr": 1e-3}
    made = tuning(videos, values({"mode": "full"}, tiny.CLIP_YAML, **recipe), kind="video")
    result = made.run(tmp_path / "run")
    assert made.validator.monitor == "video_auc"
    assert 0.4 < result.validated.value < 0.6


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory) -> Path:
    """A small CLIP that knows seams of another shape in other pictures, as a pretrained backbone knows pictures."""
    folder = tmp_path_factory.mktemp("pretraining")
    seams.seam_pictures(folder / "train", 400, seed=1, horizontal=False)
    seams.seam_pictures(folder / "val", 40, seed=2, horizontal=False)
    recipe = {"epochs": 11, "batch_size": 16, "lr": 2e-3}
    tuning(folder, values({"mode": "full"}, tiny.CLIP_TO_TRAIN, **recipe)).run(folder / "run")
    return folder / "run/best"


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("seams")
    seams.seam_pictures(folder / "train", 80, seed=3)
    seams.seam_pictures(folder / "val", 50, seed=4)
    return folder


@pytest.mark.parametrize("mode", ["head", "layernorm", "partial", "gradual", "svd", "lora", "full"])
def test_each_mode_learns_seams_from_a_pretrained_backbone(pretrained, faces, tmp_path, mode):
    # Another seed than that of the pretraining: the same would give the new head nearly what the old one learned.
    yaml = {"model_name": "huggingface_clip", "huggingface_model_name": str(pretrained), "new_head": True, "seed": 7}
    recipe = {"epochs": 4, "batch_size": 16, "lr": 1e-3, "head_lr": 2e-2}
    result = tuning(faces, values({"mode": mode, "share": 0.5}, yaml, **recipe)).run(tmp_path / "run")
    found = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in found if "loss" in line]
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])
    assert result.validated.value > 0.95
