"""Which keys DeepfakeBench's scripts take for granted in a detector's YAML. No I/O.

They read them as `config['manualSeed']`, so that one that is absent ends in a bare KeyError, at times only after all
datasets were read. What their own YAMLs say (lmdb, label_dict, SWA, log_dir, ...) is not asked of the detector's.

Lines are those of commit 8a4a7bf, under training/.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from deepfakebench_ext.common.errors import HostError

# dataset/abstract_dataset.py:113-128: built for tests as well (line 111).
_AUGMENTATION: Final = """
    flip_prob rotate_limit rotate_prob blur_limit blur_prob brightness_limit contrast_limit quality_lower quality_upper
"""
# test.py:51-56, 71-73, 169, 176; dataset/abstract_dataset.py:61-62, 296, 402-403, 498-502.
_OF_BOTH: Final = (
    *("model_name", "manualSeed", "cuda", "cudnn", "test_batchSize", "workers", "compression", "frame_num.test"),
    *("resolution", "mean", "std", "with_mask", "with_landmark"),
    *(f"data_aug.{name}" for name in _AUGMENTATION.split()),
)
# train.py:97, 159, 191, 218, 300; dataset/abstract_dataset.py:62, 508.
_OF_TRAIN: Final = (
    *("train_batchSize", "frame_num.train", "use_data_augmentation", "optimizer.type", "lr_scheduler"),
    *("metric_scoring", "start_epoch", "nEpochs"),
)
# train.py:159-184.
_OF_OPTIMIZERS: Final = {
    "adam": ("lr", "weight_decay", "beta1", "beta2", "eps", "amsgrad"),
    "sgd": ("lr", "momentum", "weight_decay"),
    "sam": ("lr", "momentum"),
}
# train.py:193-205.
_OF_SCHEDULERS: Final = {"step": ("lr_step", "lr_gamma"), "cosine": ("lr_T_max", "lr_eta_min")}

OF_MODEL: Final = {"resolution": "224", "mean": "[0.5,0.5,0.5]", "std": "[0.5,0.5,0.5]", "clip_size": "16"}
"""What only a model can say, with an example; null says nothing."""


def missing_keys(script: str, values: Mapping[str, Any], arguments: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the keys that a script takes for granted and `values` lacks, `a.b` for `b` within `a`, each once.

    Args:
        script: `test.py` or `train.py`.
        values: The detector's YAML, or it with the script's own over it.
        arguments: The script's; datasets named there need not stand in a YAML.
    """
    found = (_absent(key, values) for key in _needed(script, values, arguments))
    return tuple(dict.fromkeys(key for key in found if key))


def check_keys(name: str, missing: Sequence[str], *, script: str, complete: Sequence[str]) -> None:
    """Pass a YAML that lacks nothing.

    Args:
        name: Of the YAML, for the message.
        missing: What it lacks.
        script: `test.py` or `train.py`.
        complete: Shipped configs that lack nothing.

    Raises:
        HostError: It lacks something; the message names all of it and says where it can be had.
    """
    if not missing:
        return
    parts = [f"{name} lacks what DeepfakeBench's training/{script} reads: {', '.join(missing)}"]
    if of_model := [f"--set {shlex.quote(f'{key}={OF_MODEL[key]}')}" for key in missing if key in OF_MODEL]:
        parts.append(f"say what your model was trained with, such as {' '.join(of_model)}, before the script")
    if set(missing) - OF_MODEL.keys():
        parts.append(
            f"take the rest from one that has all of it ({', '.join(complete)}), or give each by --set key=value"
        )
        parts.append("the best/detector.yaml of a `dfb-ext train` run has all of it as well")
    raise HostError("; ".join(parts))


def _needed(script: str, values: Mapping[str, Any], arguments: Sequence[str]) -> Iterator[str]:
    yield from _OF_BOTH
    if values.get("video_mode"):
        yield "clip_size"  # dataset/abstract_dataset.py:230-231
    if not _is_said("--test_dataset", arguments):
        yield "test_dataset"
    if script != "train.py":
        return
    yield from _OF_TRAIN
    if not _is_said("--train_dataset", arguments):
        yield "train_dataset"
    optimizer = values.get("optimizer")
    kind = optimizer.get("type") if isinstance(optimizer, Mapping) else None
    yield from (f"optimizer.{kind}.{key}" for key in _OF_OPTIMIZERS.get(str(kind), ()))
    yield from _OF_SCHEDULERS.get(str(values.get("lr_scheduler")), ())


def _is_said(option: str, arguments: Sequence[str]) -> bool:
    """Whether an option is among the arguments, shortened or not."""
    return any(len(word) > 2 and option.startswith(word.partition("=")[0]) for word in arguments)


def _absent(key: str, values: Mapping[str, Any]) -> str:
    """What is absent of `a.b.c`: empty, or the first of `a`, `a.b` and `a.b.c` that is."""
    place: Any = values
    parts = key.split(".")
    for end, part in enumerate(parts, start=1):
        if not isinstance(place, Mapping) or part not in place:
            return ".".join(parts[:end])
        place = place[part]
    return key if key in OF_MODEL and place is None else ""
