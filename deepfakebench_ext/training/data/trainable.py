"""Which samples a training can use, checked before anything is read."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from deepfakebench_ext.common.errors import ConfigError
from deepfakebench_ext.common.types import FAKE, REAL, Sample
from deepfakebench_ext.data.preprocess.transform import PreprocessSpec, output_size
from deepfakebench_ext.data.samples.kinds import is_video


def trainable(samples: Sequence[Sample], *, self_blend: bool) -> tuple[tuple[Sample, ...], int]:
    """Return the samples that are trained on, and how many fakes self-blending leaves out.

    Raises:
        ConfigError: No samples, one without a label, a key that comes twice, or a class that is needed and missing.
    """
    if not samples:
        raise ConfigError("there is nothing to train on: the training split is empty; give another --train")
    _check_labelled(samples)
    _check_keys(samples)
    counts = Counter(sample.label for sample in samples)
    if self_blend:
        if not counts[REAL]:
            raise ConfigError(f"self_blend makes its fakes of real faces, and none of {len(samples)} samples is real")
        return tuple(sample for sample in samples if sample.label == REAL), counts[FAKE]
    if not (counts[REAL] and counts[FAKE]):
        raise ConfigError(
            f"training needs both classes, and the samples are {counts[REAL]} real and {counts[FAKE]} fake; to train "
            "on real faces alone, set self_blend: true under training"
        )
    return tuple(samples), 0


def check_videos(samples: Sequence[Sample]) -> None:
    """Pass samples of which clips can be taken.

    Raises:
        ConfigError: Single images among them.
    """
    images = [sample.key for sample in samples if not is_video(sample)]
    if images:
        raise ConfigError(
            f"a video detector trains on videos and folders of frames, and {len(images)} samples are single images, "
            f"such as {images[0]}"
        )


def methods_of(samples: Sequence[Sample]) -> tuple[str, ...]:
    """Return the method that each sample was made with; empty for reals.

    Raises:
        ConfigError: A fake that does not say.
    """
    silent = [sample.key for sample in samples if sample.label == FAKE and not sample.method]
    if silent:
        raise ConfigError(
            f"training.balance: methods needs the method of every fake, and {len(silent)} do not say theirs, such as "
            f"{silent[0]}; give a CSV manifest with a column method, or datasets of DeepfakeBench, or set sampling"
        )
    return tuple(sample.method or "" if sample.label == FAKE else "" for sample in samples)


def fixed_size(preprocess: PreprocessSpec) -> tuple[int, int]:
    """Return the (height, width) of every image that a transform gives.

    Raises:
        ConfigError: It differs from image to image, so that no batch can be made of them.
    """
    size = output_size(preprocess)
    if size is None:
        raise ConfigError(
            "training needs images of one size, and this detector's transform gives each its own; set "
            "`preprocess: {resize: exact, size: 224}`, or a crop, in the detector YAML"
        )
    return size


def digest_of_labels(samples: Sequence[Sample]) -> str:
    """Return the SHA-256 (hex) over keys and labels, by which a resumed run knows its data again."""
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(f"{sample.key}\0{sample.label}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _check_labelled(samples: Sequence[Sample]) -> None:
    unknown = [sample.key for sample in samples if sample.label is None]
    if unknown:
        raise ConfigError(
            f"{len(unknown)} of {len(samples)} training samples have no label, such as {unknown[0]}; sort them into "
            "real/ and fake/, or label them in a manifest"
        )


def _check_keys(samples: Sequence[Sample]) -> None:
    doubled = [key for key, count in Counter(sample.key for sample in samples).items() if count > 1]
    if doubled:
        raise ConfigError(
            f"{len(doubled)} training samples come twice, such as {doubled[0]}; give each dataset once, and folders "
            "that share names as one manifest"
        )
