"""LoRA: an adapter that is trained is an adapter that is used."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import pytest
import torch
import tunable

from deepfakebench_ext.common.errors import ConfigError, MissingExtraError
from deepfakebench_ext.training.tuning.apply import apply_tuning

needs_peft = pytest.mark.skipif(find_spec("peft") is None, reason="peft is not installed beside this transformers")


def reads_past_its_layers(detector: tunable.Detector) -> bool:
    """Whether this transformers' VideoMAE computes with its projections' weights and never calls them."""
    return any(name.endswith(".q_bias") for name, _ in detector.named_parameters())


def adapted(kind: str) -> tunable.Detector:
    detector = tunable.detector(kind)
    if reads_past_its_layers(detector):
        pytest.skip("this transformers' VideoMAE is refused; see the test of adapters that are passed by")
    return detector


def fill(detector: tunable.Detector) -> None:
    """Give every adapter parameters as if it were trained: the second factor starts at zero."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in detector.named_parameters():
            if ".lora_B." in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator))


@needs_peft
@pytest.mark.parametrize("kind", tunable.STRUCTURES)
def test_a_new_adapter_changes_nothing_and_a_filled_one_does(kind: str) -> None:
    detector = adapted(kind)
    before = tunable.logits(detector)
    apply_tuning(detector, tunable.mode("lora", lora_rank=2))
    assert tunable.logits(detector).equal(before)
    fill(detector)
    assert (tunable.logits(detector) - before).abs().max() > 1e-2


@needs_peft
@pytest.mark.parametrize("kind", tunable.STRUCTURES)
def test_each_adapter_by_itself_changes_the_output(kind: str) -> None:
    detector = adapted(kind)
    before = tunable.logits(detector)
    apply_tuning(detector, tunable.mode("lora", lora_rank=2))
    seconds = {name: p for name, p in detector.named_parameters() if ".lora_B." in name}
    assert len(seconds) == 2 * tunable.LAYERS
    for parameter in seconds.values():
        with torch.no_grad():
            parameter.fill_(1.0)
        assert not tunable.logits(detector).equal(before)
        with torch.no_grad():
            parameter.zero_()


@needs_peft
@pytest.mark.parametrize("kind", tunable.STRUCTURES)
def test_steps_move_adapters_and_head_alone(kind: str) -> None:
    detector = adapted(kind)
    tuned = apply_tuning(detector, tunable.mode("lora", lora_rank=2))
    head = {name for name in tunable.trained_names(detector) if name.startswith(("head.", "fc_norm."))}
    adapters = {name for name, _ in detector.named_parameters() if ".lora_" in name}
    assert tunable.trained_names(detector) == head | adapters
    fill(detector)  # the first factor has no gradient while the second is zero
    before = {name: p.detach().clone() for name, p in detector.named_parameters()}
    tunable.step(detector, tuned)
    assert {name for name, p in detector.named_parameters() if not p.equal(before[name])} == head | adapters
    assert adapters


@needs_peft
@pytest.mark.parametrize(("rank", "alpha"), [(2, 5.0), (4, 1.0)])
def test_an_adapter_adds_its_two_factors_times_alpha_over_rank(rank: int, alpha: float) -> None:
    detector = adapted("clip")
    apply_tuning(detector, tunable.mode("lora", lora_rank=rank, lora_alpha=alpha))
    fill(detector)
    parameters = dict(detector.named_parameters())
    name = next(name for name in parameters if ".lora_A." in name)
    layer, _, rest = name.partition(".lora_A.")
    down, up = parameters[name], parameters[f"{layer}.lora_B.{rest}"]
    assert down.shape == (rank, 32)
    given = torch.randn(3, 32, generator=torch.Generator().manual_seed(1))
    base = detector.get_submodule(f"{layer}.base_layer")(given)
    found = detector.eval().get_submodule(layer)(given)
    torch.testing.assert_close(found - base, alpha / rank * given @ down.T @ up.T, atol=1e-5, rtol=1e-4)


@needs_peft
def test_adapters_start_from_the_detectors_seed() -> None:
    def first(seed: int) -> torch.Tensor:
        detector = tunable.detector("clip", seed=seed)
        apply_tuning(detector, tunable.mode("lora"))
        return next(p for name, p in detector.named_parameters() if ".lora_A." in name)

    state = torch.get_rng_state()
    assert first(1).equal(first(1))
    assert not first(1).equal(first(2))
    assert torch.get_rng_state().equal(state)


@needs_peft
def test_adapter_dropout_drops_in_training_alone() -> None:
    detector = tunable.detector("clip")
    apply_tuning(detector, tunable.mode("lora", lora_dropout=0.5))
    fill(detector)
    data = tunable.batch(detector)
    assert not detector.train()(data)["cls"].equal(detector(data)["cls"])
    assert tunable.logits(detector).equal(tunable.logits(detector))


@needs_peft
def test_adapters_that_the_network_passes_by_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """As VideoMAE's attention did before transformers 5.5.1, where LoRA trained nothing and said nothing."""
    from peft.tuners.lora.layer import Linear

    monkeypatch.setattr(Linear, "forward", lambda self, x: self.base_layer(x))
    with pytest.raises(ConfigError, match=r"reads its weights past the adapters \(16 of 16"):
        apply_tuning(tunable.detector("clip"), tunable.mode("lora"))


@needs_peft
def test_a_videomae_is_adapted_where_it_calls_its_layers_and_refused_where_it_does_not() -> None:
    detector = tunable.detector("videomae")
    if reads_past_its_layers(detector):
        with pytest.raises(ConfigError, match="reads its weights past the adapters"):
            apply_tuning(detector, tunable.mode("lora"))
    else:
        assert apply_tuning(detector, tunable.mode("lora")).passed_by == ()


def test_a_missing_peft_is_named_with_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'deepfakebench-ext\[train\]'"):
        apply_tuning(tunable.detector("clip"), tunable.mode("lora"))


@needs_peft
def test_merged_matrices_are_the_float64_ones_rounded_once() -> None:
    detector = adapted("clip")
    tuned = apply_tuning(detector, tunable.mode("lora", lora_rank=3, lora_alpha=5))
    fill(detector)
    state, adapters = tuned.merged_state(), detector.state_dict()
    firsts = [name for name in adapters if ".lora_A." in name]
    assert len(firsts) == 2 * tunable.LAYERS
    for name in firsts:
        layer, _, _ = name.partition(".lora_A.")
        base, down, up = (
            adapters[key].double().numpy()
            for key in (f"{layer}.base_layer.weight", name, name.replace(".lora_A.", ".lora_B."))
        )
        exact = torch.from_numpy(base + 5 / 3 * (up @ down))
        torch.testing.assert_close(state[f"{layer}.weight"], exact.float(), atol=0, rtol=0)
