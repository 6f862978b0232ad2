from __future__ import annotations

import pytest
import torch
from torch import nn

from deepfakebench_ext.engine.training import TensorBatches, fit, warmup_cosine
from deepfakebench_ext.errors import ConfigError, ModelError


class Toy(nn.Module):
    """Meets the part of the host contract that training uses."""

    def __init__(self, *, dropout: float = 0.0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.backbone = nn.Linear(48, 8)
            self.head = nn.Linear(8, 2)
        self.dropout = nn.Dropout(dropout)

    def forward(self, data_dict, inference=False):
        assert data_dict["image"].dtype == torch.float32
        features = torch.tanh(self.backbone(self.dropout(data_dict["image"].flatten(1))))
        return {"cls": self.head(features)}

    def get_losses(self, data_dict, pred_dict):
        return {"overall": nn.functional.cross_entropy(pred_dict["cls"], data_dict["label"])}


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.float() / 127.5 - 1


def dataset(count: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """Fakes are brighter: separable, and mirrored alike."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 2
    noise = torch.randint(0, 100, (count, 3, 4, 4), generator=generator)
    return (noise + 100 * labels.view(-1, 1, 1, 1)).to(torch.uint8), labels


def batches(**options) -> TensorBatches:
    return TensorBatches(*dataset(), batch_size=options.pop("batch_size", 16), **options)


def train(detector: nn.Module, **options) -> list[float]:
    return fit(detector, options.pop("batches", None) or batches(), normalise, **{**RECIPE, **options})


RECIPE = {"epochs": 6, "learning_rate": 1e-2}


def test_fit_lowers_the_loss_until_the_classes_are_apart():
    detector, (images, labels) = Toy(), dataset()
    losses = train(detector)
    assert len(losses) == 6
    assert losses[-1] < 0.5 * losses[0]
    assert (detector({"image": normalise(images)})["cls"].argmax(1) == labels).all()


def test_first_epoch_loss_is_the_mean_over_images_not_over_batches():
    detector, uneven = Toy(), batches(batch_size=48)
    data_dict = [{"image": normalise(images), "label": labels} for images, labels in uneven(0)]
    assert [len(part["label"]) for part in data_dict] == [48, 16]
    with torch.inference_mode():
        parts = [detector.get_losses(part, detector(part))["overall"].item() for part in data_dict]
    expected = 48 * parts[0] + 16 * parts[1]
    assert abs(parts[0] - parts[1]) > 1e-3
    losses = train(detector, batches=uneven, epochs=1, learning_rate=1e-12)
    assert losses[0] == pytest.approx(expected / 64, abs=1e-5)


def test_frozen_parameters_stay():
    detector = Toy()
    detector.backbone.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in detector.state_dict().items()}
    train(detector)
    after = detector.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("backbone."))
    assert not torch.equal(before["head.weight"], after["head.weight"])


def test_same_seed_gives_the_same_parameters_whatever_the_global_state():
    results = []
    for state in (1, 2):
        torch.manual_seed(state)
        detector = Toy(dropout=0.5)
        losses = train(detector, seed=7)
        results.append((losses, detector.state_dict()))
    assert results[0][0] == results[1][0]
    assert all(torch.equal(results[0][1][name], results[1][1][name]) for name in results[0][1])


def test_another_seed_draws_other_dropout():
    assert train(Toy(dropout=0.5), seed=7) != train(Toy(dropout=0.5), seed=8)


def test_the_callers_random_state_is_left_as_it_was():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    train(Toy(dropout=0.5))
    assert torch.equal(torch.rand(4), expected)


def test_every_epoch_is_reported_in_order():
    seen = []
    losses = train(Toy(), on_epoch=lambda epoch, loss: seen.append((epoch, loss)))
    assert seen == list(enumerate(losses))


def test_training_is_in_train_mode_and_ends_in_eval_mode():
    modes = []
    detector = Toy().eval()
    detector.register_forward_pre_hook(lambda module, _: modes.append(module.training))
    train(detector, epochs=1)
    assert modes == [True] * 4
    assert not detector.training


def test_weight_decay_shrinks_matrices_and_leaves_vectors():
    class Still(Toy):
        def get_losses(self, data_dict, pred_dict):
            return {"overall": 0 * pred_dict["cls"].sum()}

    detector, before = Still(), Still().state_dict()
    train(detector, weight_decay=0.5)
    after = detector.state_dict()
    assert after["head.weight"].norm() < 0.95 * before["head.weight"].norm()
    assert torch.equal(after["head.bias"], before["head.bias"])


def test_learning_rate_rises_over_the_warmup_and_ends_near_zero():
    factors = [warmup_cosine(step, 10, 100) for step in range(101)]
    assert factors[:11] == sorted(factors[:11])
    assert 0 < factors[0] < 0.1
    assert factors[10] == max(factors) == 1
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[55] == pytest.approx(0.5)
    assert factors[100] == pytest.approx(0)


def test_without_warmup_the_first_step_has_the_full_rate():
    assert warmup_cosine(0, 0, 10) == 1


def test_a_loss_that_is_not_finite_stops_training():
    class Broken(Toy):
        def get_losses(self, data_dict, pred_dict):
            return {"overall": pred_dict["cls"].sum() * float("nan")}

    detector = Broken()
    with pytest.raises(ModelError, match="the loss became nan in epoch 0, step 0; lower learning_rate"):
        train(detector)
    assert torch.equal(detector.head.weight, Broken().head.weight)


def test_a_detector_with_nothing_to_train_is_refused():
    with pytest.raises(ConfigError, match="Toy has no parameter with requires_grad"):
        train(Toy().requires_grad_(False))


@pytest.mark.parametrize("promised", [1, 9])
def test_an_epoch_of_another_length_than_promised_is_refused(promised):
    class Lying(TensorBatches):
        def __len__(self):
            return promised

    with pytest.raises(ValueError, match=f"epoch 0 yielded 4 batches; len\\(batches\\) promised {promised}"):
        train(Toy(), batches=Lying(*dataset(), batch_size=16))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("weight_decay", -1.0),
        ("warmup", 1.0),
        ("warmup", -0.1),
    ],
)
def test_a_recipe_out_of_range_is_refused(name, value):
    with pytest.raises(ConfigError, match=name):
        train(Toy(), **{name: value})


def test_an_epoch_holds_every_image_once_and_the_next_in_another_order():
    images = torch.zeros(10, 3, 2, 2, dtype=torch.uint8)
    held = TensorBatches(images, torch.arange(10), batch_size=4)
    orders = [torch.cat([labels for _, labels in held(epoch)]) for epoch in (0, 1)]
    assert len(held) == len(list(held(0))) == 3
    assert all(sorted(order.tolist()) == list(range(10)) for order in orders)
    assert not torch.equal(*orders)


def test_an_epoch_asked_for_twice_is_the_same():
    held = batches()
    for first, second in zip(held(3), held(3), strict=True):
        assert torch.equal(first[0], second[0])
        assert torch.equal(first[1], second[1])


def test_some_images_are_mirrored_and_the_stored_ones_are_not_touched():
    images = torch.arange(2, dtype=torch.uint8).expand(40, 3, 2, 2).contiguous()
    held = TensorBatches(images, torch.zeros(40, dtype=torch.int64), batch_size=40)
    [(batch, _)] = held(0)
    mirrored = batch[:, 0, 0, 0] == 1
    assert 8 < int(mirrored.sum()) < 32
    assert torch.equal(batch[mirrored], images[:1].flip(-1).expand(int(mirrored.sum()), -1, -1, -1))
    assert torch.equal(images, torch.arange(2, dtype=torch.uint8).expand(40, 3, 2, 2))


def test_a_group_stays_together_and_is_mirrored_alike():
    numbers = torch.arange(40)
    images = torch.zeros(40, 3, 2, 2, dtype=torch.uint8)
    images[..., 1] = 1
    held = TensorBatches(images, numbers, batch_size=8, group=2)
    sides = []
    for batch, labels in held(0):
        assert torch.equal(labels[1::2], labels[::2] + 1)
        assert (labels[::2] % 2 == 0).all()
        assert torch.equal(batch[::2], batch[1::2])
        sides += batch[::2, 0, 0, 0].tolist()
    assert set(sides) == {0, 1}


def test_all_frames_of_a_clip_are_mirrored_together():
    clips = torch.arange(2, dtype=torch.uint8).expand(20, 4, 3, 2, 2).contiguous()
    [(batch, _)] = TensorBatches(clips, torch.zeros(20, dtype=torch.int64), batch_size=20)(0)
    sides = batch[:, :, 0, 0, 0]
    assert (sides == sides[:, :1]).all()
    assert set(sides[:, 0].tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("images", "labels", "options", "message"),
    [
        (torch.zeros(4, 3, 2, 2), torch.zeros(4).long(), {}, "must be uint8"),
        (torch.zeros(4, 1, 2, 2).byte(), torch.zeros(4).long(), {}, "must be uint8"),
        (torch.zeros(0, 3, 2, 2).byte(), torch.zeros(0).long(), {}, "N > 0"),
        (torch.zeros(4, 3, 2, 2).byte(), torch.zeros(4), {}, "must be int64"),
        (torch.zeros(4, 3, 2, 2).byte(), torch.zeros(3).long(), {}, r"must be int64 \(4,\)"),
        (torch.zeros(4, 3, 2, 2).byte(), torch.zeros(4).long(), {"batch_size": 0}, "batch_size"),
        (torch.zeros(4, 3, 2, 2).byte(), torch.zeros(4).long(), {"group": 0}, "group"),
        (torch.zeros(4, 3, 2, 2).byte(), torch.zeros(4).long(), {"batch_size": 3, "group": 2}, "multiples of group"),
        (torch.zeros(5, 3, 2, 2).byte(), torch.zeros(5).long(), {"group": 2}, "multiples of group"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(images, labels, options, message):
    with pytest.raises(ValueError, match=message):
        TensorBatches(images, labels, **{"batch_size": 2, **options})
