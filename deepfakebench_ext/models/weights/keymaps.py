"""One set of parameter names out of the many that versions, trainers and projects have given them.

A key map is a function of names alone, aware of its target: it renames only what the target does not know, into
what the target does know. What is left over afterwards is an error of the caller's, never dropped silently.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch

from deepfakebench_ext.common.errors import WeightsError
from deepfakebench_ext.models.weights.state_files import StateDict

# VideoMAE's attention biases, by transformers version: 4.x and 5.0 to 5.5.0 name two of three, q_bias and v_bias;
# 5.5.1 to 5.17 all three, key.bias being constant over a softmax row and so without effect; 5.18 on, two again.
_BIAS_NAMES = (
    (re.compile(r"\.q_bias$"), ".query.bias"),
    (re.compile(r"\.v_bias$"), ".value.bias"),
    (re.compile(r"\.query\.bias$"), ".q_bias"),
    (re.compile(r"\.value\.bias$"), ".v_bias"),
)
_KEY_BIAS = ".attention.attention.key.bias"


@dataclass(slots=True)
class Mapped:
    """A state dict under the target's names, and what was done to get there."""

    state: StateDict
    renamed: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    folded: int = 0


def rename(state: Mapping[str, torch.Tensor], old_to_new: Mapping[str, str | None]) -> Mapped:
    """Return `state` under new names; a name mapped to None is set aside as ignored.

    Raises:
        WeightsError: Two keys would get the same name.
    """
    mapped = Mapped({})
    for old, tensor in state.items():
        new = old_to_new[old]
        if new is None:
            mapped.ignored.append(old)
            continue
        if new in mapped.state:
            raise WeightsError(f"two keys of the checkpoint mean {new!r}, one of them {old!r}; it holds two models")
        if new != old:
            mapped.renamed.append(f"{old} -> {new}")
        mapped.state[new] = tensor
    return mapped


def clip_names(keys: Iterable[str], target: Iterable[str]) -> dict[str, str | None]:
    """Return old -> new for a CLIP vision tower, alone, inside a whole CLIP, or inside a detector of DeepfakeBench's.

    The target's names are `backbone.<tower>` and `head.*`. The text tower, the projections and the position ids that
    transformers before 4.31 saved are of no use to a detector.
    """
    known = set(target)
    return {key: key if key in known else _clip_name(key) for key in keys}


def _clip_name(key: str) -> str | None:
    inner = _strip(key, ("backbone.", "model.", "clip."))
    tower = _strip(inner, ("vision_model.",))
    unused = ("text_model.", "text_projection.", "visual_projection.", "text_embeds", "image_embeds")
    if inner.startswith(unused) or inner == "logit_scale" or inner.endswith("position_ids"):
        return None
    if tower.startswith(("embeddings.", "encoder.", "pre_layrnorm.", "post_layernorm.")):
        return f"backbone.{tower}"
    return key


def videomae_names(keys: Iterable[str], target: Iterable[str]) -> dict[str, str | None]:
    """Return old -> new for a VideoMAE backbone, alone, with its classifier, or inside a detector of DeepfakeBench's.

    The target's names are `backbone.*`, `fc_norm.*` and `head.*`. The decoder of a pre-training checkpoint is of no
    use to a detector; nor is `key.bias` to a target without one, since it cancels in the softmax.
    """
    known = set(target)
    names: dict[str, str | None] = {}
    for key in keys:
        name = key if key in known else _videomae_name(key)
        if name is not None and name not in known:
            name = _bias_name(name, known)
        names[key] = name
    return names


def bias_names(keys: Iterable[str], target: Iterable[str]) -> dict[str, str | None]:
    """Return old -> new for VideoMAE's attention biases alone, every other name kept."""
    known = set(target)
    return {key: key if key in known else _bias_name(key, known) for key in keys}


def _videomae_name(key: str) -> str | None:
    inner = _strip(key, ("backbone.", "model.", "videomae."))
    if inner.startswith(("decoder.", "encoder_to_decoder.", "mask_token")):
        return None
    if inner.startswith(("embeddings.", "encoder.", "layernorm.")):
        return None if inner.endswith("position_embeddings") else f"backbone.{inner}"
    if inner.startswith("classifier."):
        return "head." + inner.removeprefix("classifier.")
    return inner if inner.startswith(("fc_norm.", "head.")) else key


def _bias_name(name: str, known: set[str]) -> str | None:
    for pattern, replacement in _BIAS_NAMES:
        other = pattern.sub(replacement, name)
        if other != name and other in known:
            return other
    return None if name.endswith(_KEY_BIAS) else name


def fill_key_biases(state: StateDict, target: Mapping[str, torch.Tensor]) -> None:
    """Give a target of transformers 5.5.1 to 5.17 the zero `key.bias` that other versions do without."""
    for key, tensor in target.items():
        if key.endswith(_KEY_BIAS) and key not in state:
            state[key] = torch.zeros_like(tensor)


def _strip(key: str, prefixes: tuple[str, ...]) -> str:
    while key.startswith(prefixes):
        key = key.split(".", 1)[1]
    return key
