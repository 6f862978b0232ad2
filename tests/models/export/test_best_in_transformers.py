"""A trained detector as transformers takes it: its processor makes the input, its model or a few lines the scores."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tiny
import torch
import transformers
from PIL import Image

from deepfakebench_ext.data.preprocess.normalising import normalised
from deepfakebench_ext.data.preprocess.transform import resize_and_crop
from deepfakebench_ext.models.export.hub_folder import write_settings, write_weights
from deepfakebench_ext.models.export.in_transformers import in_transformers, task_of
from deepfakebench_ext.models.loading import load_detector

_SHORT = {**tiny.VIT, "num_frames": 4}
_HALVES = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "do_center_crop": True}
_EDGES = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}


def _prepared(rgb, spec):
    return torch.from_numpy(normalised(resize_and_crop(rgb, spec), spec))


@pytest.fixture
def _processors(tmp_path):
    (tmp_path / "preprocessor_config.json").write_text('{"image_processor_type": "ViTImageProcessor"}')
    try:
        transformers.AutoImageProcessor.from_pretrained(tmp_path)
    except ImportError:
        pytest.skip("this transformers has image processors with torchvision alone")


def timesformer():
    return transformers.TimesformerConfig(**_SHORT), transformers.TimesformerForVideoClassification, "VideoMAE"


def videomae():
    return transformers.VideoMAEConfig(**tiny.VIDEOMAE), transformers.VideoMAEForVideoClassification, "VideoMAE"


def vivit():
    config = transformers.VivitConfig(**_SHORT, tubelet_size=[2, 8, 8])
    return config, transformers.VivitForVideoClassification, "Vivit"


@pytest.mark.usefixtures("_processors")
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
    with torch.no_grad():
        ours = detector({"image": pixels[best]})["prob"]
    torch.testing.assert_close(logits[1].softmax(-1)[:, 1], ours, atol=1e-5, rtol=1e-4)


def _image_classifier(tmp_path):
    start = tiny.save_folder(tiny.vit_classifier({0: "fake", 1: "real"}), tmp_path / "start")
    return {"model_name": "huggingface_image"}, str(start)


def _video_classifier(tmp_path):
    start = tiny.save_folder(tiny.videomae_model("VideoMAEForVideoClassification"), tmp_path / "start")
    return {**tiny.VIDEOMAE_YAML, "architecture": None, "new_head": True}, str(start)


def _of_no_weights(values):
    return lambda tmp_path: (values, None)


@pytest.mark.usefixtures("_processors")
@pytest.mark.parametrize(
    ("made", "task"),
    [
        (_of_no_weights(tiny.CLIP_YAML), None),
        (_of_no_weights({**tiny.CLIP_YAML, "l2_normalise": True}), None),
        (_image_classifier, "image-classification"),
        (_video_classifier, "video-classification"),
        (_of_no_weights(tiny.VIDEOMAE_YAML), None),
        (_of_no_weights({**tiny.VIDEOMAE_YAML, "l2_normalise": True}), None),
    ],
)
def test_the_lines_of_the_card_score_as_the_detector_does(tmp_path, made, task):
    values, weights = made(tmp_path)
    detector = load_detector(values, weights, dtype="float32", device="cpu")
    for parameter in detector.head.parameters():
        parameter.data.normal_(generator=torch.Generator().manual_seed(1))
    best = tmp_path / "best"
    write_settings(best, detector, values)
    write_weights(best, detector, detector.state_dict())
    assert task_of(detector) == task
    code = in_transformers(detector, str(best)).replace("frames = ...", "pass")
    # Of the network's own size: torchvision, where transformers has it, resizes otherwise than Pillow.
    frames = [np.random.default_rng(number).integers(0, 256, (32, 32, 3), np.uint8) for number in range(4)]
    room = {"frames": frames}
    with torch.no_grad():
        exec(code, room)
        pixels = torch.stack([_prepared(frame, detector.preprocess) for frame in frames])
        expected = detector({"image": pixels[None] if detector.takes == "video" else pixels})["prob"]
    torch.testing.assert_close(room["p_fake"], expected, atol=1e-4, rtol=1e-4)


def test_a_head_that_is_none_of_transformers_gives_its_class_no_random_one(tmp_path):
    detector = load_detector(tiny.VIDEOMAE_YAML, dtype="float32", device="cpu")
    write_settings(tmp_path, detector, tiny.VIDEOMAE_YAML)
    write_weights(tmp_path, detector, detector.state_dict())
    model, found = transformers.AutoModelForVideoClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert not found["missing_keys"]
    assert model.config.num_labels == 0
    assert not list(model.classifier.parameters())


@pytest.mark.usefixtures("_processors")
def test_pipelines_run_where_the_card_says_so_and_score_alike(tmp_path):
    values, weights = _image_classifier(tmp_path)
    detector = load_detector(values, weights, dtype="float32", device="cpu")
    write_settings(tmp_path / "best", detector, values)
    write_weights(tmp_path / "best", detector, detector.state_dict())
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    said = transformers.pipeline(task_of(detector), model=str(tmp_path / "best"), device="cpu")(
        Image.fromarray(picture)
    )
    with torch.no_grad():
        ours = detector({"image": _prepared(picture, detector.preprocess)[None]})["prob"]
    assert {each["label"]: each["score"] for each in said}["fake"] == pytest.approx(float(ours), abs=1e-4)
