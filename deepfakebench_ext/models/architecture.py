"""A transformers config that a stranger wrote: checked before anything is built of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from deepfakebench_ext.common.errors import MissingExtraError, WeightsError
from deepfakebench_ext.common.wording import printable
from deepfakebench_ext.host.foreign import FOREIGN

Built = TypeVar("Built")

# fmt: off
# How a model is run and reported, not what it computes: ours to decide, and some of it would load code from the hub.
_NOT_OURS = frozenset((
    "attn_implementation", "_attn_implementation", "_attn_implementation_internal", "_attn_implementation_autoset",
    "auto_map", "chunk_size_feed_forward", "dtype", "gradient_checkpointing", "output_attentions",
    "output_hidden_states", "pruned_heads", "return_dict", "torch_dtype", "torchscript", "use_bfloat16", "use_kernels",
    "use_return_dict",
))
# What timm's create_model is told in `model_args` beside how the network is made: files to load, and the classes.
_NOT_TIMMS = frozenset((
    "cache_dir", "checkpoint_path", "exportable", "features_only", "no_jit", "num_classes", "pretrained",
    "pretrained_cfg", "pretrained_cfg_overlay", "pretrained_strict", "scriptable",
))
# fmt: on
_DTYPES = ("auto", "bfloat16", "float16", "float32", "float64")
_ATTENTION = ("eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention")
_PROBLEMS = ("single_label_classification", "multi_label_classification", "regression")
# Numbers of parts that are made one by one, and edges in pixels; a typo must not take hours or gigabytes.
_COUNTED = re.compile(r"(layers?|depths?|blocks?|stages?|repeats?|experts|heads|groups|queries|latents|routers?)$")
_EDGE = re.compile(r"^(image|img|crop|video|patch|window|tubelet|kernel|input|spatial)_?(size|shape)s?$|^num_frames$")
_WIDTH = re.compile(r"(hidden|embed|intermediate|mlp|ffn|d_model|dim|channels|width)(_?sizes?|_?dims?|s)?$")
_ABOVE_0 = (
    "num_hidden",
    "num_attention",
    "num_channels",
    "hidden_size",
    "intermediate_size",
    "image",
    "patch_size",
    "tubelet",
)
_MAX = {"parts": 2048, "edge": 8192, "labels": 100_000, "any": 2**31}
_MAX_TOKENS = 1 << 16
_MAX_NODES, _MAX_DEPTH = 200_000, 20
# What transformers, or a library that it wraps, ends in where it does not take a value.
FAILURES = (*FOREIGN, ImportError, MemoryError, RuntimeError, ValueError)


@dataclass(frozen=True, slots=True)
class Architecture:
    """A transformers config as JSON holds it.

    Attributes:
        values: Its keys and values, checked, without what is ours to decide.
        where: The file it stands in, for messages.
        of_weights: Whether it lies beside the weights, so that its class names are those of their head.
        lent: Whether another model lends it, whose class names are its own.
    """

    values: dict[str, Any]
    where: str
    of_weights: bool = False
    lent: bool = False

    @property
    def kind(self) -> str | None:
        """The model type; a folder that timm itself pushed names none."""
        kind = self.values.get("model_type")
        timms = kind is None and isinstance(self.values.get("architecture"), str)
        return "timm_wrapper" if timms else kind

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes it was saved by."""
        return tuple(self.values.get("architectures") or ())


def checked(values: Mapping[str, Any], where: str, **said: bool) -> Architecture:
    """Return the architecture that `values` says.

    Args:
        values: As read from JSON or YAML.
        where: The file, for messages.
        said: `of_weights` or `lent`.

    Raises:
        WeightsError: A value of the wrong kind or beyond reason, or one that asks for quantized weights or for code
            from the hub. Names the file and the key.
    """
    _check_block(values, where, "", iter(range(_MAX_NODES)), 0)
    kept = _without_ours(values)
    _check_tokens(kept, where)
    return Architecture(kept, where, **said)


