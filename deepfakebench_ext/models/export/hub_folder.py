"""A trained detector as others take it: a `save_pretrained` folder with its detector YAML, and DeepfakeBench's `.pth`.

The folder is what `--weights` takes as it is. Its `model.safetensors` has the names of transformers' own class for the
backbone, so that `from_pretrained` of that class reads it; the head lies beside, under the classifier's name where the
class has one.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import save

from deepfakebench_ext.common.atomic_files import atomic_binary_writer, atomic_writer, write_bytes_atomic
from deepfakebench_ext.common.run_names import CARD, FIGURES_JSON
from deepfakebench_ext.common.types import LABEL_NAMES
from deepfakebench_ext.data.preprocess.processor_json import OWN_BLOCK
from deepfakebench_ext.data.preprocess.spec import RESAMPLES, PreprocessSpec
from deepfakebench_ext.models.base import LABEL_ORDER, Detector
from deepfakebench_ext.models.clip import HuggingFaceClip
from deepfakebench_ext.models.config import HOST_KEYS, find_config
from deepfakebench_ext.models.export.record import ExportRecord
from deepfakebench_ext.models.generic import HuggingFaceImage
from deepfakebench_ext.models.stored_thresholds import THRESHOLDS, Stored, stored_as_json
from deepfakebench_ext.models.videomae import HuggingFaceVideoMAE
from deepfakebench_ext.models.weights.source import DETECTOR_YAML, NAMES_YAML
from deepfakebench_ext.models.weights.state_files import OWN_NOTES

WEIGHTS, CONFIG, PROCESSOR = "model.safetensors", "config.json", "preprocessor_config.json"
PTH = "best.pth"
_CONTRACT_NAMES = {label: name.lower() for label, name in LABEL_NAMES.items()}
# What a trained detector no longer needs to be told: it is in its weights.
_SETTLED = ("weights", "svd_rank", THRESHOLDS)
# What is DeepfakeBench's own, and read by ours too.
_HOST_FIELDS = {"compression", "frame_num", "video_mode"}
_SPEC_KEYS = (
    "resize",
    "size",
    "crop",
    "resample",
    "mean",
    "std",
    "rescale_factor",
    "offset",
    "channels",
    "crop_rounding",
)

_NO_CLASSES: dict[str, Any] = {"id2label": {}, "label2id": {}, "num_labels": 0}

State = Mapping[str, torch.Tensor]


def write_weights(folder: Path, detector: Detector, state: State) -> None:
    """Write `model.safetensors`, replaced whole or not at all; what lies beside it and is of other weights goes first.

    Args:
        folder: Exists.
        detector: Whose structure it is.
        state: Its merged state, under the detector's own names.

    Raises:
        OutputError: It cannot be written.
    """
    for name in (PTH, CARD, FIGURES_JSON):
        (folder / name).unlink(missing_ok=True)
    _, prefix, head = _layout(detector)
    tensors = {_renamed(key, prefix, head): tensor.detach().cpu().contiguous() for key, tensor in state.items()}
    write_bytes_atomic(folder / WEIGHTS, save(tensors, metadata={"format": "pt", OWN_NOTES: _notes(detector)}))


def write_pth(path: Path, detector: Detector, thresholds: Stored | None = None) -> None:
    """Write the plain state dict of the detector class, which DeepfakeBench's test.py loads strictly.

    Which logit means fake, and the thresholds, stand where torch keeps a module's version, which no load takes for a
    parameter.

    Raises:
        OutputError: It cannot be written.
    """
    state = OrderedDict((key, value.detach().cpu().contiguous()) for key, value in detector.state_dict().items())
    state._metadata = {"": {"version": 1, OWN_NOTES: _notes(detector, thresholds)}}  # type: ignore[attr-defined]
    with atomic_binary_writer(path) as stream:
        torch.save(state, stream)


def write_settings(
    folder: Path,
    detector: Detector,
    values: Mapping[str, Any],
    thresholds: Stored | None = None,
    export: ExportRecord | None = None,
) -> None:
    """Write `config.json`, `preprocessor_config.json` and `detector.yaml`.

    Args:
        folder: Created if need be.
        detector: In whose terms.
        values: The YAML it was trained with, whole, DeepfakeBench's keys among them.
        thresholds: Where validation put the line between real and fake.
        export: What is said of a network that lies there in place of weights.

    Raises:
        OutputError: They cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    architecture = architecture_of(detector)
    # transformers' classifier of this backbone computes another head: under no classes it has none, not a random one.
    other_head = isinstance(detector, HuggingFaceVideoMAE) and not reads_head(detector)
    config = {**architecture, **(_NO_CLASSES if other_head else {})}
    for name, content in ((CONFIG, config), (PROCESSOR, processor_json(detector))):
        with atomic_writer(folder / name) as stream:
            stream.write(json.dumps(content, indent=2) + "\n")
    with atomic_writer(folder / DETECTOR_YAML) as stream:
        stream.write(f"# Written by `dfb-ext {'export' if export else 'train'}`: the detector, ready to be scored.\n")
        said = {"export": export.model_dump(mode="json")} if export else {}
        content = _detector_yaml(detector, values, architecture) | _stored(thresholds) | said
        yaml.safe_dump(content, stream, sort_keys=False, allow_unicode=True)


