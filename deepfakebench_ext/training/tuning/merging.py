"""What was trained, as plain weights under the detector's own names."""

from __future__ import annotations

from torch import Tensor

from deepfakebench_ext.models.base import Detector
from deepfakebench_ext.models.weights.keymaps import fold_svd
from deepfakebench_ext.training.tuning import lora
from deepfakebench_ext.training.tuning.tuned import Tuned


def merged_state(detector: Detector, tuned: Tuned) -> dict[str, Tensor]:
    """Return the state of a plain detector that computes what `detector` does, split layers and adapters folded in.

    Detached copies on the CPU; the detector stays as it is. Loaded by `load_detector` beside `detector.settings`.

    Args:
        detector: As it was trained, unwrapped.
        tuned: What `apply_tuning` returned for it.
    """
    state = {name: tensor.detach() for name, tensor in detector.state_dict().items()}
    if tuned.tuning.mode == "lora":
        state = lora.merged(detector, state)
    return _copies(fold_svd(state).state)


def unmerged_state(detector: Detector) -> dict[str, Tensor]:
    """Return the state to go on from: `load_state_dict` takes it, strictly, after the same `apply_tuning`.

    Detached copies on the CPU.
    """
    return _copies(detector.state_dict())


def _copies(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in state.items()}