def config_of(cls: Any, architecture: Architecture) -> Any:
    """Return the config object of a transformers config class."""
    return made(lambda: cls.from_dict(dict(architecture.values)), cls.__name__, architecture)


def made(make: Callable[[], Built], what: str, architecture: Architecture) -> Built:
    """Return what `make` makes of the architecture.

    Raises:
        WeightsError: transformers, or the library it wraps, refuses a value; names the file and, where it can be told,
            the key.
    """
    try:
        return make()
    except _failures() as error:
        raise refusal(error, what, architecture) from error


def refusal(error: BaseException, what: str, architecture: Architecture) -> WeightsError | MissingExtraError:
    """Return the error of ours for one of transformers', on one line."""
    text = " ".join(printable(" ".join(str(error).split())).split())[:300]
    if isinstance(error, ImportError) and "timm" in text and "not supported in your version" not in text:
        return MissingExtraError(f"{architecture.where} names a model of timm; type: pip install timm")
    keys = _named_in(f"{text} {error!r}", architecture.values)
    blamed = f" ({', '.join(keys)})" if keys else ""
    return WeightsError(
        f"{architecture.where}: no {what} can be built of it{blamed}: {type(error).__name__}: {text or 'no reason'}"
    )


def _failures() -> tuple[type[BaseException], ...]:
    from huggingface_hub import errors

    strict = getattr(errors, "StrictDataclassError", None)  # huggingface_hub 1.x on
    return FAILURES if strict is None else (*FAILURES, strict)


def _named_in(text: str, values: Mapping[str, Any]) -> list[str]:
    """Return the keys that a message names, or whose text it quotes."""
    said = set(re.findall(r"\w+", text))
    quoted = [key for key, value in values.items() if isinstance(value, str) and len(value) > 2 and value in said]
    return ([key for key in values if key in said] or quoted)[:3]


def _check_block(values: Mapping[str, Any], where: str, path: str, left: Iterator[int], depth: int) -> None:
    width, heads = values.get("hidden_size"), values.get("num_attention_heads")
    if isinstance(width, int) and isinstance(heads, int) and heads > 0 and width % heads and "head_dim" not in values:
        raise WeightsError(f"{where}: {path}hidden_size {width} is no multiple of num_attention_heads {heads}")
    if depth > _MAX_DEPTH:
        raise WeightsError(f"{where}: {path[:80]} is nested {depth} deep, which no config is")
    for key, value in values.items():
        if next(left, None) is None:
            raise WeightsError(f"{where} holds more than {_MAX_NODES:,} values, which no config does")
        if not isinstance(key, str) and not (isinstance(key, int) and path.endswith("id2label.")):
            raise WeightsError(f"{where}: the key {path}{key!r} is no text")
        _check_value(str(key), value, where, f"{path}{str(key)[:80]}")
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, Mapping):
                _check_block(inner, where, f"{path}{key}.", left, depth + 1)


def _check_value(key: str, value: Any, where: str, path: str) -> None:
    def refuse(allowed: str) -> WeightsError:
        return WeightsError(f"{where}: {path} is {printable(repr(value))[:120]}; {allowed}")

    if key in ("quantization_config", "compression_config") and value:
        raise refuse("quantized weights are not taken: save the model in float32, or use its unquantized original")
    if key in ("attn_implementation", "_attn_implementation") and value is not None and value not in _ATTENTION:
        raise refuse(f"allowed are {', '.join(_ATTENTION)}: no code is taken from the hub")
    if key in ("dtype", "torch_dtype") and value is not None and str(value).removeprefix("torch.") not in _DTYPES:
        raise refuse(f"allowed are {', '.join(_DTYPES)}")
    if key == "problem_type" and value is not None and value not in _PROBLEMS:
        raise refuse(f"allowed are {', '.join(_PROBLEMS)}")
    if key in ("model_type", "architecture", "hidden_act") and not isinstance(value, str | None):
        raise refuse("it must be text")
    if key == "architecture" and value is not None and not re.fullmatch(r"[\w.-]+", value):
        raise refuse("it must be the name of a model of timm: none is fetched for it")
    if key == "architectures" and not _is_list_of(value, str):
        raise refuse("it must be a list of names of classes")
    if key == "label_names" and not _is_list_of(value, str, int):
        raise refuse("it must be a list of names")
    if key == "id2label" and value is not None and not _is_labels(value, value.keys() if _is_map(value) else ()):
        raise refuse("it must be an object that gives each class number its name")
    if key == "label2id" and value is not None and not _is_labels(value, value.values() if _is_map(value) else ()):
        raise refuse("it must be an object that gives each class name its number")
    if key.endswith("_config") and key != "quantization_config" and value is not None and not _is_map(value):
        raise refuse("it must be an object")
    _check_numbers(key, value, refuse)


