"""One set of parameter names out of the many that versions, trainers and projects have given them.

A key map renames by names and shapes alone. A tower is found by a name that only it has, whatever stands before it
(`backbone.`, `model.vision_model.`, `_base_model.backbone.`), and its head by being the one linear layer of the tower's
width beside it. What is left over afterwards is an error of the caller's, never dropped silently.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
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
# A name that every CLIP vision tower has, every VideoMAE, and few others.
_CLIP_ANCHOR = "embeddings.class_embedding"
_VIDEOMAE_ANCHOR = "embeddings.patch_embeddings.projection.weight"
_CLIP_UNUSED = re.compile(
    r"(^|\.)(text_model|text_projection|visual_projection|text_embeds|image_embeds|logit_scale|logit_bias)(\.|$)"
    r"|(^|\.)position_ids$"
)
_VIDEOMAE_UNUSED = re.compile(r"(^|\.)(decoder|encoder_to_decoder|mask_token|position_embeddings)(\.|$)")
_NORM = re.compile(r"(^|\.)fc_norm\.(weight|bias)$")
# What a LightningModule keeps of its losses beside the model.
_LOSSES = re.compile(r"^(criterion|loss|loss_fn|loss_func|\w+_loss)\.")
_HEADS = ("head", "fc", "classifier", "linear", "cls_head", "classification_head", "fc_head", "probe", "last_layer")


@dataclass(slots=True)
class Mapped:
    """A state dict under the target's names, and what was done to get there."""

    state: StateDict
    renamed: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    folded: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """How a checkpoint names a tower and its head.

    Attributes:
        names: Old -> new for every key; None for one of no use to a detector. New are `backbone.*`, `fc_norm.*` and
            `head.*`.
        of_transformers: Whether the head is that of a classifier of transformers, by where it lies and its name.
        of_gend: Whether they lie as GenD has them (arXiv 2508.06248), whose head may read features of length 1.
    """

    names: dict[str, str | None]
    of_transformers: bool = False
    of_gend: bool = False

    @property
    def new(self) -> set[str]:
        """The new names."""
        return {name for name in self.names.values() if name is not None}

    def head_width(self, state: Mapping[str, torch.Tensor]) -> int:
        """Return the width of the head that `state` has, 2 where it has none."""
        weights = (state[key] for key, name in self.names.items() if name == "head.weight")
        return next((int(weight.shape[0]) for weight in weights if weight.ndim == 2), 2)


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


def clip_layout(state: Mapping[str, torch.Tensor]) -> Layout:
    """Return how a CLIP vision tower is named: alone, inside a whole CLIP, or inside anybody's detector.

    The text tower, the projections and the position ids that transformers before 4.31 saved are of no use.
    """
    return _layout(state, _CLIP_ANCHOR, _CLIP_UNUSED, ("embeddings.", "encoder.", "pre_layrnorm.", "post_layernorm."))


def videomae_layout(state: Mapping[str, torch.Tensor]) -> Layout:
    """Return how a VideoMAE is named: alone, with its classifier, or inside anybody's detector.

    The decoder of a pre-training checkpoint is of no use.
    """
    return _layout(state, _VIDEOMAE_ANCHOR, _VIDEOMAE_UNUSED, ("embeddings.", "encoder.", "layernorm."))


def bias_names(keys: Iterable[str], target: Iterable[str]) -> dict[str, str | None]:
    """Return old -> new for VideoMAE's attention biases, as the target calls them; every other name is kept.

    `key.bias` is of no use to a target without one, since it cancels in the softmax.
    """
    known = set(target)
    return {key: key if key in known else _bias_name(key, known) for key in keys}


def prefix_before(keys: Collection[str], target: Collection[str]) -> str:
    """Return what stands before the target's names in most of the keys, such as `net.`; empty for nothing."""
    known = set(target)
    found = Counter(
        key[: len(key) - len(rest)] for key in keys if key not in known for rest in _tails(key) if rest in known
    )
    prefix, count = found.most_common(1)[0] if found else ("", 0)
    # Older checkpoints have older names behind it, which transformers turns into the target's.
    most = 2 * sum(key.startswith(prefix) for key in keys) > len(keys)
    return prefix if most and count > len(known.intersection(keys)) else ""


