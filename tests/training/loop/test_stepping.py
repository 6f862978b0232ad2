"""One step against one that is computed by hand, under plain SGD: Adam would hide how large a gradient is."""

from __future__ import annotations

import pytest
import torch
import tunable
from descent import RATE, batch, stepper
from torch.nn import functional

from deepfakebench_ext.common.errors import ModelError
from deepfakebench_ext.data.preprocess.in_torch import normalise
from deepfakebench_ext.training.data.batches import Batch
from deepfakebench_ext.training.loop.stepping import Stepper


def moved(made: Stepper, batches: list[Batch], factor: float = 1.0) -> dict[str, torch.Tensor]:
    """The gradient that a step went by, told by where the parameters went."""
    before = {name: p.detach().clone() for name, p in made.detector.named_parameters()}
    made.step(batches, 0, factor)
    named = made.detector.named_parameters()
    return {name: (before[name] - p.detach()) / (RATE * factor) for name, p in named if p.requires_grad}


def by_hand(batches: list[Batch], weights=(1.0, 1.0)) -> dict[str, torch.Tensor]:
    """The gradient of the weighted mean of the cross entropy over all rows of a step at once."""
    detector = tunable.detector("clip")
    pixels, labels = torch.cat([each.pixels for each in batches]), torch.cat([each.labels for each in batches])
    cls = detector({"image": normalise(pixels, detector.preprocess)})["cls"]
    functional.cross_entropy(cls, labels, weight=torch.tensor(weights)).backward()
    return {name: p.grad for name, p in detector.named_parameters() if p.grad is not None}


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    largest = max(float(gradient.abs().max()) for gradient in expected.values())
    assert largest > 1e-2
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], atol=1e-5 * largest, rtol=1e-3, msg=name)


@pytest.mark.parametrize("labels", [[0, 1, 1], [1], [0, 1] * 4])
def test_a_batch_of_any_size_goes_by_the_mean_over_its_rows(labels):
    batches = [batch(labels)]
    assert_same(moved(stepper(), batches), by_hand(batches))


def test_what_could_not_be_read_makes_no_gradient_smaller():
    batches = [batch([0, 1, 1], failures=5)]
    made = stepper()
    assert_same(moved(made, batches), by_hand(batches))
    step = made.step(batches, 1, 1.0)
    assert (step.samples, step.unreadable, step.weight) == (3, 5, 3.0)


def test_accumulated_batches_of_uneven_size_go_by_the_mean_over_all_their_rows():
    batches = [batch([0, 1, 1, 0, 1, 0, 1, 1], seed=1), batch([1, 0], seed=2, failures=6), batch([], failures=8)]
    assert_same(moved(stepper(accumulate=3), batches), by_hand(batches))


def test_class_weights_make_a_weighted_mean():
    weights = (0.625, 2.5)
    batches = [batch([0, 0, 0, 1], seed=3), batch([0, 1, 1], seed=4)]
    made = stepper(weights, accumulate=2)
    assert_same(moved(made, batches), by_hand(batches, weights))
    assert made.step(batches, 1, 1.0).weight == pytest.approx(4 * 0.625 + 3 * 2.5)


def test_the_factor_of_the_schedule_scales_the_step_alone():
    batches = [batch([0, 1, 1])]
    assert_same(moved(stepper(), batches, factor=0.125), by_hand(batches))


def test_a_loss_of_the_parameters_counts_once_for_a_step(monkeypatch):
    batches = [batch([0, 1, 1, 0], seed=5), batch([1], seed=6)]
    made = stepper(accumulate=2)
    monkeypatch.setattr(made.tuned, "extra_loss", lambda: 3.0 * made.detector.head.bias.sum())
    expected = by_hand(batches)
    expected["head.bias"] = expected["head.bias"] + 3.0
    assert_same(moved(made, batches), expected)


def test_a_gradient_is_clipped_to_its_norm_as_a_whole():
    batches = [batch([0, 1, 1])]
    expected = by_hand(batches)
    norm = float(torch.stack([gradient.square().sum() for gradient in expected.values()]).sum().sqrt())
    for limit in (norm / 4, 4 * norm):
        scale = min(1.0, limit / norm)
        assert_same(moved(stepper(clip_norm=limit), batches), {k: scale * g for k, g in expected.items()})


class SteepRoot(torch.autograd.Function):
    """A number whose gradient is infinite."""

    @staticmethod
    def forward(ctx, features):
        return features.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * float("inf")


def test_a_gradient_that_is_not_finite_moves_nothing_and_names_the_samples(monkeypatch):
    made = stepper(clip_norm=1.0)
    features = type(made.detector).features
    monkeypatch.setattr(type(made.detector), "features", lambda self, data: SteepRoot.apply(features(self, data)))
    before = {name: p.detach().clone() for name, p in made.detector.named_parameters()}
    with pytest.raises(ModelError, match=r"the gradient is not finite in step 7, for 0, 1, 2; that step was not taken"):
        made.step([batch([0, 1, 1])], 7, 1.0)
    assert all(torch.equal(p, before[name]) for name, p in made.detector.named_parameters())


def kept(made: Stepper, rows: list[int], number: int, monkeypatch) -> torch.Tensor:
    """The factors that the head's features are multiplied by."""
    found = []
    classifier = type(made.detector).classifier

    def watched(self, features, kept=None):
        found.append(kept)
        return classifier(self, features, kept)

    monkeypatch.setattr(type(made.detector), "classifier", watched)
    made.judged(torch.zeros(len(rows), 32), rows, number)
    monkeypatch.undo()
    return found[0]


def test_dropout_multiplies_by_nothing_or_by_what_keeps_the_mean(monkeypatch):
    made = stepper(dropout=0.2)
    factors = kept(made, list(range(100)), 3, monkeypatch)
    assert factors.shape == (100, 32)
    assert set(factors.unique().tolist()) == {0.0, 1.25}
    assert float((factors == 0).float().mean()) == pytest.approx(0.2, abs=0.03)
    parts = [kept(made, rows, 3, monkeypatch) for rows in (list(range(37)), list(range(37, 100)))]
    assert torch.cat(parts).equal(factors)
    assert not kept(made, list(range(100)), 4, monkeypatch).equal(factors)
    assert kept(stepper(), [0, 1], 3, monkeypatch) is None


def test_what_the_backbone_draws_is_another_draw_in_each_step(monkeypatch):
    made = stepper()
    features = type(made.detector).features
    drop = torch.nn.functional.dropout
    monkeypatch.setattr(type(made.detector), "features", lambda self, data: drop(features(self, data), 0.5))
    found = [made.step([batch([0, 1, 1])], number, 0.0).loss_sum for number in (0, 1, 0)]
    assert found[0] == found[2] != found[1]
