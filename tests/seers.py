"""Detectors that see what a test puts into a film: darkness, blends. Real ones of tiny size, but for how they score."""

from __future__ import annotations

import numpy as np
import tiny
import torch
from sklearn.linear_model import LogisticRegression

from deepfakebench_ext.models.loading import load_detector

DARK, LIGHT = 0.35, 0.75
"""Gains of a face that is called fake, and of one that is called real."""


def dark_seer(folder, takes="image", *, least=-0.35):
    """A detector whose P(fake) is near 1 where the mean of its input is below `least`, and near 0 where it is above."""
    state = tiny.clip_detector_state() if takes == "image" else tiny.videomae_detector_state()
    path = folder / f"{takes}.pth"
    torch.save(state, path)
    config = tiny.CLIP_YAML if takes == "image" else tiny.VIDEOMAE_YAML
    detector = load_detector(config, str(path), device="cpu", dtype="float32")

    def forward(batch, inference=False):
        fake = 30 * (least - batch["image"].flatten(1).mean(dim=1))
        return {"cls": torch.stack([torch.zeros_like(fake), fake], dim=1)}

    detector.forward = forward
    return detector


def watching(detector):
    """Let a detector keep each frame that it is given, as (N, C * H * W); returns the list that they go to."""
    see, frames = detector.forward, []

    def forward(batch, inference=False):
        frames.extend(batch["image"].flatten(1).float().numpy())
        return see(batch, inference)

    detector.forward = forward
    return frames


def taught(detector, frames, labels):
    """Make a detector that tells these frames apart, by a logistic regression on their pixels."""
    fitted = LogisticRegression(max_iter=1000).fit(np.stack(frames), labels)
    weights, bias = torch.tensor(fitted.coef_[0]).float(), float(fitted.intercept_[0])

    def forward(batch, inference=False):
        fake = batch["image"].flatten(1).float() @ weights + bias
        return {"cls": torch.stack([torch.zeros_like(fake), fake], dim=1)}

    detector.forward = forward