def _tails(key: str) -> Iterable[str]:
    """`a.b.c` -> `b.c`, `c`."""
    while "." in key:
        key = key.split(".", 1)[1]
        yield key


def _layout(state: Mapping[str, torch.Tensor], anchor: str, unused: re.Pattern[str], parts: tuple[str, ...]) -> Layout:
    at = _anchor(state, anchor)
    prefix = at.removesuffix(anchor)
    names: dict[str, str | None] = {}
    for key in state:
        inner = key.removeprefix(prefix) if at and key.startswith(prefix) else _strip(key)
        if unused.search(key.removeprefix(prefix)) or _LOSSES.search(key):
            names[key] = None
        elif inner.startswith(parts):
            names[key] = f"backbone.{inner}"
        else:
            names[key] = f"fc_norm.{norm[2]}" if (norm := _NORM.search(key)) else key
    head = _head(state, names, len(state[at]) if at and state[at].ndim else 0)
    if head is None:
        return Layout(names)
    names |= {key: f"head.{key.removeprefix(head)}" for key in state if key.startswith(head)}
    beside = head.removesuffix("classifier.")
    of_transformers = head != beside and prefix in (f"{beside}videomae.", f"{beside}vision_model.")
    of_gend = prefix.endswith("feature_extractor.vision_model.") and head.endswith("model.linear.")
    return Layout(names, of_transformers, of_gend)


def _anchor(state: Mapping[str, torch.Tensor], anchor: str) -> str:
    """Return the key of the tower's anchor, empty where there is none.

    Raises:
        WeightsError: There are several.
    """
    found = [key for key in state if key == anchor or key.endswith(f".{anchor}")]
    if len(found) > 1:
        under = ", ".join(repr(key.removesuffix(anchor)) for key in found[:4])
        raise WeightsError(f"the checkpoint holds two models, under the prefixes {under}; save the state_dict of one")
    return found[0] if found else ""


def _head(state: Mapping[str, torch.Tensor], names: Mapping[str, str | None], width: int) -> str | None:
    """Return what the names of the head begin with: the one linear layer of that width that is called like a head."""
    found = []
    for key, tensor in state.items():
        path = key.removesuffix(".weight")
        words = [word for word in path.split(".") if not word.isdigit()]
        called = bool(words) and words[-1] in _HEADS
        if key == names[key] and path != key and called and tensor.ndim == 2 and tensor.shape[1] == width:
            found.append(f"{path}.")
    return found[0] if len(found) == 1 else None


def _bias_name(name: str, known: set[str]) -> str | None:
    for pattern, replacement in _BIAS_NAMES:
        other = pattern.sub(replacement, name)
        if other != name and other in known:
            return other
    return None if name.endswith(_KEY_BIAS) else name


def settle_biases(mapped: Mapped, target: Mapping[str, torch.Tensor]) -> None:
    """Name and add VideoMAE's attention biases as the target has them."""
    settled = rename(mapped.state, bias_names(mapped.state, target))
    fill_key_biases(settled.state, target)
    mapped.state = settled.state
    mapped.renamed.extend(settled.renamed)
    mapped.ignored.extend(settled.ignored)


def fill_key_biases(state: StateDict, target: Mapping[str, torch.Tensor]) -> None:
    """Give a target of transformers 5.5.1 to 5.17 the zero `key.bias` that other versions do without."""
    for key, tensor in target.items():
        if key.endswith(_KEY_BIAS) and key not in state:
            state[key] = torch.zeros_like(tensor)


def _strip(key: str) -> str:
    while key.startswith(("backbone.", "model.", "clip.", "vision_model.", "videomae.")):
        key = key.split(".", 1)[1]
    return key
