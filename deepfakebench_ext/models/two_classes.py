"""From a head's logits, of any width and order, to two: real and fake. `probability` makes the score of them."""

from __future__ import annotations

import torch

from deepfakebench_ext.common.types import LabelOrder


def two_class_logits(logits: torch.Tensor, order: LabelOrder) -> torch.Tensor:
    """Return logits (B, 2), 0 real and 1 fake, whose softmax says what a head of any width and order says.

    A class of several logits is their log-sum-exp, so P(fake) is the sum of its members' probabilities; a single
    logit z stands against 0, which makes the softmax its sigmoid, as does the logit of fake where each is a label of
    its own.

    Args:
        logits: (B, K) as the head gives them.
        order: Which of the K mean fake.
    """
    if order.num_logits == 1:
        zero = torch.zeros_like(logits)
        return torch.cat((zero, logits) if order.fake else (logits, zero), dim=1)
    fake = list(order.fake)
    if order.activation == "sigmoid":
        return torch.cat((torch.zeros_like(logits[:, fake]), logits[:, fake]), dim=1)
    if order.num_logits == 2 and fake == [1]:
        return logits
    real = [index for index in range(order.num_logits) if index not in order.fake]
    return torch.stack((logits[:, real].logsumexp(1), logits[:, fake].logsumexp(1)), dim=1)