def architecture_of(detector: Detector) -> dict[str, Any]:
    """Return the transformers config of a detector, as JSON holds it, with the class that reads the backbone."""
    cls = _layout(detector)[0]
    config: dict[str, Any] = json.loads(_config_of(detector).to_json_string(use_diff=False))
    order = detector.report.label_order
    names = dict(enumerate(order.names)) or (_CONTRACT_NAMES if order.fake == (1,) and order.num_logits == 2 else {})
    if names:
        config |= {"id2label": {str(i): name for i, name in names.items()}, "num_labels": order.num_logits}
        config["label2id"] = {name: index for index, name in names.items()}
    return {**config, "architectures": [cls], NAMES_YAML: DETECTOR_YAML}


def reads_head(detector: Detector) -> bool:
    """Whether transformers has a class that computes the whole detector, so that it scores there as it does here."""
    if isinstance(detector, HuggingFaceVideoMAE):
        whole = detector.video.use_mean_pooling or detector.pools_first_token
    else:
        whole = isinstance(detector, HuggingFaceImage)
    return whole and not detector.settings.l2_normalise


def processor_json(detector: Detector) -> dict[str, Any]:
    """Return the preprocessing as transformers' image processors save it, and, as we read it, exactly."""
    spec = detector.preprocess
    kind = "CLIPImageProcessor" if isinstance(detector, HuggingFaceClip) else "ViTImageProcessor"
    if detector.takes == "video":  # of clips: the others would take each frame for a picture of its own
        kind = "VivitImageProcessor" if spec.offset else "VideoMAEImageProcessor"
    size = spec.size or (0, 0)
    resample = spec.resample if spec.resample in RESAMPLES else "bicubic"
    return {
        "image_processor_type": kind,
        "do_resize": spec.size is not None,
        "size": {"shortest_edge": size[0]} if spec.resize == "shortest_edge" else _height_width(size),
        "resample": RESAMPLES.index(resample),
        "do_center_crop": spec.crop is not None,
        "crop_size": _height_width(spec.crop or size),
        "do_rescale": True,
        "rescale_factor": spec.rescale_factor,
        "do_normalize": True,
        "image_mean": list(spec.mean),
        "image_std": list(spec.std),
        OWN_BLOCK: _block(spec),
    }


def _detector_yaml(detector: Detector, values: Mapping[str, Any], architecture: Mapping[str, Any]) -> dict[str, Any]:
    spec = detector.preprocess
    shipped = yaml.safe_load(find_config(detector.settings.model_name).read_text(encoding="utf-8"))
    # What DeepfakeBench's own scripts do not go without (training/test.py:150-178).
    its = {key: value for key, value in shipped.items() if key in HOST_KEYS | _HOST_FIELDS}
    kept = its | {key: value for key, value in values.items() if key not in _SETTLED}
    size = spec.crop or spec.size
    if detector.takes == "video":
        kept["clip_size"] = detector.clip_len
    if size is not None and size[0] == size[1]:  # what DeepfakeBench's own loader is told
        kept |= {"resolution": size[0], "mean": list(spec.mean), "std": list(spec.std)}
    return {**kept, "new_head": False, "use_svd": False, "preprocess": _block(spec), "architecture": dict(architecture)}


def _notes(detector: Detector, thresholds: Stored | None = None) -> str:
    return json.dumps({LABEL_ORDER: asdict(detector.report.label_order)} | _stored(thresholds))


def _stored(thresholds: Stored | None) -> dict[str, Any]:
    return {THRESHOLDS: stored_as_json(thresholds)} if thresholds else {}


def _block(spec: PreprocessSpec) -> dict[str, Any]:
    """Return the spec as a `preprocess:` block that stands alone."""
    values = spec.to_dict()
    return {key: values[key] for key in _SPEC_KEYS if not (key == "size" and values[key] is None)}


def _height_width(size: tuple[int, int]) -> dict[str, int]:
    return {"height": size[0], "width": size[1]}


def _layout(detector: Detector) -> tuple[str, str, str]:
    """Return transformers' class that reads the folder, and what `backbone.` and `head.` are called in its file."""
    if isinstance(detector, HuggingFaceClip):
        return "CLIPVisionModel", "vision_model.", "head."
    if isinstance(detector, HuggingFaceVideoMAE):
        # With a layer norm at the end of the backbone and another before the head, DeepfakeBench's structure is none
        # of transformers' classifiers.
        if reads_head(detector):
            return "VideoMAEForVideoClassification", "videomae.", "classifier."
        return "VideoMAEModel", "videomae.", "head."
    name = detector.head_name if isinstance(detector, HuggingFaceImage) else "head"
    return type(detector.backbone).__name__, "", f"{name}." if name else ""


def _config_of(detector: Detector) -> Any:
    for name in ("vision", "video", "network_config"):
        if hasattr(detector, name):
            return getattr(detector, name)
    raise TypeError(f"{type(detector).__name__} keeps no transformers config")


def _renamed(key: str, prefix: str, head: str) -> str:
    if key.startswith("backbone."):
        return prefix + key.removeprefix("backbone.")
    return head + key.removeprefix("head.") if key.startswith("head.") else key
