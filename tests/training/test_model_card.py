from __future__ import annotations

import yaml

from deepfakebench_ext.common.notices import Notice
from deepfakebench_ext.metrics.figure import Figure
from deepfakebench_ext.training.model_card import Card, model_card


def card(**changes) -> str:
    values = {
        "title": "run",
        "takes": "video",
        "base": "MCG-NJU/videomae-base@abc",
        "base_is_hub": True,
        "architecture": "VideoMAEModel",
        "monitor": "video_auc",
        "epoch": 3,
        "data": {"samples": {"real": 5, "fake": 6}, "drawn_an_epoch": {"real": 10, "fake": 12}},
        "val": (2, 3),
        "datasets": ["Celeb-DF-v2"],
        "recipe": {"tuning.mode": "full", "training.lr": 1e-4},
        "figures": {
            "video_auc": Figure(0.9, "chance", low=0.8, high=0.95),
            "video_eer": Figure(None, "rate", "only real samples"),
        },
        "counts": {"clip": (4, 6), "video": (2, 3)},
        "reading": "--frame_interval spread",
        "scoring": "--num_clips 2",
        "notices": [Notice("leak", "a leak in the data:\n  a and b")],
        "facts": {"seed": 7},
        **changes,
    }
    return model_card(Card(**values))


def test_the_hub_can_read_its_metadata():
    head = yaml.safe_load(card().split("---\n")[1])
    assert head["base_model"] == "MCG-NJU/videomae-base"
    assert head["pipeline_tag"] == "video-classification"
    assert "deepfake-detection" in head["tags"]
    assert "base_model" not in yaml.safe_load(card(base_is_hub=False).split("---\n")[1])


def test_data_recipe_figures_limits_and_notices_are_said():
    text = card()
    for part in (
        "5 real and 6 fake samples from Celeb-DF-v2; 10 real and 12 fake videos drawn an epoch",
        "2 real and 3 fake samples",
        '| tuning.mode | `"full"` |',
        "| video_auc | 0.9000 | 0.8000 to 0.9500 |",
        "| video_eer | undefined: only real samples |  |",
        "--weights <this folder or hub id> --video videos/ --frame_interval spread",
        "4 real and 6 fake clips; 2 real and 3 fake videos.",
        "Epoch 3 was best by `video_auc`. Scored with `--num_clips 2`",
        "- **a leak in the data: a and b**",
        "## Limits",
        "- seed: `7`",
    ):
        assert part in text


def test_a_closed_form_fit_names_no_epoch():
    assert "was best by" not in card(epoch=None)
