"""What becomes of an image's pixels before a detector sees them, as one validated record. No torch, no I/O."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, cast, get_args

from deepfakebench_ext.common.errors import ConfigError

Resize = Literal["shortest_edge", "exact", "none"]
# In the order of PIL.Image.Resampling, so that a checkpoint's number is the index.
PillowResample = Literal["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"]
Resample = Literal[PillowResample, "opencv_bicubic"]
Channels = Literal["rgb", "bgr"]
Rounding = Literal["down", "even"]
Triple = tuple[float, float, float]

RESAMPLES: tuple[PillowResample, ...] = get_args(PillowResample)
RESIZES: tuple[Resize, ...] = get_args(Resize)
MAX_EDGE = 8192  # far above any detector's input; a typo must not ask for gigabytes
_HUGE = 1e30  # what float32 arithmetic can still square; infinities and NaN are not below it


@dataclass(frozen=True, slots=True)
class PreprocessSpec:
    """One preprocessing transform: resize, centre crop, rescale, normalise, in this order. Valid once it exists.

    Attributes:
        resize: `shortest_edge` keeps the aspect ratio, `exact` does not, `none` leaves the image as it is.
        size: (height, width) resized to, both the edge for `shortest_edge`; None exactly when `resize` is `none`.
        crop: (height, width) of the centre crop, padded with zeros where the image is smaller; None for no crop.
        resample: PIL's name of the filter, antialiased but for `nearest`; or `opencv_bicubic`, which is not, and which
            DeepfakeBench's loader uses.
        mean: Subtracted per channel (RGB), after `rescale_factor` and `offset`.
        std: Divided by per channel, positive.
        rescale_factor: Multiplies the uint8 levels, usually 1/255.
        offset: Subtracted after `rescale_factor`; 1.0 for ViViT, else 0.0.
        channels: Order in which the channels come out; `mean` and `std` are in this order too.
        crop_rounding: Where an odd margin is cut: `down` takes less in front, as transformers does; `even` rounds half
            of it to the even number, as torchvision and so timm do.
        source: Who said so, and which keys were overridden. Recorded, never read.

    Raises:
        ConfigError: When `size` and `resize` contradict each other.
    """

    resize: Resize
    size: tuple[int, int] | None
    crop: tuple[int, int] | None
    resample: Resample
    mean: Triple
    std: Triple
    rescale_factor: float = 1 / 255
    offset: float = 0.0
    channels: Channels = "rgb"
    crop_rounding: Rounding = "down"
    source: str = ""

    def __post_init__(self) -> None:
        """Check what single fields cannot show."""
        if (self.size is None) != (self.resize == "none"):
            raise ConfigError(
                f"preprocessing with resize {self.resize!r} has size {self.size}; give both, or resize: none"
            )
        if self.resize == "shortest_edge" and self.size is not None and self.size[0] != self.size[1]:
            raise ConfigError(
                f"resize: shortest_edge takes one number as size, not {list(self.size)}; or use resize: exact"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON types, for the results."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def text(self) -> str:
        """Return what is done to an image, for people: `224x224, mean 0.5, std 0.5, bicubic, from ...`."""
        size = output_size(self)
        edges = "each image's own size" if size is None else f"{size[0]}x{size[1]}"
        values = (f"{name} {_triple_text(triple)}" for name, triple in (("mean", self.mean), ("std", self.std)))
        return f"{edges}, {', '.join(values)}, {self.resample}{self._oddities()}; from {self.source or 'the caller'}"

    def _oddities(self) -> str:
        scale = "" if math.isclose(self.rescale_factor, 1 / 255) else f", levels times {self.rescale_factor:g}"
        return scale + (f", less {self.offset:g}" if self.offset else "") + (", BGR" if self.channels == "bgr" else "")


def _triple_text(values: Triple) -> str:
    shown = [f"{value:.4g}" for value in values]
    return shown[0] if len(set(shown)) == 1 else "/".join(shown)


def output_size(spec: PreprocessSpec) -> tuple[int, int] | None:
    """Return the (height, width) that every image comes out with, or None where it depends on the image."""
    if spec.crop is not None:
        return spec.crop
    return spec.size if spec.resize == "exact" else None


def spec_from_host_keys(resolution: object, mean: object, std: object) -> PreprocessSpec:
    """Return what DeepfakeBench's own keys ask for: exactly `resolution` x `resolution`, then (x / 255 - mean) / std.

    What was trained on the images of its loader sees those images: they come out as its own, bit for bit. Its resizing
    does not antialias, so that much larger images alias here as they do there.

    Raises:
        ConfigError: When a value is not what its key takes.

    Source:
        DeepfakeBench training/dataset/abstract_dataset.py:293, 313-314 (resize), 392-405 (rescale, normalise).
    """
    edge = edge_of(resolution, "resolution")
    return PreprocessSpec(
        resize="exact",
        size=(edge, edge),
        crop=None,
        resample="opencv_bicubic",
        mean=triple_of(mean, "mean"),
        std=positive_triple_of(std, "std"),
        source="detector YAML: resolution, mean, std",
    )


def override(spec: PreprocessSpec, values: Mapping[str, object]) -> PreprocessSpec:
    """Return `spec` with the fields that the YAML's `preprocess:` block names, all others as they are.

    Args:
        spec: What the checkpoint or the host's keys say.
        values: Any of resize, size (number or [height, width]), crop (the same, or null), resample, mean, std,
            rescale_factor, offset, channels, crop_rounding. Only the named field changes: a new `size` leaves `crop`
            alone.

    Raises:
        ConfigError: For an unknown key, a value of the wrong kind, or fields that contradict each other.
    """
    changes = _parsed(values)
    if not changes:
        return spec
    source = f"{spec.source}; overridden by preprocess: {', '.join(changes)}"
    if changes.get("resize") == "none":
        changes.setdefault("size", None)
    return replace(spec, **changes, source=source)


def spec_from_block(values: Mapping[str, object]) -> PreprocessSpec | None:
    """Return the spec of a `preprocess:` block that stands alone, or None when it leaves something open.

    It stands alone when it names resize, size (unless resize is none), crop, resample, mean and std. Then no
    checkpoint's JSON needs to be read, which is the way out for processors that are not understood.

    Raises:
        ConfigError: As `override`.
    """
    fields = _parsed(values)
    if fields.get("resize") == "none":
        fields.setdefault("size", None)
    if not {"resize", "size", "crop", "resample", "mean", "std"} <= fields.keys():
        return None
    return PreprocessSpec(**fields, source="detector YAML: preprocess")


def _parsed(values: Mapping[str, object]) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise ConfigError(f"preprocess ({values!r}) must be a block of keys: {', '.join(_FIELDS)}")
    for key in values:
        if key not in _FIELDS:
            close = difflib.get_close_matches(str(key), _FIELDS, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise ConfigError(f"preprocess.{key} is not a key; {hint}Allowed: {', '.join(_FIELDS)}")
    return {key: _FIELDS[key](value, f"preprocess.{key}") for key, value in values.items()}


def edge_of(value: object, where: str) -> int:
    """Return `value` if it is a whole number of pixels a detector can have; `where` names it in the error."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_EDGE:
        return value
    raise ConfigError(f"{where} ({value!r}) must be a whole number of pixels from 1 to {MAX_EDGE}")


