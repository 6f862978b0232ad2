"""Run by tests in a process of its own: DeepfakeBench's detectors, saved, loaded by us, and scored by both.

Prints one JSON object: name -> what came of it, or `error`. Arguments: a folder for files, then names; all without.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
import yaml

from deepfakebench_ext import load_detector
from deepfakebench_ext.common.errors import ExtError
from deepfakebench_ext.host.blank import without_cuda
from deepfakebench_ext.host.checkout import find_checkout
from deepfakebench_ext.host.packages import detectors

# Of the width that DeepfakeBench's code writes into its heads, else as small as can be.
_TOWER = {"intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "image_size": 224}
CLIP = {**_TOWER, "hidden_size": 768, "patch_size": 56}
EFFORT = {**_TOWER, "hidden_size": 1024, "patch_size": 56}
# As MCG-NJU/videomae-base, which DeepfakeBench's detector starts from, has it: with a layer norm at its end.
VIDEOMAE = {**_TOWER, "hidden_size": 768, "patch_size": 56, "num_frames": 16, "use_mean_pooling": False}
TIMESFORMER = {**_TOWER, "hidden_size": 768, "patch_size": 56, "num_frames": 8}
_MIT = {"mit_hidden_size": 16, "mit_intermediate_size": 16, "mit_num_hidden_layers": 1, "mit_num_attention_heads": 1}
XCLIP = {**_TOWER, **_MIT, "hidden_size": 768, "patch_size": 56, "num_frames": 8}
_VIDEO = {"video_mode": True, "clip_size": 8}
CHANGES: dict[str, dict[str, Any]] = {
    "clip": {"architecture": CLIP},
    "effort": {"architecture": EFFORT},
    "videomae": {"architecture": VIDEOMAE},
    "xclip": {"architecture": XCLIP, **_VIDEO},
    "timesformer": {"architecture": TIMESFORMER, **_VIDEO, "loss_func": "cross_entropy"},
}
# Ours that take the same checkpoints.
OURS = {"clip": "huggingface_clip", "effort": "huggingface_clip", "videomae": "huggingface_videomae"}
# Which YAML a detector has where that is not its name's; its model_name is then set.
YAMLS = {"sladd": "sladd_detector", "timesformer": "xclip"}


def config_of(name: str) -> dict[str, Any]:
    """The detector's own YAML, with a backbone small enough for a test."""
    checkout = find_checkout()
    assert checkout is not None
    path = checkout / f"training/config/detector/{YAMLS.get(name, name)}.yaml"
    return {**yaml.safe_load(path.read_text()), "model_name": name, **CHANGES.get(name, {})}


def batch_of(config: dict[str, Any], size: int) -> torch.Tensor:
    """Noise of the shape that the detector takes."""
    edge = config["resolution"]
    frames = (config["clip_size"],) if config.get("video_mode") else ()
    return torch.randn(size, *frames, 3, edge, edge, generator=torch.Generator().manual_seed(size))


def theirs(detector: Any, images: torch.Tensor) -> torch.Tensor:
    """What test.py would take for the scores: `prob` of DeepfakeBench's own module."""
    data = {"image": images, "label": torch.zeros(len(images), dtype=torch.long), "mask": None, "landmark": None}
    with torch.inference_mode(), without_cuda():
        output = detector.backbone(data, inference=True)
    prob = output.get("prob")
    return torch.softmax(output["cls"], 1)[:, 1] if prob is None else prob.reshape(-1)


def outcome(name: str, folder: Path) -> dict[str, Any]:
    """Score one detector, save it as DeepfakeBench's trainer does, load it, and score it again."""
    config = config_of(name)
    trained = load_detector({**config, "seed": 7}, device="cpu")
    images = batch_of(config, 1 if trained.takes == "video" else 2)
    path = folder / f"{name}.pth"
    torch.save(trained.backbone.state_dict(), path)
    detector = load_detector(config, str(path), device="cpu")
    with torch.inference_mode():
        ours = detector({"image": images})
        alone = ours if len(images) == 1 else detector({"image": images[:1]})
    result = {
        "takes": detector.takes,
        "clip_len": detector.clip_len,
        "all_matched": detector.report.matched == len(trained.backbone.state_dict()),
        "head_trained": [trained.report.head_trained, detector.report.head_trained],
        "cls": list(ours["cls"].shape),
        "prob": ours["prob"].tolist(),
        "softmax": torch.softmax(ours["cls"], 1)[:, 1].tolist(),
        "theirs": theirs(trained, images).tolist(),
        "alone": alone["prob"].tolist(),
    }
    if name in OURS:
        result["logits"] = ours["cls"].tolist()
        result["logits_of_ours"] = logits_of_ours(name, config, path, images)
    path.unlink()
    return result


def logits_of_ours(name: str, config: dict[str, Any], path: Path, images: torch.Tensor) -> Any:
    """Logits of our detector of the same architecture, filled from the same checkpoint."""
    keys = ("architecture", "resolution", "mean", "std")
    values = {"model_name": OURS[name], **{key: config[key] for key in keys}}
    detector = load_detector(values, str(path), device="cpu", dtype="float32")
    with torch.inference_mode():
        return detector({"image": images})["cls"].tolist()


def main(folder: Path, names: list[str]) -> None:
    """Print what came of every detector."""
    checkout = find_checkout()
    assert checkout is not None
    results: dict[str, Any] = {}
    for name in names or sorted(detectors(checkout)):
        try:
            results[name] = outcome(name, folder)
        except (ExtError, FileNotFoundError) as error:
            results[name] = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
