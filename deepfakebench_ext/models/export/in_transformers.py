"""How a trained folder is scored with transformers alone, as a few lines that can be typed."""

from __future__ import annotations

from deepfakebench_ext.data.preprocess.spec import RESAMPLES, output_size
from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.export.hub_folder import architecture_of, reads_head
from deepfakebench_ext.models.generic import HuggingFaceImage
from deepfakebench_ext.models.videomae import HuggingFaceVideoMAE

_WHOLE = """\
from transformers import AutoImageProcessor, {auto}

folder = "{folder}"
{inputs}
pixels = AutoImageProcessor.from_pretrained(folder)(frames, return_tensors="pt")
logits = {auto}.from_pretrained(folder)(**pixels).logits
p_fake = logits.softmax(-1)[:, {fake}].sum(-1)
"""
_BACKBONE = """\
from safetensors.torch import load_file
from torch.nn import functional
from transformers import AutoImageProcessor, {cls}

folder = "{folder}"
{inputs}
head = load_file(f"{{folder}}/model.safetensors")
pixels = AutoImageProcessor.from_pretrained(folder)(frames, return_tensors="pt")
features = {cls}.from_pretrained(folder)(**pixels).{pooled}
{steps}logits = functional.linear(features, head["head.weight"], head["head.bias"])
p_fake = logits.softmax(-1)[:, {fake}].sum(-1)
"""
_NORM = (
    'features = functional.layer_norm(features, features.shape[-1:], head["fc_norm.weight"], head["fc_norm.bias"])\n'
)
_LENGTH = "features = functional.normalize(features, dim=1)\n"


def task_of(detector: Detector) -> str | None:
    """Return the task whose pipeline of transformers runs all of a detector; None where none does."""
    return f"{detector.takes}-classification" if reads_head(detector) else None


def in_transformers(detector: Detector, folder: str) -> str:
    """Return Python that scores frames with what was written of a detector; empty where no few lines do.

    Args:
        detector: That was written.
        folder: Where it lies, or its hub id.
    """
    order = detector.report.label_order
    if order.num_logits < 2 or order.activation != "softmax":
        return ""
    video = detector.takes == "video"
    frames = f"frames = ...  # {f'a clip: {detector.clip_len} ' if video else ''}RGB arrays {_shape(detector)}"
    said = {"folder": folder, "inputs": frames, "fake": list(order.fake)}
    if reads_head(detector):
        return _WHOLE.format(auto=f"AutoModelFor{detector.takes.title()}Classification", **said)
    if isinstance(detector, HuggingFaceImage):
        return ""
    steps = _LENGTH if detector.settings.l2_normalise else ""
    pooled = "pooler_output"
    if isinstance(detector, HuggingFaceVideoMAE):
        pooled = "last_hidden_state[:, 0]" if detector.pools_first_token else "last_hidden_state.mean(1)"
        steps = steps if detector.pools_first_token else _NORM + steps
    return _BACKBONE.format(cls=architecture_of(detector)["architectures"][0], pooled=pooled, steps=steps, **said)


def _shape(detector: Detector) -> str:
    spec = detector.preprocess
    size = output_size(spec)
    if spec.resample in RESAMPLES or size is None:
        return "(height, width, 3)"
    return f"({size[0]}, {size[1]}, 3), resized by OpenCV ({spec.resample}), as transformers does not"
