"""In a real checkout's registry our detectors are found, built and trained as its own are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deepfakebench_ext.host.checkout import find_checkout

REPOSITORY = Path(__file__).parents[2]
CODE = """
import torch, tiny
from metrics.registry import DETECTOR
import deepfakebench_ext

for _ in range(2):
    deepfakebench_ext.register(DETECTOR)
for name, config, shape in (
    ("huggingface_clip", tiny.CLIP_YAML, (2, 3, 32, 32)),
    ("huggingface_videomae", tiny.VIDEOMAE_YAML, (2, 4, 3, 32, 32)),
):
    model = DETECTOR[name](dict(config))
    data = {"image": torch.randn(shape), "label": torch.tensor([0, 1])}
    out = model(data)
    model.get_losses(data, out)["overall"].backward()
    assert out["prob"].shape == (2,) and model.get_train_metrics(data, out)["acc"] is not None
    again = DETECTOR[name](dict(config))
    again.load_state_dict(model.state_dict(), strict=True)
print(type(DETECTOR).__module__)
"""


@pytest.mark.host
def test_our_detectors_train_under_deepfakebenchs_own_registry() -> None:
    root = find_checkout()
    if root is None:
        pytest.skip("no DeepfakeBench checkout: set DEEPFAKEBENCH_ROOT or put one at vendors/DeepfakeBench")
    path = os.pathsep.join(map(str, (root / "training", REPOSITORY, REPOSITORY / "tests")))
    environment = {**os.environ, "PYTHONPATH": path + os.pathsep + os.environ.get("PYTHONPATH", "")}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "metrics.registry"
