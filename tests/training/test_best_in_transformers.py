"""A trained video classifier as transformers takes it: its processor makes clips, its model takes them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tiny
import torch
import transformers

from deepfakebench_ext.models.export.hub_folder import write_settings, write_weights
from deepfakebench_ext.models.loading import load_detector

_SHORT = {**tiny.VIT, "num_frames": 4}
_HALVES = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "do_center_crop": True}
_EDGES = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}


def timesformer():
    return transformers.TimesformerConfig(**_SHORT), transformers.TimesformerForVideoClassification, "VideoMAE"


def videomae():
    return transformers.VideoMAEConfig(**tiny.VIDEOMAE), transformers.VideoMAEForVideoClassification, "VideoMAE"


def vivit():
    config = transformers.VivitConfig(**_SHORT, tubelet_size=[2, 8, 8])
    return config, transformers.VivitForVideoClassification, "Vivit"


@pytest.mark.parametrize("architecture", [timesformer, videomae, vivit])
def test_a_clip_goes_through_the_processor_and_the_model_of_the_folder(architecture, tmp_path):
    config, cls, family = architecture()
    config.id2label, config.label2id = {0: "real", 1: "fake"}, {"real": 0, "fake": 1}
    base = tmp_path / "base"
    tiny.randomised(cls(config)).save_pretrained(base)
    processor = {"image_processor_type": f"{family}ImageProcessor", **_HALVES, **_EDGES}
    (base / "preprocessor_config.json").write_text(json.dumps(processor))
    detector = load_detector({"model_name": "huggingface_video"}, str(base), dtype="float32", device="cpu")
    best = tmp_path / "best"
    write_settings(best, detector, {"model_name": "huggingface_video"})
    write_weights(best, detector, detector.state_dict())

    clip = [np.random.default_rng(number).integers(0, 256, (40, 50, 3), np.uint8) for number in range(4)]
    pixels = {
        folder: transformers.AutoImageProcessor.from_pretrained(folder)(clip, return_tensors="pt")["pixel_values"]
        for folder in (base, best)
    }
    assert pixels[best].shape == (1, 4, 3, 32, 32)
    torch.testing.assert_close(pixels[best], pixels[base])
    with torch.no_grad():
        logits = [
            transformers.AutoModelForVideoClassification.from_pretrained(folder)(pixel_values=pixels[folder]).logits
            for folder in (base, best)
        ]
    torch.testing.assert_close(*logits)
