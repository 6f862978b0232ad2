"""Every YAML that ships says a training that can be made ready, whatever weights it is given."""

from __future__ import annotations

import moving
import pytest
import tiny
import yaml
from made_training import pictures, run_here, write_yaml

from deepfakebench_ext.models.config import config_names, find_config

NAMED = {"id2label": {"0": "Real", "1": "Fake"}, "label2id": {"Real": 0, "Fake": 1}}
ARCHITECTURES = {
    "huggingface_clip": tiny.CLIP,
    "huggingface_videomae": tiny.VIDEOMAE,
    "huggingface_image": {"model_type": "vit", **tiny.VIT, **NAMED},
    "huggingface_video": {"model_type": "videomae", **tiny.VIDEOMAE, **NAMED},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipes")
    for number, side in enumerate(("train", "val")):
        pictures(folder / "images" / side, 4, seed=number)
        moving.shuffled_pairs(folder / "videos" / side, 4, seed=number)
    return folder


@pytest.mark.parametrize("name", config_names())
def test_a_dry_run_of_it_says_what_it_would_do(name, folder, monkeypatch):
    """Of a tiny network in place of the one on the hub."""
    content = yaml.safe_load(find_config(name).read_text())
    kind = content["model_name"]
    content |= {"architecture": ARCHITECTURES[kind], "huggingface_model_name": None, "weights": None, **tiny.HALVES}
    place = folder / ("videos" if "video" in kind else "images")
    write_yaml(place / f"{name}.yaml", content)
    monkeypatch.chdir(place)
    ran = run_here("--detector_config", f"{name}.yaml", "--dry_run")
    assert ran.exit_code == 0, ran.output
    assert f"{content.get('tuning', {}).get('mode', 'layernorm')}: trained " in ran.stderr
    assert "steps" in ran.stderr
    assert not (place / "training_runs").exists()
