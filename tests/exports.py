"""Tiny detectors of every family, exported once a module, and what is scored with them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import tiny
import torch
import transformers

from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.loading import load_torch_detector


def clip(folder: Path, **changes: Any) -> Detector:
    """A `.pth` of DeepfakeBench's clip detector."""
    torch.save(tiny.clip_detector_state(), folder / "clip.pth")
    return _in_float32({**tiny.CLIP_YAML, **changes}, folder / "clip.pth")


def videomae(folder: Path) -> Detector:
    """A `.pth` of DeepfakeBench's videomae detector."""
    torch.save(tiny.videomae_detector_state(), folder / "videomae.pth")
    return _in_float32(tiny.VIDEOMAE_YAML, folder / "videomae.pth")


def image(folder: Path) -> Detector:
    """A folder of an image classifier, whose first class is fake, and whose images are resized and cropped."""
    tiny.save_folder(tiny.vit_classifier({0: "Fake", 1: "Real"}), folder / "vit")
    cropped = {"do_center_crop": True, "crop_size": {"height": 32, "width": 32}}
    tiny.write_processor(folder / "vit", size={"shortest_edge": 37}, **cropped)
    return _in_float32("huggingface_image", folder / "vit")


def video(folder: Path) -> Detector:
    """A folder of a video classifier."""
    config = transformers.TimesformerConfig(**tiny.VIT, num_frames=4, **tiny.labels(tiny.REAL_FAKE))
    model = tiny.randomised(transformers.TimesformerForVideoClassification(config))
    tiny.save_folder(model, folder / "timesformer")
    return _in_float32("huggingface_video", folder / "timesformer")


class Page:
    """The lines of Python by which docs/export.md scores an exported folder with onnxruntime, run as they stand."""

    def __init__(self, folder: Path) -> None:
        text = (Path(__file__).parents[1] / "docs/export.md").read_text(encoding="utf-8")
        blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        image, self._film = (block for block in blocks if "p_fake" in block)
        beginning, self._image = image.replace('"exported"', repr(str(folder))).rsplit("\n\n", 1)
        self.room: dict[str, Any] = {}
        exec(beginning, self.room)

    def score(self, file: Path) -> float:
        """P(fake) of an image."""
        return self._scored(self._image, file=file)

    def score_of_film(self, frames: list[Path]) -> float:
        """P(fake) of a film, by its clips."""
        return self._scored(self._film, frames=frames)

    def _scored(self, lines: str, **given: Any) -> float:
        self.room.update(given)
        exec(lines, self.room)
        return float(self.room["score"])


def _in_float32(config: Any, weights: Path) -> Detector:
    return load_torch_detector(config, str(weights), device="cpu", dtype="float32")
