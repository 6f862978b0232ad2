"""Whether tensors are exactly those of a detector, and what is said where they are not."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch

from deepfakebench_ext.common.errors import WeightsError
from deepfakebench_ext.common.wording import printable
from deepfakebench_ext.models.weights.describe import config_that_reads, describe, hub_id_of
from deepfakebench_ext.models.weights.state_files import check_types

_HEAD = ("fc_norm.", "head.")
_SHOWN_LETTERS = 120


def check_fit(
    state: Mapping[str, torch.Tensor],
    target: Mapping[str, torch.Tensor],
    *,
    keys: Collection[str],
    spec: str,
    config: str,
) -> None:
    """Refuse a state that does not fill the target; only the whole head may be missing.

    Args:
        state: Under the target's names.
        target: What is to be filled.
        keys: As the file names them.
        spec: Of the weights, for messages.
        config: The detector config that was given.

    Raises:
        WeightsError: Says what came, what was expected, and the config that would do.
    """
    missing = [key for key in target if key not in state]
    unexpected = [key for key in state if key not in target]
    misshapen = [key for key in state if key in target and state[key].shape != target[key].shape]
    if set(missing) == {key for key in target if key.startswith(_HEAD)}:
        missing = []
    if not (missing or unexpected or misshapen):
        check_types(state, target, spec)
        return
    has, is_ = describe(state), describe(target)
    lines = [f"{spec} holds {has}; the detector is {is_}."]
    if misshapen:
        key = misshapen[0]
        lines.append(f"{len(misshapen)} shapes differ, e.g. {key}: {_shape(state[key])} is not {_shape(target[key])}.")
    if missing:
        lines.append(f"{len(missing)} of its {len(target)} parameters are missing, e.g. {listed(missing)}.")
    if unexpected:
        lines.append(f"{len(unexpected)} of the file's are unknown to it, e.g. {listed(unexpected)}.")
    if missing or unexpected:
        lines.append(f"Its keys begin with {_beginnings(keys)}; expected are {_beginnings(target)}.")
    raise WeightsError(" ".join([*lines, remedy(state, config, same=has == is_)]))


def remedy(state: Mapping[str, torch.Tensor], config: str, *, same: bool) -> str:
    """Return what to do about weights that do not fit: another config, another architecture, or another file."""
    reads = config_that_reads(state)
    if reads and reads != config:
        return f"--detector_config {reads} reads such files."
    if same:
        return (
            "The file is not whole, or holds parts of another program: save the state_dict of the detector alone, its "
            "tower under `backbone.` and its head, one linear layer of the tower's width, under `head.`"
        )
    return f"Set `huggingface_model_name` in the detector YAML to the model it was trained from{hub_id_of(state)}."


def listed(keys: Collection[str]) -> str:
    """Return the first three keys, fit for a terminal."""
    return ", ".join(printable(key)[:_SHOWN_LETTERS] for key in list(keys)[:3])


def _beginnings(keys: Collection[str]) -> str:
    first = dict.fromkeys(".".join(key.split(".")[:2]) if key.count(".") > 1 else key.split(".")[0] for key in keys)
    shown = [f"{printable(start)[:_SHOWN_LETTERS]}." for start in list(first)[:4]]
    return ", ".join(shown) + (", ..." if len(first) > len(shown) else "")


def _shape(tensor: torch.Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"
