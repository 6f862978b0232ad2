"""What was trained comes out as plain weights that score the same, and goes on from where it was."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
import tunable
from safetensors.torch import save_file

from deepfakebench_ext import load_detector
from deepfakebench_ext.training.tuning.apply import apply_tuning
from deepfakebench_ext.training.tuning.tuned import Tuned

MODES = ["layernorm", "full", "svd", "lora"]


def trained(kind: str, mode: str) -> tuple[tunable.Detector, Tuned]:
    """A detector after some steps large enough to move its logits far."""
    detector = tunable.detector(kind)
    if mode == "lora":
        if find_spec("peft") is None:
            pytest.skip("peft is not installed beside this transformers")
        if any(name.endswith(".q_bias") for name, _ in detector.named_parameters()):
            pytest.skip("this transformers' VideoMAE passes adapters by and is refused")
    before = tunable.logits(detector)
    extra = {"svd": {"svd_rank": 8}, "layernorm": {"l2_normalise": True}}
    tuned = apply_tuning(detector, tunable.mode(mode, **extra.get(mode, {})), dropout=0.1)
    for _ in range(3):
        tunable.step(detector, tuned, lr=0.1)
    assert (tunable.logits(detector) - before).abs().max() > 1e-2
    return detector, tuned


@pytest.mark.parametrize("kind", tunable.STRUCTURES)
@pytest.mark.parametrize("mode", MODES)
def test_a_detector_built_anew_from_the_merged_state_scores_the_same(kind: str, mode: str, tmp_path: Path) -> None:
    detector, tuned = trained(kind, mode)
    expected = tunable.logits(detector)
    save_file(tuned.merged_state(), tmp_path / "best.safetensors")
    loaded = load_detector(detector.settings, str(tmp_path / "best.safetensors"), dtype="float32")
    assert loaded.report.head_trained
    assert loaded.report.folded == 0
    assert loaded.report.missing == ()
    torch.testing.assert_close(tunable.logits(loaded), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", tunable.STRUCTURES)
@pytest.mark.parametrize("mode", MODES)
def test_merging_gives_the_plain_names_and_leaves_the_detector_alone(kind: str, mode: str) -> None:
    detector, tuned = trained(kind, mode)
    expected = tunable.logits(detector)
    state = tuned.merged_state()
    assert list(state) and state.keys() == tunable.detector(kind).state_dict().keys()
    for tensor in state.values():
        tensor.zero_()
    assert tunable.logits(detector).equal(expected)


def test_a_split_state_is_folded_by_the_evaluator_as_well(tmp_path: Path) -> None:
    detector, _ = trained("clip", "svd")
    torch.save(detector.state_dict(), tmp_path / "effort.pth")
    loaded = load_detector(detector.settings, str(tmp_path / "effort.pth"), dtype="float32")
    assert loaded.report.folded == 4 * tunable.LAYERS
    torch.testing.assert_close(tunable.logits(loaded), tunable.logits(detector), atol=1e-5, rtol=0)


@pytest.mark.parametrize("mode", MODES)
def test_the_state_goes_on_bit_for_bit(mode: str) -> None:
    detector, tuned = trained("clip", mode)
    again = tunable.detector("clip")
    resumed = apply_tuning(again, tuned.tuning, dropout=0.1)
    again.load_state_dict(detector.state_dict(), strict=True)
    for each, its in ((detector, tuned), (again, resumed)):
        torch.manual_seed(0)
        tunable.step(each, its)
    for name, tensor in detector.state_dict().items():
        assert tensor.equal(again.state_dict()[name]), name
