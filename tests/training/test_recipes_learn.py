"""Each shipped recipe learns a made task from real pixels: films of one face, and strong self-blends of them.

The networks are tiny, so that rates and lengths are others; what is trained, and by which losses, is the recipe's own.
"""

from __future__ import annotations

import pytest
import real_faces
import tiny
import yaml
from made_training import tuning, values

from deepfakebench_ext.models.config import find_config

NETWORKS = {base["model_name"]: base for base in (tiny.VIDEOMAE_TO_TRAIN, tiny.CLIP_TO_TRAIN)}
# Of a training here, in place of the recipe's.
SHORT = {
    "epochs": 4,
    "batch_size": 16,
    "accumulate": 1,
    "lr": 1e-3,
    "head_lr": 1e-2,
    "precision": "float32",
    "patience": None,
}
DRAWN = {"frames_per_video": 2, "val_frames": 2, "clips_per_video": 1, "val_clips": 1}


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    real_faces.blended_films(folder / "train", 60, seed=1)
    real_faces.blended_films(folder / "val", 25, seed=2)
    return folder


@pytest.fixture(scope="module")
def pretrained(films, tmp_path_factory):
    """Each network, taught the task once as a whole, as pretraining teaches what pictures are made of."""
    folder = tmp_path_factory.mktemp("pretrained")
    real_faces.blended_films(folder / "train", 80, seed=3)
    (folder / "val").symlink_to(films / "val")
    found = {}
    for name, base in NETWORKS.items():
        recipe = {"epochs": 6, "batch_size": 16, "lr": 1e-3, "clips_per_video": 2, "frames_per_video": 3}
        made = tuning(folder, values({"mode": "full"}, base, **{**DRAWN, **recipe}), kind="video")
        result = made.run(folder / name)
        assert result.validated.value > 0.85  # VideoMAE from nothing, on films it has not seen
        found[name] = str(folder / name / "best")
    return found


def recipes() -> list[str]:
    return ["clip_effort", "clip_gend", "clip_layernorm", "clip_probe", "videomae_gradual", "videomae_partial"]


@pytest.mark.parametrize("name", recipes())
def test_each_recipe_learns_blends_of_a_real_face(name, films, pretrained, tmp_path):
    said = yaml.safe_load(find_config(name).read_text())
    base = {"model_name": said["model_name"], "huggingface_model_name": pretrained[said["model_name"]]}
    training = {**said["training"], **SHORT, **DRAWN, "augmentation": None}
    made = tuning(
        films, {**base, "new_head": True, "seed": 7, "tuning": said["tuning"], "training": training}, kind="video"
    )
    result = made.run(tmp_path / "run")
    assert result.validated.figures["video_auc"].value > 0.85


@pytest.fixture(scope="module")
def shuffled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shuffled")
    real_faces.shuffled_films(folder / "train", 100, seed=4)
    real_faces.shuffled_films(folder / "val", 40, seed=5)
    return folder


def test_order_in_time_is_learned_from_clips_alone(shuffled, tmp_path):
    found = {}
    for name, base in NETWORKS.items():
        recipe = {**DRAWN, "epochs": 5, "batch_size": 16, "lr": 1e-3, "clips_per_video": 2}
        recipe["val_frames"] = real_faces.FRAMES  # the same ones in both classes
        made = tuning(shuffled, values({"mode": "full"}, base, **recipe), kind="video")
        found[name] = made.run(tmp_path / name).validated.figures["video_auc"].value
    assert found["huggingface_videomae"] > 0.85
    assert 0.4 < found["huggingface_clip"] < 0.6