def pair_of(value: object, where: str) -> tuple[int, int]:
    """Return (height, width) from one number (a square) or a list of two."""
    if isinstance(value, (list, tuple)):
        if len(value) != 2:
            raise ConfigError(f"{where} ({value!r}) must be one number or [height, width]")
        return edge_of(value[0], where), edge_of(value[1], where)
    edge = edge_of(value, where)
    return edge, edge


def number_of(value: object, where: str) -> float:
    """Return `value` as a float if it is a finite number."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _HUGE:
        return float(value)
    raise ConfigError(f"{where} ({value!r}) must be a finite number")


def positive_of(value: object, where: str) -> float:
    """Return `value` as a float if it is a finite number above 0."""
    number = number_of(value, where)
    if number > 0:
        return number
    raise ConfigError(f"{where} ({value!r}) must be above 0")


def triple_of(value: object, where: str) -> Triple:
    """Return three finite numbers, one per channel (RGB); a single number counts for all three."""
    if not isinstance(value, (list, tuple)):
        value = [value] * 3
    if len(value) != 3:
        raise ConfigError(f"{where} ({value!r}) must be three numbers (red, green, blue) or one for all")
    red, green, blue = (number_of(channel, where) for channel in value)
    return red, green, blue


def positive_triple_of(value: object, where: str) -> Triple:
    """Return three finite numbers above 0, as `triple_of`."""
    triple = triple_of(value, where)
    if min(triple) > 0:
        return triple
    raise ConfigError(f"{where} ({value!r}) must be above 0 in every channel")


def _optional_pair_of(value: object, where: str) -> tuple[int, int] | None:
    return None if value is None else pair_of(value, where)


def _resize_of(value: object, where: str) -> Resize:
    return cast(Resize, _choice_of(value, where, RESIZES))


def _resample_of(value: object, where: str) -> Resample:
    return cast(Resample, _choice_of(value, where, get_args(Resample)))


def _channels_of(value: object, where: str) -> Channels:
    return cast(Channels, _choice_of(value, where, get_args(Channels)))


def _rounding_of(value: object, where: str) -> Rounding:
    return cast(Rounding, _choice_of(value, where, get_args(Rounding)))


def _choice_of(value: object, where: str, allowed: tuple[str, ...]) -> str:
    if isinstance(value, str) and value in allowed:
        return value
    close = difflib.get_close_matches(str(value), allowed, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise ConfigError(f"{where} ({value!r}) must be one of {', '.join(allowed)}{hint}")


_FIELDS = {
    "resize": _resize_of,
    "size": pair_of,
    "crop": _optional_pair_of,
    "resample": _resample_of,
    "mean": triple_of,
    "std": positive_triple_of,
    "rescale_factor": positive_of,
    "offset": number_of,
    "channels": _channels_of,
    "crop_rounding": _rounding_of,
}
