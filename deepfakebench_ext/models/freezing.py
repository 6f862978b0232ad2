"""Frozen parameters, and modules that behave as in inference because nothing in them is trained."""

from __future__ import annotations

from collections.abc import Container

from torch import nn


def train_only(module: nn.Module, names: Container[str]) -> bool:
    """Let the parameters called `names` be trained and freeze all others; return whether that changed anything."""
    changed = False
    for name, parameter in module.named_parameters():
        changed |= parameter.requires_grad != (name in names)
        parameter.requires_grad_(name in names)
    return changed


def keep_frozen_in_inference(module: nn.Module, *, statistics: bool = False) -> None:
    """Take every module without a trained parameter out of training mode: no dropout, no moving statistics.

    A module that has no parameter at all, such as a dropout, does as the one it lies in.

    Args:
        module: In the mode that it is to have.
        statistics: Take every BatchNorm out of it too, so that its statistics stay and no row depends on another.
    """
    _settle(module, trained=module.training)
    if statistics:
        for each in module.modules():
            each.training = each.training and not isinstance(each, nn.modules.batchnorm._BatchNorm)


def trained_statistics(module: nn.Module) -> list[str]:
    """Names of the trained modules that have statistics of batches: BatchNorms."""
    return [
        name
        for name, each in module.named_modules()
        if isinstance(each, nn.modules.batchnorm._BatchNorm) and any(p.requires_grad for p in each.parameters())
    ]


def _settle(module: nn.Module, trained: bool) -> None:
    parameters = list(module.parameters())
    if parameters:
        trained = any(parameter.requires_grad for parameter in parameters)
    module.training = module.training and trained
    for child in module.children():
        _settle(child, trained)