def _check_numbers(key: str, value: Any, refuse: Callable[[str], WeightsError]) -> None:
    numbers = value if isinstance(value, list) else [value]
    limit = _limit(key)
    for number in numbers:
        if number is None or isinstance(number, (bool, Mapping)):
            continue
        if limit and isinstance(number, str):
            raise refuse("it must be a number, not text")
        if isinstance(number, float) and not abs(number) < 1e30:
            raise refuse("it must be a finite number")
        if isinstance(number, int) and abs(number) > (limit or _MAX["any"]):
            raise refuse(f"at most {limit or _MAX['any']:,} is taken")
        if limit and isinstance(number, int) and number <= 0 and key.startswith(_ABOVE_0):
            raise refuse("it must be above 0")
        if "drop" in key and isinstance(number, int | float) and not 0 <= number <= 1:
            raise refuse("it must be from 0 to 1")
    total = sum(number for number in numbers if isinstance(number, int)) if limit == _MAX["parts"] else 0
    if total > _MAX["parts"]:
        raise refuse(f"at most {_MAX['parts']:,} in all are taken")


def _limit(key: str) -> int:
    if key in ("num_labels", "num_classes"):
        return _MAX["labels"]
    if _EDGE.search(key):
        return _MAX["edge"]
    if _COUNTED.search(key):
        return _MAX["parts"]
    return 1 << 20 if _WIDTH.search(key) else 0


def _check_tokens(values: Mapping[str, Any], where: str) -> None:
    """Refuse more patches than any network has: some classes compute a table of them in Python, number by number."""
    blocks = [values, *(value for value in values.values() if isinstance(value, Mapping))]
    for block in blocks:
        size, patch = (_first(block.get(key)) for key in ("image_size", "patch_size"))
        frames = _first(block.get("num_frames")) or 1
        if size and patch and (size // patch) ** 2 * frames > 2 * _MAX_TOKENS:
            raise WeightsError(
                f"{where}: image_size {size}, patch_size {patch} and {frames} frames make more than {_MAX_TOKENS:,} "
                f"patches, which no detector has"
            )


def _first(value: Any) -> int:
    inner = value[0] if isinstance(value, list) and value else value
    return inner if isinstance(inner, int) and not isinstance(inner, bool) and inner > 0 else 0


def _without_ours(values: Mapping[str, Any], inside: str = "") -> dict[str, Any]:
    return {
        key: _without_ours(value, key) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if key not in _NOT_OURS and not (key in _NOT_TIMMS and inside == "model_args")
    }


def _is_map(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_list_of(value: Any, *kinds: type) -> bool:
    return value is None or (isinstance(value, list | tuple) and all(isinstance(inner, kinds) for inner in value))


def _is_labels(value: Any, numbers: Any) -> bool:
    if not _is_map(value):
        return False
    names = [name for pair in value.items() for name in pair]
    whole = all(re.fullmatch(r"\d{1,9}", str(number).strip()) for number in numbers)
    return whole and all(isinstance(name, str | int) and not isinstance(name, bool) for name in names)
